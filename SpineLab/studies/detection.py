"""Wang et al. (2017): the Siamese detector out of fold, with and without aggregation, and of one resolution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from SpineLab.evaluation.detection import Counting, evaluate_detection
from SpineLab.evaluation.marks import THRESHOLDS, slices_tally
from SpineLab.reports.detection import operating_points
from SpineLab.reports.froc_chart import Curve, Point, froc_chart
from SpineLab.studies.likelihood_maps import likelihood_maps
from SpineLab.studies.numbers import Finding, Spread, better
from SpineLab.studies.page import table, write_study
from SpineLab.studies.state import Patient, StudyFolder, stratified
from SpineLab.training.detection.config import DetectorConfig
from SpineLab.training.detection.loop import run_training
from SpineLab.training.facts import read_facts
from SpineLab.training.record import read_log
from SpineLib.cohort.mr import Cohort, read_cohort
from SpineLib.metrics.froc import (
    RANGE,
    Froc,
    Tally,
    compare,
    estimate,
    false_positives_at,
    mean_sensitivity,
    sensitivity_at,
)
from SpineLib.metrics.literature import DETECTION
from SpineLib.models import ModelBundle, load_bundle
from SpineLib.reports.page import Section
from SpineLib.tasks.detection.candidates import aggregate
from SpineLib.tasks.detection.detect import DetectSettings, detect
from SpineLib.volume import read_volume
from SpineLib.volume.resampling import resample_like

FOLDS = 10
#: Weights of a slice itself that the paper tried (section 2.5.2), and of lambda (section 3.2).
WEIGHTS, LAMBDAS = (1 / 3, 0.4, 0.5, 0.6), (0.001, 0.01, 0.1)
#: Folds of which one patient's likelihood map is shown.
_SHOWN = 3
_NETWORKS = {"three resolutions": (0.5, 1.0, 2.0), "one resolution": (1.0,)}
#: The study's methods by the paper's.
_METHODS = {
    "whole": "with aggregation",
    "without aggregation": "without aggregation",
    "one resolution": "one resolution",
}


@dataclass(frozen=True)
class Budget:
    """How much is trained; attributes as of :class:`SpineLab.studies.segmentation.Budget`.

    Attributes:
        lambdas: that are tried; the one with the best figure on the cases that choose the weights is taken.
        step_mm: between the places that are looked at.
    """

    name: str
    preset: str
    changes: Mapping[str, dict] = field(default_factory=dict)
    lambdas: tuple[float, ...] = (0.01,)
    step_mm: int = 1
    folds: int = FOLDS


BUDGETS = {
    "paper": Budget("paper", "siamese-paper", lambdas=LAMBDAS),
    # The form that runs over whole slices, since patch by patch a slice takes minutes. By steps, not by the clock, so
    # that a busy machine trains as much as an idle one.
    "small": Budget(
        "small",
        "siamese-dense",
        {"optimisation": {"minutes": 0.0, "steps": 400, "warm_up": 10}, "validation": {"every": 200}},
    ),
}


def run_study(
    data: Path,
    out: Path,
    budget: Budget,
    *,
    seed: int = 0,
    processes: int = 2,
    device: str = "auto",
    report: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train and measure out of fold what is not done yet, and write the page; the same call again goes on.

    Raises:
        SpineError: the data cannot be used, or the folder holds another study.
        Cancelled: Ctrl-C.
    """
    config = DetectorConfig.read(budget.preset).changed(**budget.changes)
    config = config.changed(sampling={"seed": seed})
    cohort = read_cohort(data, (config.sequence,), labels=("lesion",))
    masks = {case.name: case.lesions() for case in cohort.cases}
    volumes = {name: float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml for name, mask in masks.items()}
    folds = stratified(volumes, budget.folds, seed)
    patients = [
        Patient(
            case.name,
            case.origin,
            {
                config.sequence: case.sequences[config.sequence],
                "mask": case.labels["lesion"],
                "vertebrae": case.labels.get("vertebrae"),
            },
            folds[case.name],
        )
        for case in cohort.cases
    ]
    facts = {"folds": budget.folds, "lambdas": budget.lambdas, "step_mm": budget.step_mm, "config": config.to_dict()}
    study = StudyFolder(out, "wang", budget.name, facts, patients)
    kept = []
    for fold in range(budget.folds):
        done = study.done("folds", f"fold-{fold}")
        if done is None:
            done = _one(cohort, data, study, config, budget, fold, processes, device, report)
        kept.append(done)
    maps = study.done("maps")
    if maps is None:
        report("Drawing likelihood maps")
        shown = [(one["cases"], _models(study, one["lambdas"], fold)) for fold, one in enumerate(kept[:_SHOWN])]
        maps = study.keep(likelihood_maps(cohort, config.sequence, shown, _settings(budget, device)), "maps")
    return _page(study, config, kept, maps)


def _one(
    cohort: Cohort,
    data: Path,
    study: StudyFolder,
    config: DetectorConfig,
    budget: Budget,
    fold: int,
    processes: int,
    device: str,
    report: Callable[[str], None],
) -> dict:
    """Both networks on the other folds, and this fold's cases by both: what FROC counts, case by case."""
    held = [one.name for one in study.patients if one.fold == fold]
    bundles: list[tuple[ModelBundle, Path]] = []
    minutes: dict[str, float] = {}
    tried: dict[str, dict[str, float]] = {}
    for name, scales in _NETWORKS.items():
        best = None
        for decay in budget.lambdas:
            report(f"{name}, lambda {decay:g}, fold {fold + 1}")
            run = _run(study, name, f"{decay:g}", fold)
            bundle = run_training(
                config.changed(scales=scales, optimisation={"decay": decay}),
                data,
                run,
                cache=study.part("prepared", "cases").parent,
                processes=processes,
                held_out=held,
                command=f"spine study wang --budget {study.budget}",
                model_id=f"wang-{name.replace(' ', '-')}-{fold}",
                report=report,
            )
            score = float(bundle.card.figures["validation"]["score"])
            tried.setdefault(name, {})[f"{decay:g}"] = score
            minutes[name] = minutes.get(name, 0.0) + max((line["seconds"] for line in read_log(run)), default=0.0) / 60
            if best is None or score > best[0]:
                best = (score, bundle, run)
        assert best is not None
        bundles.append((best[1], best[2]))
    report(f"Measuring fold {fold + 1}")
    settings = _settings(budget, device)
    own = replace(cohort, cases=tuple(case for case in cohort.cases if case.name in held))
    found = evaluate_detection(
        own,
        [load_bundle(bundle.folder) for bundle, _ in bundles],
        Counting(smallest_cm2=config.smallest_area_cm2, settings=settings),
    )
    results = dict(zip(_METHODS, found.results, strict=True))
    chosen_by = read_facts(bundles[0][1])["cases"]["validation"]
    weights = _weights(cohort, chosen_by, bundles[0][0], config, settings)
    value = {
        "cases": [case.name for case in own.cases],
        "tallies": {name: [one.to_dict() for one in result.by_slices.tallies] for name, result in results.items()},
        "by_lesions": {name: [one.to_dict() for one in result.by_lesions.tallies] for name, result in results.items()},
        "lambdas": tried,
        "weights": weights,
        "minutes": minutes,
    }
    return study.keep(value, "folds", f"fold-{fold}")


def _settings(budget: Budget, device: str) -> DetectSettings:
    """How the folds are measured and drawn."""
    return DetectSettings(device=device, mirror=False, step_mm=budget.step_mm)


def _run(study: StudyFolder, network: str, decay: str, fold: int) -> Path:
    """Folder of a training."""
    return study.part("runs", f"{network.replace(' ', '-')}-lambda-{decay}", f"fold-{fold}")


def _models(study: StudyFolder, tried: Mapping[str, Mapping[str, float]], fold: int) -> dict[str, Path]:
    """A fold's networks, of the lambdas the best."""
    return {name: _run(study, name, max(by, key=by.__getitem__), fold) / "model" for name, by in tried.items()}


def _weights(
    cohort: Cohort, names: list[str], bundle: ModelBundle, config: DetectorConfig, settings: DetectSettings
) -> dict[str, float]:
    """Mean sensitivity by the weight of a slice itself, on the cases that chose the network's weights."""
    tallies: dict[float, list[Tally]] = {own: [] for own in WEIGHTS}
    for case in cohort.cases:
        if case.name in names:
            image = read_volume(case.sequences[config.sequence], config.sequence)
            single = detect(image, bundle, replace(settings, aggregate=False)).single
            lesions = resample_like(case.lesions(), single, nearest=True).array
            for own in WEIGHTS:
                map_ = single.with_array(aggregate(single.array, own, (1 - own) / 2))
                tallies[own].append(slices_tally(map_, lesions, THRESHOLDS, config.smallest_area_cm2))
    return {
        f"{own:.2g}": Froc(np.array(THRESHOLDS), found).mean_sensitivity(RANGE)
        for own, found in tallies.items()
        if any(one.lesions for one in found)
    }


def frocs(kept: list[dict], key: str = "tallies") -> dict[str, Froc]:
    """The curves over all folds, by the paper's methods; cases in one order."""
    return {
        name: Froc(
            np.array(THRESHOLDS),
            [Tally.from_dict(one) for fold in kept for one in fold[key][name]],
        )
        for name in _METHODS
    }


def _page(study: StudyFolder, config: DetectorConfig, kept: list[dict], maps: str) -> Path:
    curves = frocs(kept)
    rows = []
    for name, froc in curves.items():
        told = DETECTION[name]
        cells = []
        for statistic, shown, published in (
            (sensitivity_at(0.2), lambda v: f"{100 * v:.1f} %", told.sensitivity_at_02),
            (false_positives_at(0.9), lambda v: f"{v:.3f}", told.false_positives_at_90),
            (false_positives_at(1.0), lambda v: f"{v:.3f}", told.false_positives_at_all),
            (mean_sensitivity(RANGE), lambda v: f"{100 * v:.1f} %", None),
        ):
            value = estimate(froc, statistic)
            cells.append(_told(shown, value.value, value.low, value.high))
            cells.append("–" if published is None else shown(published))
        p = "" if name == "whole" else f"{compare(curves['whole'], froc, mean_sensitivity(RANGE)).p:.4f}"
        rows.append([_METHODS[name], *cells, p, "" if told.p is None else f"{told.p:.4f}"])
    heads = [""]
    for text in ("sensitivity at 0.2", "false positives at 90 %", "at all found", f"mean sensitivity, 0 to {RANGE:g}"):
        heads += [f"{text} (95 % by patient)", "published"]
    data = study.patients[0].origin if len({one.origin for one in study.patients}) == 1 else "mixed"
    lines = [Curve(f"{_METHODS[n]} ({data} patients)", f.false_positives, f.sensitivity) for n, f in curves.items()]
    points = [
        Point(f"{one.what}: {100 * y:.1f} % at {x:g}", x, y)
        for one in DETECTION.values()
        for x, y in ((one.false_positives_at_90, 0.9), (0.2, one.sensitivity_at_02))
        if x is not None and y is not None
    ]
    chart = froc_chart("FROC out of fold, averaged over each case's slices", lines, points)
    sections = [
        Section("Operating points, out of fold", table([*heads, "p", "published p"], rows)),
        Section("FROC", chart),
        Section("Likelihood maps of held-out patients, with the lesions' outlines", maps),
        Section("Grids, on the cases that chose the weights", _grids(kept)),
    ]
    minutes: dict[str, float] = {}
    for fold in kept:
        for name, value in fold["minutes"].items():
            minutes[name] = minutes.get(name, 0.0) + value
    title = f"Detection of spinal metastases on {config.sequence}"
    reference = "Wang et al. 2017, A multi-resolution approach for spinal metastasis detection"
    return write_study(study, title, reference, findings(curves), sections, minutes)


def _told(shown: Callable[[float], str], value: float, low: float, high: float) -> str:
    """A figure with its interval, of which ends or all may lie where the curve does not come."""
    text, *ends = (shown(one) if np.isfinite(one) else "not reached" for one in (value, low, high))
    return text if not np.isfinite([value, low, high]).any() else f"{text} ({ends[0]} to {ends[1]})"


def findings(curves: Mapping[str, Froc]) -> list[Finding]:
    """What the paper concludes, by the mean sensitivity over 0 to 0.5 false positives a case, on this data."""
    found = []
    for name, statement in (
        ("without aggregation", "aggregating neighbouring slices is better than single slices"),
        ("one resolution", "three resolutions are better than one"),
    ):
        gap = _gap(curves["whole"], curves[name])
        found.append(better(statement, f"p = {DETECTION[name].p}", gap))
    reached = operating_points(curves["whole"])["false_positives_at_1.0"]
    here = "not all are found" if reached is None else f"{reached:.2f} false positives a case"
    verdict = "does not come out" if reached is None or reached > 1 else "comes out again"
    found.append(Finding("all metastases are found at less than one false positive a case", "0.40", here, verdict))
    return found


def _gap(first: Froc, second: Froc, samples: int = 10_000) -> Spread:
    """Difference of mean sensitivities with its interval, patients drawn in pairs."""
    weights = np.random.default_rng(1).multinomial(first.cases, np.full(first.cases, 1 / first.cases), samples)
    statistic = mean_sensitivity(RANGE)
    with np.errstate(invalid="ignore", divide="ignore"):
        gaps = statistic(*first.resampled(weights.astype(float))) - statistic(*second.resampled(weights.astype(float)))
    gaps = gaps[np.isfinite(gaps)]
    value = first.mean_sensitivity(RANGE) - second.mean_sensitivity(RANGE)
    low, high = np.quantile(gaps, (0.025, 0.975)) if len(gaps) else (float("nan"), float("nan"))
    return Spread(value, float(low), float(high), float(np.std(gaps)), value, first.cases)


def _grids(kept: list[dict]) -> str:
    own = {key: [fold["weights"][key] for fold in kept if key in fold["weights"]] for key in kept[0]["weights"]}
    rows = [[key, f"{100 * np.mean(values):.1f} %"] for key, values in own.items()]
    text = table(["weight of the slice itself (paper's best 0.4, used here)", "mean sensitivity, folds' mean"], rows)
    tried = kept[0]["lambdas"]["three resolutions"]
    decays = [[key, f"{np.mean([f['lambdas']['three resolutions'][key] for f in kept]):.3f}"] for key in tried]
    return text + table(["lambda (paper's best 0.01)", "score, folds' mean"], decays)
