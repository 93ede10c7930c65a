"""A tiny cohort: noise with bright balls in place of lesions, enough to learn on within seconds."""

import json

import numpy as np
import pytest

from SpineLib.volume import Volume, write_volume


def write_ball_cohort(folder, cases=6, shape=(48, 48, 8), seed=0):
    """Cases with T1 and T2 of (i, j, k) = ``shape`` with sagittal slices along k, one to two balls each."""
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=float)  # i to posterior, j to inferior, k to left
    rng = np.random.default_rng(seed)
    (folder / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "Simulated balls", "BIDSVersion": "1.9.0"}))
    for number in range(1, cases + 1):
        name = f"sub-{number:03d}"
        k, j, i = np.meshgrid(*(np.arange(n) for n in reversed(shape)), indexing="ij")
        lesions = np.zeros(k.shape, np.uint8)
        for label in range(1, 2 + number % 2):
            centre = rng.uniform((2, 14, 14), (6, 34, 34))
            distance = np.hypot(np.hypot((k - centre[0]) * 4, j - centre[1]), i - centre[2])
            lesions[distance < rng.uniform(6, 9)] = label
        vertebrae = ((i > 12) & (i < 36)).astype(np.uint8)
        geometry = {"spacing": (1.0, 1.0, 4.0), "direction": direction}
        anat, derived = folder / name / "anat", folder / "derivatives" / "labels" / name / "anat"
        anat.mkdir(parents=True)
        derived.mkdir(parents=True)
        for suffix, gain in (("T1w", -60), ("T2w", 80)):
            array = 200 + 30 * vertebrae + gain * (lesions > 0) + rng.normal(0, 8, k.shape)
            write_volume(Volume(array.astype(np.float32), **geometry), anat / f"{name}_{suffix}.nii.gz")
        grown = (lesions > 0) | np.roll(lesions > 0, 1, axis=2)
        for label, array in (
            ("label-lesion_mask", lesions),
            ("label-vertebrae_dseg", vertebrae),
            ("desc-reader1_mask", lesions > 0),
            ("desc-reader2_mask", grown),
        ):
            write_volume(Volume(array.astype(np.uint8), **geometry), derived / f"{name}_{label}.nii.gz")
    return folder


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
    from SpineLab.training.segmentation.config import SegmentationConfig

    return lambda **sections: SegmentationConfig.from_dict(TINY).changed(**sections)


@pytest.fixture(scope="session")
def balls(ball_cohort):
    """The prepared cases of the cohort."""
    from SpineLab.training.segmentation.config import SegmentationConfig
    from SpineLab.training.segmentation.dataset import cache_folder, prepare_cases
    from SpineLib.cohort.mr import read_cohort

    inputs, preparation = ("T1", "T2"), SegmentationConfig.from_dict(TINY).preparation.to_dict()
    cohort = read_cohort(ball_cohort, inputs, labels=("lesion",))
    return prepare_cases(cohort, inputs, preparation, cache_folder(cohort, inputs, preparation), processes=1)


@pytest.fixture(scope="session")
def trained(ball_cohort, tmp_path_factory):
    """A finished little training: its folder, with the bundle in "model"."""
    from SpineLab.training.segmentation.config import SegmentationConfig
    from SpineLab.training.segmentation.session import run_training

    folder = tmp_path_factory.mktemp("training") / "Balls T1+T2"
    run_training(
        SegmentationConfig.from_dict(TINY), ball_cohort, folder, processes=1, command="spine train segmentation --tiny"
    )
    return folder


@pytest.fixture(scope="session")
def followup_cohort(tmp_path_factory):
    """Six cases before and after an ablation."""
    from Testing.training.followup_balls import write_followup_cohort

    return write_followup_cohort(tmp_path_factory.mktemp("followup") / "cohort", 6)


NECROSIS = {**TINY, "inputs": ["ceT1", "T2"], "label": "necrosis", "session": "after"}


@pytest.fixture(scope="session")
def necrosis_run(followup_cohort, tmp_path_factory):
    """A finished little training on the necroses."""
    from SpineLab.training.segmentation.config import SegmentationConfig
    from SpineLab.training.segmentation.session import run_training

    folder = tmp_path_factory.mktemp("training") / "necrosis-balls"
    run_training(
        SegmentationConfig.from_dict(NECROSIS), followup_cohort, folder, processes=1, command="spine train segmentation"
    )
    return folder
