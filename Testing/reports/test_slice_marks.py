"""Letters, scale bar and place of every slice picture, against the image's own geometry."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from SpineLib.reports.key_pictures import key_picture
from SpineLib.reports.slice_marks import bar_mm, slice_place
from SpineLib.reports.viewer import Layer, close_ups, slice_viewer
from SpineLib.volume import Volume

#: Sagittal slices 4 mm apart from x = -10 mm (the right, in LPS) on; rows 0.5 mm, columns 0.8 mm.
SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)


@pytest.fixture
def scan():
    array = np.random.default_rng(0).integers(0, 500, (6, 120, 70)).astype(np.float32)
    image = Volume(array, (0.8, 0.5, 4.0), (-10.0, 5.0, 40.0), SAGITTAL)
    mask = np.zeros(array.shape, np.uint8)
    mask[3:5, 60:70, 30:40] = 1
    return image, image.with_array(mask)


def pictures(html):
    return list(ElementTree.fromstring(f"<div>{html}</div>").iter("svg"))


@pytest.mark.parametrize(
    "plane, letters, millimetres",
    [("sagittal", "APHF", (70 * 0.8, 120 * 0.5)), ("axial", "RLAP", (6 * 4, 70 * 0.8)), ("coronal", "RLHF", (24, 60))],
)
def test_every_picture_has_the_letters_of_its_plane_and_its_shape_in_millimetres(scan, plane, letters, millimetres):
    image, mask = scan
    for svg in pictures(slice_viewer({"T1": image, "T2": image}, [Layer("a", mask, "red")], blend=True, plane=plane)):
        assert [text.text for text in svg.iter("text")][:4] == list(letters)
        assert [float(value) for value in svg.get("viewBox").split()[2:]] == pytest.approx(millimetres)
        assert svg.get("preserveAspectRatio") is None, "neither width nor height is stretched"


def test_the_bar_is_as_long_as_it_says(scan):
    image, mask = scan
    shown = [
        *pictures(slice_viewer({"T1": image}, [Layer("a", mask, "red")])),
        *pictures(close_ups([("T1", image, [Layer("a", mask, "red")])], mask)),
    ]
    for svg in shown:
        start, end = re.match(r"M([\d.]+) [\d.]+H([\d.]+)", svg.find(".//path[@class='bar']").get("d")).groups()
        said = next(text.text for text in svg.iter("text") if text.text.endswith("mm"))
        assert f"{float(end) - float(start):.0f} mm" == said
        assert float(end) <= float(svg.get("viewBox").split()[2])


def test_a_bar_is_round_and_no_longer_than_a_third():
    assert [bar_mm(width) for width in (2, 16, 59, 61, 400)] == [1, 5, 10, 20, 100]


def test_a_slice_says_on_which_side_it_lies(scan):
    image, _ = scan
    assert [slice_place(image, "sagittal", n) for n in (0, 2, 3, 5)] == ["R 10 mm", "R 2 mm", "L 2 mm", "L 10 mm"]
    # Rows begin at z = 40 mm and run down; columns begin at y = 5 mm and run back.
    assert slice_place(image, "axial", 0) == "H 40 mm" and slice_place(image, "axial", 100) == "F 10 mm"
    assert slice_place(image, "coronal", 0) == "P 5 mm"


def test_the_side_does_not_depend_on_the_axis_order(scan):
    image, _ = scan
    turned = Volume(image.array[::-1], image.spacing, (10.0, 5.0, 40.0), SAGITTAL * [1, 1, -1])
    assert [slice_place(turned, "sagittal", n) for n in range(6)] == [
        slice_place(image, "sagittal", n) for n in range(6)
    ]


def test_a_key_picture_draws_outline_and_bar_at_one_scale(scan):
    image, mask = scan
    dark = image.with_array(np.zeros_like(image.array))
    found = key_picture("Lesion", [("T1", dark, [Layer("a", mask, "#ff0000")])], mask, border_mm=10, height=300)
    red = np.argwhere((found.pixels[..., 0] > 200) & (found.pixels[..., 1] < 60))
    # 10 rows of 0.5 mm with 10 mm on each side: 25 mm on 300 pixels.
    scale = 300 / 25
    height, width = np.ptp(red, axis=0) + 1
    # The line has two pixels.
    assert abs(height - 10 * 0.5 * scale) <= 4 and abs(width - 10 * 0.8 * scale) <= 4
    bar = np.argwhere((found.pixels[-26 - 26 - 40 :, :] > 220).all(axis=-1))
    _, counts = np.unique(bar[:, 0], return_counts=True)
    assert abs(np.sort(counts)[-3] - bar_mm(28) * scale) <= 3, "the bar is three rows high"


def test_nothing_is_drawn_of_an_empty_mask(scan):
    image, mask = scan
    assert key_picture("Lesion", [("T1", image, [])], mask.with_array(mask.array * 0)) is None
