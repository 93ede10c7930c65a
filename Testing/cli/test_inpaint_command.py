"""``spine inpaint``: from files to a repaired vertebra and a printable model."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.mesh.files import read_mesh
from SpineLib.volume import SegmentInfo, read_volume, write_segmentation, write_volume
from SpineLib.volume.levels import SNOMED
from SpineLib.volume.segments import read_segments
from Testing.layers import write_layers
from Testing.vertebrae import column, with_hole


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Labels as of VerSe (T12, L1, L2), the same as of TotalSegmentator and as segments, and a lesion of L1."""
    folder = tmp_path_factory.mktemp("inpaint")
    labels, lesion = with_hole(column(), 11, (14.0, -16.0, 2.0), 11.0)
    verse = labels.with_array(np.where(labels.array > 0, labels.array + 9, 0).astype(np.uint8))
    total = labels.with_array(np.where(labels.array > 0, 42 - labels.array, 0).astype(np.uint8))
    write_volume(verse, folder / "verse.nii.gz")
    write_volume(total, folder / "total.nii.gz")
    write_volume(lesion, folder / "lesion.nii.gz")
    write_segmentation(
        folder / "named.seg.nrrd",
        labels,
        [SegmentInfo(number, name, (1, 0, 0), "") for number, name in ((10, "vertebrae_T12"), (11, "L1"), (12, "L2"))],
    )
    return folder


def run(files, *more: str, vertebrae: str = "verse.nii.gz") -> int:
    return main(
        [
            "inpaint",
            "--vertebrae",
            str(files / vertebrae),
            "--lesion",
            str(files / "lesion.nii.gz"),
            "--method",
            "templates",
            *more,
        ]
    )


def test_the_segmentation_holds_the_repaired_vertebra_under_its_level(files, tmp_path, capsys):
    assert run(files, "-o", str(tmp_path / "repaired.seg.nrrd"), "--json", str(tmp_path / "r.json")) == 0
    _, (segment,) = read_segments(tmp_path / "repaired.seg.nrrd")
    assert (segment.info.label, segment.info.name) == (20, "L1 repaired")
    said = json.loads((tmp_path / "r.json").read_text())
    volume = np.count_nonzero(segment.mask.array) * segment.mask.voxel_volume_ml
    assert said["measures"]["volume_after_ml"] == pytest.approx(volume)
    assert said["measures"]["added_ml"] > 2
    assert "L1 repaired" in capsys.readouterr().out


@pytest.mark.parametrize("vertebrae", ["total.nii.gz", "named.seg.nrrd"])
def test_other_numbers_and_names_give_the_same_repair(files, tmp_path, vertebrae):
    assert run(files, "-o", str(tmp_path / "a.nii.gz")) == 0
    assert run(files, "-o", str(tmp_path / "b.nii.gz"), "--label", "L1", vertebrae=vertebrae) == 0
    assert np.array_equal(*(read_volume(tmp_path / name).array for name in ("a.nii.gz", "b.nii.gz")))


@pytest.fixture(scope="module")
def foreign(files):
    """The same vertebrae counted from below, and in a map with organs as TotalSegmentator writes it."""
    labels = read_volume(files / "verse.nii.gz")
    below = np.where(labels.array > 0, 22 - labels.array, 0).astype(np.uint8)  # L2 is 1
    write_volume(labels.with_array(below), files / "below.nii.gz")
    whole = np.where(labels.array > 0, 51 - labels.array, 0).astype(np.uint8)
    whole[:6, :8, :8], whole[20:30, :8, :8] = 22, 5  # prostate, liver
    write_volume(labels.with_array(whole), files / "whole.nii.gz")
    return files


def test_a_count_from_below_gets_no_level_and_no_levels_code(foreign, tmp_path, capsys):
    assert run(foreign, "-o", str(tmp_path / "r.seg.nrrd"), "--label", "2", vertebrae="below.nii.gz") == 0
    _, (segment,) = read_segments(tmp_path / "r.seg.nrrd")
    assert segment.info.name == "vertebra 2 repaired" and not any(
        code in segment.info.terminology for code in SNOMED.values()
    )
    said = capsys.readouterr().out
    assert "vertebra 2 repaired" in said and "Nothing tells for certain how the vertebrae are numbered" in said


def test_the_user_can_say_how_a_file_is_numbered(foreign, tmp_path, capsys):
    more = ["--numbers", "from-below:L2", "--label", "L1"]
    assert run(foreign, "-o", str(tmp_path / "r.seg.nrrd"), *more, vertebrae="below.nii.gz") == 0
    _, (segment,) = read_segments(tmp_path / "r.seg.nrrd")
    assert (segment.info.label, segment.info.name) == (20, "L1 repaired") and SNOMED["L1"] in segment.info.terminology
    assert run(foreign, "-o", str(tmp_path / "s.nii.gz"), "--numbers", "verse", vertebrae="below.nii.gz") == 1
    assert "order along the spine contradicts" in capsys.readouterr().err
    assert run(foreign, "-o", str(tmp_path / "s.nii.gz"), "--numbers", "mine", vertebrae="below.nii.gz") == 2
    assert "verse, totalsegmentator" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["L1", "31"])
def test_organs_of_a_whole_map_are_no_vertebrae(foreign, tmp_path, capsys, name):
    assert run(foreign, "-o", str(tmp_path / "a.nii.gz"), "--label", name, vertebrae="whole.nii.gz") == 0
    assert "2 labels (5, 22) are no vertebrae and were left out" in capsys.readouterr().out
    assert run(foreign, "-o", str(tmp_path / "b.nii.gz")) == 0
    assert np.array_equal(*(read_volume(tmp_path / name).array for name in ("a.nii.gz", "b.nii.gz")))


def test_a_lesion_of_overlapping_segments_and_nearly_whole_numbers_is_read_as_a_mask(files, tmp_path):
    lesion, vertebrae = read_volume(files / "lesion.nii.gz"), read_volume(files / "verse.nii.gz")
    write_layers(tmp_path / "lesion.seg.nrrd", lesion, {"core": lesion.array, "rim": lesion.array})
    write_volume(vertebrae.with_array((vertebrae.array * 0.9999999).astype(np.float32)), tmp_path / "nearly.nii.gz")
    for number, (vertebra, mark) in enumerate(
        ((files / "verse.nii.gz", files / "lesion.nii.gz"), (tmp_path / "nearly.nii.gz", tmp_path / "lesion.seg.nrrd"))
    ):
        line = ["inpaint", "--vertebrae", str(vertebra), "--lesion", str(mark), "--method", "templates"]
        assert main([*line, "-o", str(tmp_path / f"{number}.nii.gz")]) == 0
    assert np.array_equal(*(read_volume(tmp_path / f"{number}.nii.gz").array for number in (0, 1)))


def test_a_mask_of_the_whole_column_is_no_vertebra_to_repair(foreign, tmp_path, capsys):
    labels = column(count=4)
    write_volume(labels.with_array((labels.array > 0).astype(np.uint8)), foreign / "one.nii.gz")
    assert run(foreign, "-o", str(tmp_path / "r.nii.gz"), vertebrae="one.nii.gz") == 1
    assert "more than one vertebra" in capsys.readouterr().err


def test_a_model_to_print_and_a_page_are_written_too(files, tmp_path):
    assert (
        run(
            files,
            "-o",
            str(tmp_path / "r.nrrd"),
            "--mesh",
            str(tmp_path / "l1.stl"),
            "--report",
            str(tmp_path / "page.html"),
        )
        == 0
    )
    assert "L1, repaired" in (tmp_path / "page.html").read_text()
    points = read_mesh(tmp_path / "l1.stl").points
    assert np.ptp(points, axis=0) == pytest.approx([68, 68, 24], abs=4)  # the vertebra's width, depth, height in mm


def test_a_model_that_cannot_be_printed_is_told_and_the_repair_is_there_all_the_same(files, tmp_path, capsys):
    labels = read_volume(files / "verse.nii.gz")
    labels.array[2:8, 2:8, 2:8] = 20  # of L1, far from it
    write_volume(labels, tmp_path / "island.nii.gz")
    wanted = ("-o", str(tmp_path / "r.nii.gz"), "--mesh", str(tmp_path / "r.stl"))
    assert run(files, *wanted, vertebrae=str(tmp_path / "island.nii.gz")) == 1
    told = capsys.readouterr()
    assert "L1 repaired" in told.out and "The repair was written, its model was not" in told.err
    assert read_volume(tmp_path / "r.nii.gz").array.any() and not (tmp_path / "r.stl").exists()


def test_a_page_with_the_pictures_is_written_and_no_model_unless_asked_for(files, tmp_path):
    assert run(files, "-o", str(tmp_path / "r.nrrd"), "--report", str(tmp_path / "page.html")) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "L1, repaired" in page and "Coronal, after" in page and "Print gate" in page
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "r.nrrd"]


@pytest.mark.parametrize("simulated", [True, False])
def test_page_json_and_terminal_say_that_a_case_is_simulated_and_of_a_patient_they_do_not(
    files, tmp_path, capsys, simulated
):
    case = tmp_path / "cohort" / "derivatives" / "labels" / "sub-001"
    case.mkdir(parents=True)
    (tmp_path / "cohort" / "dataset_description.json").write_text(json.dumps({"Simulated": simulated}))
    for name in ("verse.nii.gz", "lesion.nii.gz"):
        shutil.copy(files / name, case / name)
    assert (
        run(
            case,
            "-o",
            str(tmp_path / "r.nrrd"),
            "--report",
            str(tmp_path / "page.html"),
            "--json",
            str(tmp_path / "r.json"),
        )
        == 0
    )
    words = "Simulated data, not a patient"
    assert (words in (tmp_path / "page.html").read_text(encoding="utf-8")) is simulated
    assert json.loads((tmp_path / "r.json").read_text())["simulated"] is simulated
    assert (words in capsys.readouterr().out) is simulated


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "OUT/r.xyz"], "cannot be written"),
        (["-o", "OUT/r.nrrd", "--label", "L5"], "L5 is not among"),
        (["-o", "OUT/r.nrrd", "--label", "hip"], "no vertebra"),
        (["-o", "OUT/no/r.nrrd"], "does not exist"),
        (["-o", "OUT/r.nrrd", "--mesh", "OUT/r.xyz"], "model cannot"),
        (["-o", "OUT/there.nrrd"], "exists already"),
        (["-o", "OUT/r.nrrd", "--model", "complete-vertebra"], "uses no model"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(files, tmp_path, capsys, more, words):
    (tmp_path / "there.nrrd").write_text("mine")
    assert run(files, *(text.replace("OUT", str(tmp_path)) for text in more)) == 1
    assert words in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["there.nrrd"]
    assert (tmp_path / "there.nrrd").read_text() == "mine"


def test_a_ct_or_vertebrae_are_needed(files, tmp_path, capsys):
    assert main(["inpaint", "--lesion", str(files / "lesion.nii.gz"), "-o", str(tmp_path / "r.nrrd")]) == 1
    assert "--ct" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_refused_in_one_sentence(tmp_path):
    import torch

    from SpineLib.errors import SpineError
    from SpineLib.inference.predict import choose_device

    absent = "mps" if not torch.backends.mps.is_available() else "cuda"
    with pytest.raises(SpineError, match="There is no device"):
        choose_device(absent)
