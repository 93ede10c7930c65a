"""A tiny model, and tiny patients whose results were corrected."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineLab.learning.patients import add_patient
from SpineLib.cohort.mr import read_cohort
from SpineLib.models import ModelCard, catalogue, load_bundle, save_bundle
from SpineLib.networks.unet import UNet
from SpineLib.volume import read_volume
from Testing.trainings import ball_cohort  # noqa: F401


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory):
    """A U-Net with random weights on T1 and T2."""
    torch.manual_seed(0)
    card = ModelCard(
        id="tiny",
        title="Tiny",
        task="metastasis-segmentation",
        licence="Apache-2.0",
        network={"type": "unet", "dimensions": 2, "inputs": 2, "widths": [4, 6]},
        inputs=("T1", "T2"),
        preparation={"slices": 8},
        patch=(32, 32),
        training_data={"simulated": True, "description": "Random weights, not trained"},
    )
    return save_bundle(tmp_path_factory.mktemp("bundle") / "tiny", UNet(2, 2, (4, 6)), card)


@pytest.fixture
def base(tiny_bundle, monkeypatch, tmp_path):
    """The tiny model installed, in a folder of its own for further ones."""
    monkeypatch.setattr(catalogue, "bundled_folders", lambda: [])
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "models"))
    shutil.copytree(tiny_bundle.folder, tmp_path / "models" / "tiny")
    return load_bundle(tmp_path / "models" / "tiny")


@pytest.fixture(scope="session")
def ball_patients(ball_cohort):  # noqa: F811
    """Images and true lesions of six patients."""
    cohort = read_cohort(ball_cohort, ("T1", "T2"), labels=("lesion",))
    return [
        ({name: read_volume(case.sequences[name], name) for name in ("T1", "T2")}, read_volume(case.labels["lesion"]))
        for case in cohort.cases
    ]


def fill(folder, patients):
    """A training set; the first result lacked every lesion but the first."""
    for images, truth in patients:
        first = truth.with_array((truth.array == 1).astype(np.uint8))
        add_patient(folder, images, truth, "lesion", first=first, model={"id": "m", "version": "1"}, simulated=True)
    return folder


@pytest.fixture
def training_set(ball_patients, tmp_path):
    """Makes a training set of the first so many patients."""
    return lambda count: fill(tmp_path / "set", ball_patients[:count])


def use_balls(monkeypatch, ball_cohort):  # noqa: F811
    """Balls in place of simulated patients, which take seconds each and show no balls."""
    from SpineLab.learning import tune

    def balls(folder, inputs, label, count, seed, processes, progress):
        progress(0.5, "Simulating")
        cohort = read_cohort(ball_cohort, inputs, labels=(label,))
        return replace(cohort, cases=cohort.cases[-count:])

    monkeypatch.setattr(tune, "simulated_cohort", balls)


@pytest.fixture
def simulated_balls(monkeypatch, ball_cohort):  # noqa: F811
    """See :func:`use_balls`."""
    use_balls(monkeypatch, ball_cohort)


@pytest.fixture(scope="session")
def tuned_once(tiny_bundle, ball_patients, ball_cohort, tmp_path_factory):  # noqa: F811
    """A finished fine-tuning on three patients: models, training set, comparison, and what the progress told."""
    from SpineLab.learning.training import TuneSettings
    from SpineLab.learning.tune import tune

    root, told = tmp_path_factory.mktemp("tuned"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalogue, "bundled_folders", lambda: [])
        patch.setenv("SPINE_MODELS", str(root / "models"))
        shutil.copytree(tiny_bundle.folder, root / "models" / "tiny")
        use_balls(patch, ball_cohort)
        quick = TuneSettings(minutes=10.0, steps=4, batch=2, simulated=2, tests=1, processes=1)
        comparison = tune(
            fill(root / "set", ball_patients[:3]), "tiny", quick, lambda fraction, text: told.append(fraction)
        )
    return root, comparison, told


@pytest.fixture
def tuned(tuned_once, base, tmp_path, simulated_balls):
    """A copy of it that a test may change."""
    root, comparison, _ = tuned_once
    shutil.copytree(root / "set", tmp_path / "set")
    return tmp_path / "set", comparison
