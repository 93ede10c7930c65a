"""Models that mark lesions, measured on cases with masks: what counts as found, and what the command writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from SpineLab.evaluation.ct_marked import compared_masks
from SpineLib.cli.main import main
from SpineLib.tasks.ct.lesion_boxes import CtLesion
from SpineLib.tasks.ct.lesions import CtLesions
from SpineLib.volume import write_volume
from Testing.tasks.test_ct_compared_lesions import BODIES, as_volume, judge_bundle, spine


def test_a_mark_finds_the_lesion_it_overlaps_and_one_beside_all_lesions_is_false():
    truth = np.zeros((20, 20, 20), np.uint8)
    truth[2:8, 2:8, 2:8], truth[12:18, 12:18, 12:18] = 1, 2
    marks = np.zeros(truth.shape, np.uint16)
    marks[2:8, 2:8, 2:5] = 1  # half of the first lesion
    marks[13:15, 13:15, 13:15] = 2  # 4 % of the second, but all of it inside
    marks[2:5, 14:17, 2:5] = 3
    found = CtLesions([lesion(1, 0.9), lesion(2, 0.5), lesion(3, 0.7)], {}, [], "", as_volume(marks))
    result, dice = compared_masks("a", truth, found, 0.6)
    assert result.best == (0.9, 0.5) and result.false == (0.7,)
    assert dice == [pytest.approx(2 * 108 / (108 + 216))]  # the second is not found at this threshold


def lesion(number, probability):
    sides = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    return CtLesion(number, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), sides, probability, (0, 1), (1.0, 1.0), "region")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """One patient with a dense ball in a body."""
    folder = tmp_path_factory.mktemp("cohort")
    middle = BODIES[1] + (0, 0, 9)
    image, labels = spine([(middle, 6, 600)])
    ball = sum((axis - at) ** 2 for axis, at in zip(np.indices(image.shape), middle)) < 6**2
    own = folder / "derivatives" / "labels" / "sub-001"
    for place in (folder / "sub-001" / "ct", own / "ct"):
        place.mkdir(parents=True)
    write_volume(as_volume(image), folder / "sub-001" / "ct" / "sub-001_ct.nii.gz")
    lesions = (ball & (labels > 0)).astype(np.uint8)
    for name, array in (("vertebrae_dseg", labels), ("intact_dseg", labels), ("lesion_mask", lesions)):
        write_volume(as_volume(array), own / "ct" / f"sub-001_label-{name}.nii.gz")
    (own / "sub-001_truth.json").write_text("{}")
    return folder


def test_the_command_counts_lesions_found_and_false_marks_of_a_model_that_compares_vertebrae(cohort, tmp_path, capsys):
    bundle = judge_bundle(tmp_path / "judge")
    words = ["evaluate", "ct-lesions", "--cohort", str(cohort), "--model", str(bundle.folder), "--device", "cpu"]
    assert main([*words, "--around-vertebrae", "-o", str(tmp_path / "out")]) == 0
    told = json.loads((tmp_path / "out" / "ct-lesions.json").read_text())
    assert told["at"]["0.5"] == {"lesions": 1, "found": 1, "false_marks_a_case": 0.0}
    assert told["median_dice_of_found"] > 0.7  # the mask grows by a voxel, half of which smoothing has taken
    assert "| differs | 0.5 | 1 of 1 | 0.00 |" in capsys.readouterr().out
    assert "**simulated data**" in (tmp_path / "out" / "ct-lesions.md").read_text()


def test_key_slices_alone_are_refused_for_a_model_that_needs_whole_cts(tmp_path, capsys):
    (tmp_path / "DL_info.csv").write_text("File_name\n")
    bundle = judge_bundle(tmp_path / "judge")
    words = ["evaluate", "ct-lesions", "--cohort", str(tmp_path), "--model", str(bundle.folder)]
    assert main([*words, "-o", str(tmp_path / "out")]) == 1
    assert "needs whole CTs" in capsys.readouterr().err
