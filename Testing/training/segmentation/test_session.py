"""Whole trainings: on several cohorts at once, and what of them is written."""

import json
import shutil

import numpy as np
import pytest
from safetensors.torch import load_file

from SpineLab.training.facts import FILE
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.export import export
from SpineLab.training.segmentation.session import run_training
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
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


def test_weights_may_be_written_a_part_of_the_way_from_the_model_it_started_from(trained, ball_cohort, tmp_path):
    config = SHORT.changed(init_from=str(trained / "model"))
    run_training(config, ball_cohort, tmp_path / "run", cache=tmp_path / "cache", processes=1)
    part = export(tmp_path / "run", tmp_path / "part", last=True, way=0.25)
    former, new = load_bundle(trained / "model").network(), load_file(tmp_path / "run" / "last.safetensors")
    # Bundles keep half precision, 11 binary digits.
    for name, value in former.state_dict().items():
        trained_to = new[f"average/{name}"].numpy().astype(float)
        if value.is_floating_point():
            wanted = 0.75 * value.numpy().astype(float) + 0.25 * trained_to
            assert np.allclose(part.network().state_dict()[name].numpy(), wanted, rtol=2e-3, atol=1e-6), name
    assert "25% of the way" in part.card.text


def test_there_is_no_part_of_the_way_where_a_training_started_from_nothing(trained, tmp_path):
    with pytest.raises(SpineError, match="did not start from a model"):
        export(trained, tmp_path / "part", way=0.5)
