"""Trainings on several cohorts at once."""

import json
import shutil

import pytest

from SpineLab.training.facts import FILE
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.session import run_training
from SpineLib.errors import SpineError
from Testing.balls import write_ball_cohort
from Testing.trainings import TINY

SHORT = SegmentationConfig.from_dict(TINY).changed(optimisation={"steps": 2}, validation={"cases": 3, "every": 2})


def test_the_cases_of_several_cohorts_are_trained_on_and_held_out_together(ball_cohort, tmp_path):
    other = write_ball_cohort(tmp_path / "other", seed=77)
    run_training(SHORT, [ball_cohort, other], tmp_path / "run", cache=tmp_path / "cache", processes=1)
    names = json.loads((tmp_path / "run" / FILE).read_text(encoding="utf-8"))["cases"]
    everyone = [*names["training"], *names["held_out"]]
    assert len(names["held_out"]) == 3
    assert sorted(everyone) == sorted(f"{folder}/sub-00{n}" for folder in ("cohort", "other") for n in range(1, 7))


def test_cohorts_in_folders_of_one_name_are_refused_since_their_cases_would_be_called_the_same(ball_cohort, tmp_path):
    shutil.copytree(ball_cohort, tmp_path / "cohort")
    with pytest.raises(SpineError, match="rename one"):
        run_training(SHORT, [ball_cohort, tmp_path / "cohort"], tmp_path / "run", processes=1)


def test_one_patient_in_two_cohorts_is_refused(ball_cohort, tmp_path):
    shutil.copytree(ball_cohort, tmp_path / "again")
    with pytest.raises(SpineError, match="same image"):
        run_training(SHORT, [ball_cohort, tmp_path / "again"], tmp_path / "run", cache=tmp_path / "cache", processes=1)
