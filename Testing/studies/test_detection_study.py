"""The study of Wang, whole, on balls: out-of-fold FROC with and without aggregation and of one resolution."""

from __future__ import annotations

import json
import re

import pytest

from SpineLab.studies.detection import Budget, frocs, run_study
from SpineLib.cli.main import main

TINY = Budget(
    "tiny",
    "siamese-dense",
    {
        "sequence": "T2",
        "smallest_area_cm2": 0.2,
        "sampling": {"batch": 1, "rows": 4, "columns": 2, "spacing": 8.0},
        "optimisation": {"minutes": 0.0, "steps": 1, "warm_up": 0, "precision": "float32", "average": 0.0},
        "validation": {"every": 0},
    },
    step_mm=4,
    folds=2,
)


@pytest.fixture(scope="module")
def wang(ball_cohort, tmp_path_factory):
    out = tmp_path_factory.mktemp("study") / "wang"
    page = run_study(ball_cohort, out, TINY, processes=1, device="cpu")
    return out, page.read_text(encoding="utf-8"), ball_cohort


def test_each_case_is_counted_once_by_a_detector_that_did_not_see_it(wang):
    out, _, _ = wang
    kept = [json.loads((out / "folds" / f"fold-{fold}.json").read_text()) for fold in (0, 1)]
    assert sorted(kept[0]["cases"] + kept[1]["cases"]) == [f"sub-{n:03d}" for n in range(1, 7)]
    for fold, one in enumerate(kept):
        for run in (out / "runs").iterdir():
            facts = json.loads((run / f"fold-{fold}" / "training.json").read_text())["cases"]
            assert sorted(facts["held_out"]) == sorted(one["cases"])
            assert not set(one["cases"]) & {*facts["training"], *facts["validation"]}
    assert all(froc.cases == 6 for froc in frocs(kept).values())


def test_the_grid_of_the_weights_is_searched_on_cases_that_choose_and_lambdas_are_told(wang):
    out, page, _ = wang
    kept = json.loads((out / "folds" / "fold-0.json").read_text())
    assert set(kept["lambdas"]["three resolutions"]) == {"0.01"}
    assert set(kept["weights"]) <= {"0.33", "0.4", "0.5", "0.6"}
    assert "weight of the slice itself" in page


def test_the_page_has_operating_points_with_intervals_beside_the_published_ones(wang):
    _, page, _ = wang
    for text in ("89.1 %", "0.207", "0.0014", "FROC out of fold", "three resolutions are better than one"):
        assert text in page
    assert "inf" not in re.findall(r"[a-z]+", re.sub(r"<[^>]*>", " ", page)), "what is not reached is said in words"


def test_the_page_shows_likelihood_maps_of_held_out_patients_by_each_network(wang):
    out, page, _ = wang
    for fold in (0, 1):
        held = json.loads((out / "folds" / f"fold-{fold}.json").read_text())["cases"]
        assert any(f"{name} (simulated), held out by fold {fold + 1}" in page for name in held)
    for text in ("three resolutions, single slice", "three resolutions, aggregated", "one resolution, aggregated"):
        assert page.count(text) == 2


def test_folds_are_evaluated_as_one_with_the_curve_of_the_study(wang, tmp_path):
    out, _, cohort = wang
    runs = [str(out / "runs" / f"{name}-lambda-0.01") for name in ("three-resolutions", "one-resolution")]
    call = ["evaluate", "detection", "--cohort", str(cohort), "-o", str(tmp_path / "out"), "--step", "4", "--no-mirror"]
    options = [text for run in runs for text in ("--cross-validation", run)]
    assert main([*call, *options, "--device", "cpu"]) == 0
    told = json.loads((tmp_path / "out" / "detection.json").read_text())
    kept = [json.loads((out / "folds" / f"fold-{fold}.json").read_text()) for fold in (0, 1)]
    curve = frocs(kept)["whole"]
    assert told["cases"] == 6 and told["by_slices"][0]["method"].startswith("three-resolutions-lambda-0.01, 2 folds")
    assert told["by_slices"][0]["sensitivity_at_0.2"] == pytest.approx(curve.sensitivity_at(0.2))
    assert len(told["by_slices"]) == 3 and "one-resolution" in told["by_slices"][2]["method"]


def test_the_same_call_again_trains_nothing(wang):
    out, page, cohort = wang
    told: list[str] = []
    again = run_study(cohort, out, TINY, processes=1, device="cpu", report=told.append)
    assert told == [] and again.read_text(encoding="utf-8") == page
