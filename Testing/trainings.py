"""Finished little trainings on balls, for the tests of training and of evaluation: each ``conftest`` takes its own."""

import pytest

from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.dataset import cache_folder, prepare_cases
from SpineLab.training.segmentation.session import run_training
from SpineLib.cohort.mr import read_cohort
from Testing.balls import write_ball_cohort
from Testing.followup_balls import write_followup_cohort


@pytest.fixture(scope="session")
def ball_cohort(tmp_path_factory):
    """Six cases with balls."""
    return write_ball_cohort(tmp_path_factory.mktemp("balls") / "cohort")


TINY = {
    "inputs": ["T1", "T2"],
    "workers": 0,
    "network": {"widths": [8, 12, 16]},
    "preparation": {"slices": 16},
    "sampling": {"patch": [32, 32], "batch": 8, "background_fraction": 0.25},
    "augmentation": {"scale": [0.9, 1.1], "elastic": 0.05, "translation_voxels": 8.0, "gamma": [0.8, 1.25]},
    "optimisation": {"rate": 0.01, "steps": 60, "average": 0.9, "precision": "float32", "cross_entropy": 0.5},
    "validation": {"cases": 2, "every": 20, "slice_step": 1},
}


@pytest.fixture
def tiny():
    """Makes configurations that train within seconds: ``tiny(optimisation={"steps": 4})``."""
    return lambda **sections: SegmentationConfig.from_dict(TINY).changed(**sections)


@pytest.fixture(scope="session")
def balls(ball_cohort):
    """The prepared cases of the cohort."""
    inputs, preparation = ("T1", "T2"), SegmentationConfig.from_dict(TINY).preparation.to_dict()
    cohort = read_cohort(ball_cohort, inputs, labels=("lesion",))
    return prepare_cases(cohort, inputs, preparation, cache_folder(cohort, inputs, preparation), processes=1)


@pytest.fixture(scope="session")
def trained(ball_cohort, tmp_path_factory):
    """A finished little training: its folder, with the bundle in "model"."""
    folder = tmp_path_factory.mktemp("training") / "Balls T1+T2"
    run_training(
        SegmentationConfig.from_dict(TINY), ball_cohort, folder, processes=1, command="spine train segmentation --tiny"
    )
    return folder


@pytest.fixture(scope="session")
def followup_cohort(tmp_path_factory):
    """Six cases before and after an ablation."""
    return write_followup_cohort(tmp_path_factory.mktemp("followup") / "cohort", 6)


NECROSIS = {**TINY, "inputs": ["ceT1", "T2"], "label": "necrosis", "session": "after"}


@pytest.fixture(scope="session")
def necrosis_run(followup_cohort, tmp_path_factory):
    """A finished little training on the necroses."""
    folder = tmp_path_factory.mktemp("training") / "necrosis-balls"
    run_training(
        SegmentationConfig.from_dict(NECROSIS), followup_cohort, folder, processes=1, command="spine train segmentation"
    )
    return folder
