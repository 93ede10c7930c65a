"""``spine compare``: from two masks to figures, table and surface; what cannot be compared costs no file."""

import csv
import json

import numpy as np
import pytest

from SpineLab.bench import compare as bench_compare
from SpineLib.cli.main import main
from SpineLib.tasks.followup.compare import compare
from SpineLib.tasks.registration.quality import RegistrationQuality, record_of
from SpineLib.tasks.registration.record import write_registration
from SpineLib.tasks.registration.register import Registration
from SpineLib.tasks.segmentation.naming import ALTERED_STRUCTURE, METASTASIS, NECROSIS, VERTEBRA, terminology_entry
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from SpineLib.volume.transform import write_transform
from Testing.tasks.balls import ball, grid, moved_by, union

DEAD = terminology_entry(ALTERED_STRUCTURE, NECROSIS, VERTEBRA)


@pytest.fixture
def case(tmp_path):
    """Two metastases as segments, one necrosis at the first of them, and where the patient moved."""
    on = grid(half=22.0)
    one, two, dead = ball(6.0, (-8, 0, 0), on), ball(4.0, (14, 0, 0), on), ball(8.0, (-7, 0, 0), on)
    labels = union(one, two.with_array(2 * two.array))
    infos = [SegmentInfo(1, "Lesion 1", (1, 0, 0), METASTASIS), SegmentInfo(2, "Lesion 2", (1, 0, 0), METASTASIS)]
    write_segmentation(tmp_path / "before.seg.nrrd", labels, infos)
    write_segmentation(tmp_path / "after.seg.nrrd", dead, [SegmentInfo(1, "Necrosis", (0, 1, 0), DEAD)])
    write_transform(moved_by(x=0.5, z=-1.0), tmp_path / "t.tfm")
    return tmp_path


def run(case, *more, before="before.seg.nrrd", after="after.seg.nrrd"):
    return main(["compare", "--before", str(case / before), "--after", str(case / after), *map(str, more)])


def test_one_metastasis_gives_json_table_and_surface(case, capsys):
    outputs = ["-o", case / "c.json", "--csv", case / "c.csv", "--surface", case / "m.vtp"]
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm", "--error", 0.5, *outputs) == 0
    figures = json.loads((case / "c.json").read_text())
    on = grid(half=22.0)
    expected = compare(ball(6.0, (-8, 0, 0), on), ball(8.0, (-7, 0, 0), on), moved_by(x=0.5, z=-1.0), error_mm=0.5)
    assert figures["overlap"]["dice"] == pytest.approx(expected.values["dice"], abs=1e-4)
    assert figures["distance"]["minimum_mm"] == pytest.approx(expected.values["minimum_mm"], abs=1e-3)
    assert figures["verdict"]["outcome"] == expected.verdict.outcome
    (row,) = csv.DictReader((case / "c.csv").open())
    assert row["name"] == "Lesion 1" and float(row["dice"]) == pytest.approx(figures["overlap"]["dice"], rel=1e-5)
    assert (case / "m.vtp").stat().st_size > 1000
    told = capsys.readouterr().out
    assert "Lesion 1: " in told and "Rule: Complete" in told and "Research use only" in told


def registered(case, error_mm=1.5, trusted=True, path="t.tfm", moved=None):
    """The transform as ``spine register`` writes it, its error beside it."""
    quality = RegistrationQuality(0.6, 0.5, 0.9, 0.2, 1.0, error_mm, trusted, () if trusted else ("Check the level.",))
    matrix = moved_by(x=0.5, z=-1.0) if moved is None else moved
    write_registration(Registration(matrix, quality, {"task": "register"}, []), case / path)


def test_the_error_beside_the_transform_is_taken_into_account(case, capsys):
    registered(case, error_mm=1.5)
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm", "-o", case / "c.json") == 0
    figures = json.loads((case / "c.json").read_text())
    assert figures["distance"]["error_mm"] == 1.5 and figures["provenance"]["parameters"]["trusted"] is True
    assert "registration error (1.5 mm)" in capsys.readouterr().out
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm", "--error", 0.2) == 0
    assert "registration error (0.2 mm)" in capsys.readouterr().out, "the user's own word counts more"


def test_a_registration_that_is_not_trusted_tells_nothing_until_it_is_accepted(case, capsys):
    registered(case, trusted=False)
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm") == 0
    assert "Lesion 1: not to be told" in capsys.readouterr().out
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm", "--accept") == 0
    assert "is not to be trusted." not in capsys.readouterr().out


def test_the_record_of_a_transform_that_was_changed_since_is_left_aside_and_this_is_told(case, capsys):
    registered(case)
    write_transform(moved_by(x=3.0), case / "t.tfm")
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm") == 0
    told = capsys.readouterr().out
    assert "was changed since it was registered" in told and "error is not known" in told
    assert record_of(case / "t.tfm") == case / "t.json"
    (case / "t.json").write_text('{"quality": {"error_mm": "much"}}')
    assert run(case, "--segment-before", "Lesion 1", "--transform", case / "t.tfm") == 0
    assert "no record of its registration" in capsys.readouterr().out


def test_all_metastases_are_compared_each_with_its_necrosis(case, capsys):
    assert run(case, "--all", "--csv", case / "c.csv", "-o", case / "c.json") == 0
    rows = list(csv.DictReader((case / "c.csv").open()))
    assert [row["name"] for row in rows] == ["Lesion 1", "Lesion 2"]
    assert float(rows[0]["covered_share"]) > 0.9 and float(rows[1]["covered_share"]) == 0
    assert rows[1]["minimum_mm"] == "" and [one["name"] for one in json.loads((case / "c.json").read_text())]


def test_an_empty_necrosis_is_a_result(case, capsys):
    write_volume(grid(), case / "empty.nrrd")
    assert run(case, "--segment-before", "1", after="empty.nrrd") == 0
    told = capsys.readouterr().out
    assert "incomplete" in told and " nan " not in told


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "2 segments ('Lesion 1', 'Lesion 2'); choose one with --segment-before"),
        (("--segment-before", "Tumour"), "holds 'Lesion 1', 'Lesion 2'"),
        (("--all", "--surface", "m.vtp"), "a surface file holds one"),
        (("--segment-before", "1", "--surface", "m.stl"), "cannot be written as '.stl'"),
        (("--segment-before", "1", "--transform", "gone.tfm"), "does not exist"),
        (("--segment-before", "1", "--bins", "5", "0"), "increase"),
        (("--segment-before", "1", "--error", "-1"), "registration error"),
        (("--segment-before", "1", "-o", "before.seg.nrrd", "--overwrite"), "name of an input"),
    ],
)
def test_what_cannot_be_done_is_told_and_leaves_no_file(case, capsys, monkeypatch, more, words):
    monkeypatch.chdir(case)
    before = {path: path.read_bytes() for path in case.iterdir()}
    assert run(case, "--csv", case / "c.csv", *more) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert words in told and told.endswith(".")
    assert {path: path.read_bytes() for path in case.iterdir()} == before


def test_swapped_files_are_noticed_by_what_their_segments_are(case, capsys):
    assert run(case, "--segment-after", "1", before="after.seg.nrrd", after="before.seg.nrrd") == 1
    assert "swap --before and --after" in capsys.readouterr().err


def test_the_measurement_beside_monai_says_what_it_measured(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench_compare, "SHAPE", (40, 44, 44))
    monkeypatch.setattr(bench_compare, "SPACING", (1.6, 1.6, 1.6))
    monkeypatch.setattr(bench_compare, "FINER", 2)
    monkeypatch.setattr(bench_compare, "REPEATS", 1)
    assert main(["bench", "compare", "--json", str(tmp_path / "f.json")]) == 0
    (figures,) = json.loads((tmp_path / "f.json").read_text())
    assert figures["simulated"] and figures["times_faster"] == pytest.approx(
        figures["seconds"]["monai"] / figures["seconds"]["ours"]
    )
    assert np.allclose(figures["volumes_ml"], (20, 35), rtol=0.1)
    assert figures["largest_difference_finer_mm"] < 0.4  # half a voxel
    assert "two simulated masks" in capsys.readouterr().out
