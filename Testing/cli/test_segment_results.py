"""``spine segment``: results are kept, replaced and placed only as the user means it."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from Testing.tasks.tiny import patient, save_tiny


@pytest.fixture
def case(tmp_path, monkeypatch):
    """A patient's files, by themselves and in a folder of patients, and tiny models of 2 and 3 dimensions."""
    save_tiny(tmp_path / "models")
    save_tiny(tmp_path / "models", 3)
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "models"))
    anat = tmp_path / "bids" / "sub-001" / "anat"
    anat.mkdir(parents=True)
    for name, volume in patient().items():
        write_volume(volume, tmp_path / f"{name}.nii.gz")
        write_volume(volume, anat / f"sub-001_{name}w.nii.gz")
    return tmp_path


def arguments(case, *more):
    return ["segment", "--t1", str(case / "T1.nii.gz"), "--t2", str(case / "T2.nii.gz"), *more]


def test_a_result_of_other_settings_is_not_kept_without_a_word(case, capsys):
    command = ["segment", "--bids", str(case / "bids"), "-o", str(case / "out"), "--model", "tiny-2d-t1-t2"]
    assert main([*command, "--threshold", "0.3"]) == 0 == main([*command, "--threshold", "0.3"])
    assert "sub-001: 1 lesion" in capsys.readouterr().out
    for more, words in (
        (["--threshold", "0.4"], "threshold 0.3 instead of 0.4"),
        ([], "threshold 0.3 instead of 0.5"),
        (["--threshold", "0.3", "--lowest", "L4"], "lowest none instead of L4"),
        (["--threshold", "0.3", "--anywhere"], "anywhere no instead of yes"),
        (["--threshold", "0.3", "--reference", "T2"], "reference T1 instead of T2"),
        (["--threshold", "0.3", "--model", "tiny-3d-t1-t2"], "model tiny-2d-t1-t2 instead of tiny-3d-t1-t2"),
    ):
        assert main([*command, *more]) == 1
        told = capsys.readouterr().err
        assert f"sub-001: failed: The case was done earlier with other settings ({words})" in told
    assert main([*command, "--overwrite"]) == 0 == main(command)


def test_lesions_of_a_corrected_mask_keep_their_numbers_and_levels_and_drawn_ones_come_after_them(tmp_path):
    from SpineLib.tasks.segmentation.case_files import CaseFiles
    from SpineLib.tasks.segmentation.naming import LESION_ID, LEVEL, TARGETS

    grid = patient()["T1"]
    labels = np.zeros(grid.shape, np.uint8)
    labels[2:4, 5:9, 5:9], labels[6:8, 20:26, 20:26], labels[9:11, 30:33, 30:33] = 1, 2, 3
    # The first lesion was deleted, the second and third kept, and one drawn: Slicer writes it without our tags.
    segments = [
        SegmentInfo(2, "Lesion 3 (L4)", (1, 0, 0), "", {LESION_ID: "3", LEVEL: "L4"}),
        SegmentInfo(1, "Lesion 2 (L2)", (1, 0, 0), "", {LESION_ID: "2", LEVEL: "L2"}),
        SegmentInfo(3, "Segment_1", (1, 0, 0), "", {}),
    ]
    files = CaseFiles.of(tmp_path, "sub-1", TARGETS["metastasis"], "")
    files.report.write_text(json.dumps({"provenance": {"target": "metastasis"}, "files": {files.mask.name: "other"}}))
    write_segmentation(files.mask, grid.with_array(labels), segments)
    facts, status = files.done()
    assert status == "corrected"
    assert [(one["id"], one["level"]) for one in facts["lesions"]] == [(3, "L4"), (2, "L2"), (4, "")]
    rows = list(csv.DictReader(files.table.open()))
    assert [(row["lesion"], row["level"]) for row in rows] == [("3", "L4"), ("2", "L2"), ("4", "")]
    voxel_ml = float(np.prod(grid.spacing)) / 1000
    assert [float(row["volume_ml"]) for row in rows] == pytest.approx(
        [72 * voxel_ml, 32 * voxel_ml, 18 * voxel_ml], abs=1e-4
    )


def test_vertebrae_are_no_output_and_their_numbers_mean_nothing_without_them(case, capsys):
    grid = patient()["T1"]
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, 10:20], labels[:, 25:35] = 22, 23
    write_volume(grid.with_array(labels), case / "v.nii.gz")
    before = (case / "v.nii.gz").read_bytes()
    given = ["--vertebrae", str(case / "v.nii.gz"), "--numbers", "verse"]
    assert main(arguments(case, *given, "-o", str(case / "v.nii.gz"), "--overwrite")) == 1
    assert "name of an input" in capsys.readouterr().err and (case / "v.nii.gz").read_bytes() == before
    assert main(arguments(case, "--numbers", "verse", "-o", str(case / "o.nrrd"))) == 1
    assert "give that with --vertebrae" in capsys.readouterr().err and not (case / "o.nrrd").exists()


def test_vertebrae_that_lie_elsewhere_are_refused_or_told(case, capsys):
    grid = patient()["T1"]
    labels = np.zeros(grid.shape, np.uint8)
    labels[:, 10:20], labels[:, 25:35] = 22, 23
    for name, step in (("near", 9.0), ("far", 500.0)):
        write_volume(
            replace(grid.with_array(labels), origin=(*grid.origin[:2], grid.origin[2] + step)), case / f"{name}.nrrd"
        )
    line = arguments(case, "--numbers", "verse", "--model", "tiny-2d-t1-t2", "-o", str(case / "o.nrrd"), "--overwrite")
    assert main([*line, "--vertebrae", str(case / "far.nrrd")]) == 1
    assert "None of the vertebrae that were given lies in the T1 image" in capsys.readouterr().err
    assert main([*line, "--vertebrae", str(case / "near.nrrd")]) == 0
    assert "as many voxels as T1 and lie elsewhere" in capsys.readouterr().out


@pytest.mark.parametrize("failing", ["write_report", "write_result"])
def test_after_a_failure_all_files_of_a_result_are_the_old_ones(case, monkeypatch, failing):
    files = {name: case / name for name in ("o.nrrd", "p.nrrd", "t.csv", "r.json")}
    options = zip(("-o", "--probability", "--csv", "--json"), map(str, files.values()))
    line = arguments(case, *(part for one in options for part in one), "--overwrite", "--model", "tiny-2d-t1-t2")
    for path in files.values():
        path.write_text("old")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(f"SpineLib.tasks.segmentation.output.{failing}", interrupted)
    assert main(line) == 130
    assert {path.read_text() for path in files.values()} == {"old"} and not list(case.glob(".spine*"))
