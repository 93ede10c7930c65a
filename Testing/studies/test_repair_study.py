"""The study of Miao, whole, on tiny simulated CTs: Table I by folds, precision and speed, repairs by both GANs."""

from __future__ import annotations

import json

import pytest

from SpineLab.studies.repair import Budget, run_study
from SpineLib.phantom.ct import CtSettings, write_ct_cohort

CTS = CtSettings(matrix=56, spacing=2.4, slices=26, thickness=4.0, region="lumbar", healthy=0.0, megavoxels=1.0)
TINY = Budget(
    "tiny",
    ("vnet-narrow", "unet-ct"),
    "lesions-ct",
    ("wgan-gp", "dcgan"),
    {
        "nets": {
            "network": {"widths": (4, 6, 8)},
            "preparation": {"pixel_mm": 2.4},
            "sampling": {"patch": (48, 48), "batch": 2},
            "optimisation": {"minutes": 0.0, "steps": 3, "warm_up": 0, "precision": "float32", "average": 0.0},
            "validation": {"every": 2, "slice_step": 4},
        },
        "detector": {
            "preparation": {"pixel_mm": 2.0},
            "network": {"widths": (4, 8, 8, 16, 16), "hidden": 16},
            "sampling": {"images": 2, "size": (64, 64)},
            "optimisation": {"minutes": 0.0, "steps": 2, "warm_up": 0, "precision": "float32", "average": 0.0},
            "validation": {"every": 0},
        },
        "gans": {
            "latent": 4,
            "widths": (2, 2, 3, 4),
            "sampling": {"batch": 4},
            "optimisation": {"minutes": 0.0, "steps": 2, "precision": "float32", "average": 0.0},
            "validation": {"slices": 4, "steps": 2, "share": 0.4, "every": 0},
        },
    },
    slices=4,
    descent=2,
    folds=3,
)


@pytest.fixture(scope="module")
def miao(tmp_path_factory):
    data = write_ct_cohort(tmp_path_factory.mktemp("cts") / "cohort", 6, 5, CTS)
    out = tmp_path_factory.mktemp("study") / "miao"
    page = run_study(data, out, TINY, processes=1, device="cpu")
    return out, page.read_text(encoding="utf-8"), data


def test_every_patient_is_held_out_once_by_both_networks(miao):
    out, _, _ = miao
    for name in ("U-Net", "V-Net"):
        held = [
            case
            for f in range(3)
            for case in json.loads((out / "nets" / name / f"fold-{f}.json").read_text())["by_case"]
        ]
        assert sorted(held) == [f"sub-{n:03d}" for n in range(1, 7)]


def test_detector_and_gans_are_tested_on_patients_that_they_did_not_see(miao):
    out, _, _ = miao
    folds = {one: json.loads((out / "runs" / "V-Net" / f"fold-{one}" / "training.json").read_text()) for one in (0, 1)}
    test = {name for facts in folds.values() for name in facts["cases"]["held_out"]}
    seen = json.loads((out / "runs" / "faster-rcnn" / "training.json").read_text())["cases"]
    assert set(seen["held_out"]) == test and not test & {*seen["training"], *seen["validation"]}
    made = json.loads((out / "runs" / "wgan-gp" / "training.json").read_text())["cases"]
    assert not test & {*made["training"], *made["held_out"]}


def test_the_page_has_table_one_curves_of_both_sets_precision_speed_and_kmmd(miao):
    _, page, _ = miao
    for text in ("0.9831", "0.7688", "60.33", "0.001084", "trained on", "PGGAN is left out", "images a second"):
        assert text in page


def test_the_same_call_again_trains_nothing(miao):
    out, page, data = miao
    told: list[str] = []
    again = run_study(data, out, TINY, processes=1, device="cpu", report=told.append)
    assert told == [] and again.read_text(encoding="utf-8") == page
