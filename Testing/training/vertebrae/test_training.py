"""Networks that segment vertebrae are trained on slices of a cohort, held-out cases apart, and become bundles."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from SpineLab.training.vertebrae.cases import prepare_cases
from SpineLab.training.vertebrae.config import SliceAugmentation, VertebraConfig
from SpineLab.training.vertebrae.loop import FIGURES, run_training
from SpineLab.training.vertebrae.sampling import SliceSampler, change_hu
from SpineLab.training.vertebrae.validation import slice_figures
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.tasks.ct.vertebrae import segment_vertebrae
from SpineLib.volume import write_volume
from Testing.tasks.simulated_spine import spine_ct


def tiny(network="vnet", **changes):
    """A training of a few seconds."""
    config = VertebraConfig.from_dict(
        {
            "name": "tiny",
            "network": {"type": network, "widths": [4, 6, 8]},
            "preparation": {"pixel_mm": 2.0},
            "sampling": {"patch": [48, 48], "batch": 4, "background_fraction": 0.2},
            "augmentation": {"mirror": True, "rotation_degrees": 5.0, "shift": 4.0, "noise": 10.0},
            "optimisation": {
                "rate": 0.02,
                "steps": 25,
                "alpha": 0.5,
                "beta": 0.5,
                "cross_entropy": 1.0,
                "precision": "float32",
            },
            "validation": {"cases": 1, "every": 0, "slice_step": 4},
        }
    )
    return config.changed(**changes)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Three simulated patients in the form of 'spine phantom --ct'."""
    folder = tmp_path_factory.mktemp("cohort")
    ct, labels = spine_ct(levels=2, spacing=2.0)
    labels = labels.with_array(np.where(labels.array > 0, labels.array + 23, 0).astype(np.uint8))  # L5 and 25
    for number in (1, 2, 3):
        name = f"sub-{number:03d}"
        where = folder / "derivatives" / "labels" / name
        (where / "ct").mkdir(parents=True)
        (folder / name / "ct").mkdir(parents=True)
        noise = np.random.default_rng(number).normal(0, 5, ct.shape).astype(np.int16)
        write_volume(ct.with_array(ct.array + noise), folder / name / "ct" / f"{name}_ct.nii.gz")
        for kind in ("vertebrae_dseg", "intact_dseg", "lesion_mask"):
            write_volume(labels, where / "ct" / f"{name}_label-{kind}.nii.gz")
        (where / f"{name}_truth.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def prepared(cohort, tmp_path_factory):
    return prepare_cases(read_ct_cohort(cohort), 2.0, (26,), tmp_path_factory.mktemp("cache"), processes=1)


def run(config, cohort, folder, **more):
    return run_training(config, [cohort], folder, cache=folder / "cache", processes=1, command="spine train", **more)


def test_a_training_learns_bone_and_its_bundle_segments(cohort, tmp_path):
    bundle = run(tiny(), cohort, tmp_path / "run", model_id="tiny-vnet")
    figures = json.loads((tmp_path / "run" / FIGURES).read_text())
    assert figures["held_out"]["iou"] > 0.7 and 0 < figures["training"]["loss"] < 0.7
    assert set(figures["held_out"]) == {"iou", "dice", "loss"}
    loaded = load_bundle(bundle.folder)
    assert loaded.card.task == "vertebra-segmentation" and loaded.card.network["type"] == "vnet"
    assert loaded.card.training_data["simulated"] and "**simulated data**" in loaded.card.text
    found = segment_vertebrae(spine_ct(levels=2, spacing=2.0)[0], loaded)
    assert len(found.vertebrae) == 2


def test_the_figures_of_the_training_set_are_of_all_cases_trained_on(cohort, tmp_path, monkeypatch):
    from SpineLab.training.vertebrae import loop

    measured = []
    monkeypatch.setattr(
        loop,
        "slice_figures",
        lambda network, cases, **settings: (
            measured.append({case.name for case in cases}) or slice_figures(network, cases, **settings)
        ),
    )
    run(tiny(optimisation={"steps": 2}), cohort, tmp_path / "run")
    cases = json.loads((tmp_path / "run" / "training.json").read_text())["cases"]
    assert measured[-2:] == [set(cases["training"]), set(cases["held_out"])]


def test_a_u_net_is_trained_in_the_same_way(cohort, tmp_path):
    bundle = run(tiny("unet", optimisation={"steps": 2}), cohort, tmp_path / "run")
    assert load_bundle(bundle.folder).card.network == {
        "type": "unet",
        "dimensions": 2,
        "inputs": 1,
        "widths": [4, 6, 8],
    }


def test_an_interrupted_training_goes_on_where_it_was(cohort, tmp_path):
    run(tiny(optimisation={"steps": 3}), cohort, tmp_path / "run")
    told = []
    run(tiny(optimisation={"steps": 5}), cohort, tmp_path / "run", report=told.append)
    assert any("Going on at step 3" in line for line in told)
    facts = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert facts["figures"]["step"] == 5


def test_each_case_is_held_out_in_one_fold_and_trained_on_in_the_others(cohort, tmp_path):
    held = []
    for fold in range(3):
        out = tmp_path / f"fold-{fold}"
        run(tiny(optimisation={"steps": 1}, validation={"folds": 3, "fold": fold}), cohort, out)
        cases = json.loads((out / "training.json").read_text())["cases"]
        assert not set(cases["training"]) & set(cases["held_out"])
        held += cases["held_out"]
    assert sorted(held) == ["sub-001", "sub-002", "sub-003"]


def test_prepared_cases_hold_slices_from_cranial_to_caudal_and_their_mask(prepared):
    case = prepared[0]
    assert case.hu.shape == case.mask.shape and case.hu.dtype == np.int16 and case.spacing == (2.0, 2.0, 2.0)
    assert case.hu[np.asarray(case.mask) > 0].mean() > 400


def test_a_level_left_out_is_background(cohort, tmp_path, prepared):
    less = prepare_cases(read_ct_cohort(cohort)[:1], 2.0, (25,), tmp_path, processes=1)[0]
    both = np.asarray(prepared[0].mask)
    assert 0 < less.mask.sum() < both.sum()
    assert np.argwhere(less.mask).max(axis=0)[0] < np.argwhere(both).max(axis=0)[0]  # L5 alone, which lies above


def test_a_batch_depends_on_seed_and_step_only(prepared):
    first, again = SliceSampler([prepared], tiny()).batch(7), SliceSampler([prepared], tiny()).batch(7)
    assert first[0].shape == first[1].shape == (4, 1, 48, 48)
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first[0], SliceSampler([prepared], tiny()).batch(8)[0])
    assert first[0].min() >= 0 and first[0].max() <= 1 and set(first[1].unique().tolist()) <= {0.0, 1.0}


def test_each_cohort_is_drawn_from_as_often(prepared):
    from dataclasses import replace

    dark = replace(prepared[0], hu=np.full(prepared[0].hu.shape, -900, np.int16))
    sampler = SliceSampler([prepared, [dark]], tiny())
    dark_share = np.mean([sampler.sample(np.random.default_rng(n))[0].max() == 0 for n in range(80)])
    assert 0.35 < dark_share < 0.75


def test_without_augmentation_hu_stay_as_they_are():
    hu = np.random.default_rng(0).normal(100, 300, (20, 20)).astype(np.float32)
    np.testing.assert_allclose(change_hu(np.random.default_rng(1), SliceAugmentation(), hu), hu, atol=1e-3)


def test_augmentation_keeps_bone_brighter_than_muscle():
    hu = np.full((40, 40), 50, np.float32)
    hu[10:30, 10:30] = 600
    settings = VertebraConfig.read("vnet-narrow").augmentation
    for seed in range(20):
        changed = change_hu(np.random.default_rng(seed), settings, hu)
        assert changed[14:26, 14:26].mean() > changed[:5].mean() + 150


def test_iou_and_loss_are_those_of_the_masks(prepared):
    class Fixed(torch.nn.Module):
        multiple = 1

        def forward(self, x):
            return torch.where(x > 0.4, 3.0, -3.0)  # bone is brighter than 0.4 in the window

    from contextlib import nullcontext

    figures = slice_figures(
        Fixed(),
        prepared[:1],
        window=(-250, 1000),
        slice_step=1,
        threshold=0.5,
        autocast=nullcontext,
        device=torch.device("cpu"),
    )
    found, truth = np.asarray(prepared[0].hu) > 250, np.asarray(prepared[0].mask) > 0
    assert figures["iou"] == pytest.approx((found & truth).sum() / (found | truth).sum(), abs=1e-3)
    wrong = (found != truth).mean()
    assert figures["loss"] == pytest.approx(np.log1p(np.exp(-3)) + 3 * wrong, abs=1e-3)


def test_presets_are_the_papers_and_ours():
    paper, narrow, unet = (VertebraConfig.read(name) for name in ("vnet-paper", "vnet-narrow", "unet-ct"))
    assert paper.network.widths == (16, 32, 64, 128, 256) and paper.sampling.patch == (512, 512)
    assert paper.validation.folds == 10 and paper.augmentation == SliceAugmentation()
    assert narrow.network.type == "vnet" and unet.network.type == "unet"


@pytest.mark.parametrize(
    "values",
    [
        {"network": {"type": "resnet"}},
        {"sampling": {"patch": [50, 48]}},
        {"augmentation": {"scale": 0.5}},
        {"windows": 1},
    ],
)
def test_wrong_settings_are_refused(values):
    with pytest.raises(SpineError):
        VertebraConfig.from_dict(values)


def test_one_case_is_too_few(cohort, tmp_path):
    with pytest.raises(SpineError, match="One case is too few"):
        run(tiny(), cohort, tmp_path / "run", first_cases=1)
