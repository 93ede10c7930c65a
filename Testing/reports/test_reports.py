"""Tables, pictures, charts and the page that stands alone."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.reports import (
    Column,
    Interval,
    Layer,
    Section,
    Table,
    Tile,
    facts,
    interval_chart,
    sagittal_index,
    slice_viewer,
    write_page,
)
from SpineLib.reports.pictures import grey, grey_window, outline_path, png
from SpineLib.volume import Volume

#: Array axes k, j, i run right to left, superior to inferior, anterior to posterior; columns are i, j, k in LPS.
SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=float)


@pytest.fixture
def table() -> Table:
    columns = [
        Column("id", "Lesion"),
        Column("volume_ml", "Volume", "ml", 2),
        Column("dice", "Dice", "%", 1, percent=True),
        Column("centre_ras_mm", "Centre", "mm", 0),
        Column("found", "Found"),
    ]
    return Table(
        columns,
        [
            {"id": 1, "volume_ml": 3.14159, "dice": 0.8123, "centre_ras_mm": (1.4, -2.0, 3.0), "found": True},
            {"id": "<b>|2", "volume_ml": float("nan"), "found": False},
        ],
    )


def test_csv_keeps_every_digit_and_reads_back(table):
    rows = list(csv.DictReader(io.StringIO(table.to_csv(), newline="")))
    assert float(rows[0]["volume_ml"]) == 3.14159 and float(rows[0]["dice"]) == 0.8123
    assert rows[0]["centre_ras_mm"] == "1.4 -2.0 3.0"
    assert rows[1]["id"] == "<b>|2" and rows[1]["dice"] == ""


def test_people_read_rounded_values_units_and_a_dash_for_what_is_missing(table):
    lines = [[cell.text for cell in row] for row in ElementTree.fromstring(table.to_html()).iter("tr")]
    assert lines[0] == ["Lesion", "Volume [ml]", "Dice [%]", "Centre [mm]", "Found"]
    assert lines[1] == ["1", "3.14", "81.2", "1, -2, 3", "yes"]
    assert lines[2] == ["<b>|2", "–", "–", "–", "no"]


def test_html_is_escaped_and_rows_know_their_slice(table):
    root = ElementTree.fromstring(table.to_html([7, None]))
    rows = root.findall("tbody/tr")
    assert rows[0].get("data-slice") == "7" and rows[1].get("data-slice") is None
    assert rows[1].find("td").text == "<b>|2"


def test_a_png_reads_back_bit_for_bit():
    import imageio.v3

    picture = np.arange(60, dtype=np.uint8).reshape(6, 10)
    content = png(picture)
    assert content.startswith(b"\x89PNG")
    assert np.array_equal(imageio.v3.imread(content, extension=".png"), picture)


def test_the_grey_window_ignores_background_and_survives_nan_and_constant_images():
    array = np.zeros((4, 50, 50), np.float32)
    array[:, 20:30, 20:30] = np.linspace(100, 200, 400).reshape(4, 10, 10)
    array[0, 0, 0] = np.nan
    black, white = grey_window(array)
    assert 99 < black < 105 and 190 < white < 200
    shown = grey(array, (black, white))
    assert shown.dtype == np.uint8 and shown[0, 0, 0] == 0 and shown.max() == 255
    assert grey_window(np.full((2, 2, 2), 7.0)) == (0.0, 1.0)


def corners(path: str) -> np.ndarray:
    return np.array([[float(v) for v in point.split()] for point in re.findall(r"-?[\d.]+ -?[\d.]+", path)])


def test_an_outline_encloses_the_pixels_of_its_mask():
    mask = np.zeros((20, 30), bool)
    mask[5:9, 10:22] = True
    path = outline_path(mask)
    points = corners(path)
    assert path.count("M") == 1 and path.endswith("Z")
    assert np.allclose(points.min(axis=0), [10, 5], atol=0.51) and np.allclose(points.max(axis=0), [22, 9], atol=0.51)


def test_holes_and_separate_parts_have_outlines_of_their_own_and_nothing_has_none():
    mask = np.zeros((20, 30), bool)
    mask[2:10, 2:10] = True
    mask[5:7, 5:7] = False
    mask[15:18, 20:25] = True
    assert outline_path(mask).count("M") == 3
    assert outline_path(np.zeros((5, 5), bool)) == ""


def test_a_mask_at_the_border_has_a_closed_outline():
    points = corners(outline_path(np.ones((6, 8), bool)))
    assert np.allclose(points.min(axis=0), [0, 0], atol=0.51) and np.allclose(points.max(axis=0), [8, 6], atol=0.51)


@pytest.fixture
def scan() -> tuple[Volume, Volume]:
    """A sagittal image of 5 slices, and a mask in slices 3 and 4."""
    array = np.random.default_rng(1).random((5, 12, 16)).astype(np.float32)
    image = Volume(array, (0.5, 0.5, 4.0), (-10, -4, 60), SAGITTAL, "T1")
    mask = np.zeros(array.shape, np.uint8)
    mask[3:5, 4:8, 6:9] = 1
    mask[3, 2:4, 6:9] = 1
    return image, image.with_array(mask)


def frames(html: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(html).findall(".//div[@data-slice]")


def test_the_viewer_starts_where_most_of_the_mask_is_and_draws_it_only_there(scan):
    image, mask = scan
    shown = frames(slice_viewer({"T1": image, "T2": image}, [Layer("Result", mask, "#e5484d")]))
    assert [frame.get("class") for frame in shown] == ["frame", "frame", "frame", "frame on", "frame"]
    assert [len(frame.findall(".//path[@class='layer-0']")) for frame in shown] == [0, 0, 0, 2, 2]
    assert all(len(frame.findall(".//image")) == 2 for frame in shown)


def test_the_viewer_shows_the_same_whatever_the_axis_order(scan):
    image, mask = scan
    turned = [
        Volume(np.ascontiguousarray(v.array.transpose(2, 0, 1)), (0.5, 4.0, 0.5), v.origin, v.direction[:, [1, 2, 0]])
        for v in (image, mask)
    ]
    assert slice_viewer({"T1": turned[0]}, [Layer("R", turned[1], "red")]) == slice_viewer(
        {"T1": image}, [Layer("R", mask, "red")]
    )


def test_a_point_in_the_patient_finds_its_slice(scan):
    image, _ = scan
    for n in range(5):
        lps = image.ijk_to_lps @ [3, 3, n, 1]
        assert sagittal_index(image, (-lps[0], -lps[1], lps[2])) == n
    assert sagittal_index(image, (1000.0, 0.0, 0.0)) in (0, 4)


def test_images_on_unlike_grids_are_refused(scan):
    image, mask = scan
    other = Volume(mask.array, (0.5, 0.5, 4.0), (0, 0, 0), SAGITTAL)
    with pytest.raises(ValueError, match="one grid"):
        slice_viewer({"T1": image}, [Layer("Result", other, "red")])


def test_a_chart_holds_every_value_and_cuts_whiskers_at_its_ends():
    chart = ElementTree.fromstring(
        interval_chart(
            [
                Interval("This case", 81.25, own=True),
                Interval("Paper", 95.0, 10.0, note="<40 patients>"),
                Interval("None", float("nan")),
            ]
        )
    )
    texts = list(chart.itertext())
    assert "81.2 %" in texts and "95.0 ± 10.0 %" in texts and "–" in texts and "<40 patients>" in texts
    whisker = chart.find("line[@class='whisker']")
    assert float(whisker.get("x2")) == 262.0
    assert len(chart.findall("circle")) == 2


def test_the_page_stands_alone_and_says_research_use_only(tmp_path, scan):
    image, mask = scan
    path = tmp_path / "index.html"
    write_page(
        path,
        "A <title>",
        "sub",
        [
            Section("Pictures", slice_viewer({"T1": image}, [Layer("R", mask, "red")])),
            Section("Settings", facts({"a": 1, "b": {"c": ["x", "<y>"]}, "none": None})),
        ],
        tiles=[Tile("81 %", "Dice", "simulated")],
        badges=["Simulated data"],
        footer="made by a test",
    )
    text = path.read_text(encoding="utf-8")
    assert text.count("Research use only, not a medical device") >= 2
    assert "Simulated data" in text and "A &lt;title&gt;" in text and "&lt;y&gt;" in text
    addresses = re.findall(r'(?:src|href)="([^"]*)"', text) + re.findall(r"url\((?!#)([^)]*)\)|@import", text)
    assert addresses and all(address.startswith("data:image/png;base64,") for address in addresses)
    assert [p.name for p in tmp_path.iterdir()] == ["index.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "index.html"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("SpineLib.volume.files.os.replace", full)
    with pytest.raises(SpineError, match="disk is full"):
        write_page(path, "New", "", [])
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["index.html"]
