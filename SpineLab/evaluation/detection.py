"""How good detectors are on a cohort with truth: FROC by slices and by lesions, and what each part of them brings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from SpineLab.evaluation.marks import (
    THRESHOLDS,
    case_tally,
    found_from,
    largest_areas_cm2,
    slices_tally,
)
from SpineLib.cohort.masks import check_on_image
from SpineLib.cohort.mr import Case, Cohort, drawn_lesions
from SpineLib.errors import SpineError
from SpineLib.metrics.froc import (
    RANGE,
    SAMPLES,
    Comparison,
    Froc,
    Tally,
    compare,
    false_positives_at,
    mean_sensitivity,
    sensitivity_at,
)
from SpineLib.models import ModelBundle, find_bundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.detection.candidates import Candidate, aggregate, find_candidates
from SpineLib.tasks.detection.column import within
from SpineLib.tasks.detection.detect import PAPER_AREA_CM2, Detection, DetectSettings, detect
from SpineLib.tasks.detection.likelihood import middle
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.resampling import resample_like


@dataclass(frozen=True)
class Method:
    """One way to detect: a model, with or without the aggregation of slices, in the vertebral column or middle half.

    The middle half of the slices is what the paper searches (section 3.1); the column may reach beyond it.
    """

    model: str
    aggregation: bool
    column: bool

    @property
    def name(self) -> str:
        parts = [self.model, "with aggregation" if self.aggregation else "without aggregation"]
        return ", ".join([*parts, "in the vertebral column only"] if self.column else parts)


@dataclass(frozen=True, eq=False)
class MethodResult:
    """A method's curves.

    Attributes:
        by_slices: case-based, averaged over slices (Wang et al. 2017).
        by_lesions: each lesion once, in 3-D.
    """

    method: Method
    by_slices: Froc
    by_lesions: Froc


@dataclass(frozen=True)
class LesionFound:
    """One reference lesion, and when the first method finds it.

    Attributes:
        case: its name.
        number: the lesion's id in the mask.
        kind, place: of a simulated one ("lytic", "body"); else empty.
        area_cm2: in its largest slice.
        found_from: the highest threshold at which it is hit; None: at none.
    """

    case: str
    number: int
    kind: str
    place: str
    area_cm2: float
    found_from: float | None


@dataclass(frozen=True, eq=False)
class DetectionEvaluation:
    """All methods on the same cases, the first one the reference of the comparisons.

    Attributes:
        results: of each method.
        lesions: the reference's, each with when the first method finds it.
        smallest_cm2: least area of a region.
        step_mm: distance of the places looked at.
        mirror: whether each slice's mirror images were looked at, too, where the model runs over whole slices.
        simulated: whether the cohort is.
        seconds: mean of a case and model.
    """

    results: list[MethodResult]
    lesions: list[LesionFound]
    smallest_cm2: float
    step_mm: int
    mirror: bool
    simulated: bool
    seconds: float

    def comparisons(self, curves: str, samples: int = SAMPLES) -> dict[str, list[Comparison]]:
        """For each figure the first method against each of the others.

        Args:
            curves: "by_slices" or "by_lesions".
        """
        first, *others = (getattr(one, curves) for one in self.results)
        figures = {
            "mean_sensitivity": mean_sensitivity(RANGE),
            "sensitivity_at_0.2": sensitivity_at(0.2),
            "false_positives_at_0.9": false_positives_at(0.9),
        }
        return {
            name: [compare(first, other, statistic, samples=samples) for other in others]
            for name, statistic in figures.items()
        }


def find_detector(name: str) -> ModelBundle:
    """The bundle of that id or folder.

    Raises:
        SpineError: there is none, or it does something else.
    """
    bundle = find_bundle(name)
    if bundle.card.task != "metastasis-detection":
        raise SpineError(f"The model '{bundle.card.id}' does not detect metastases; choose one that does.")
    return bundle


@dataclass(frozen=True)
class Counting:
    """What is counted.

    Attributes:
        aggregation, column: the choices; each of one with each of the other.
        smallest_cm2: least area of a region in its slice; None: the first model's own.
        settings: of the detection.
        thresholds: decreasing.
    """

    aggregation: Sequence[bool] = (True, False)
    column: Sequence[bool] = (False,)
    smallest_cm2: float | None = None
    settings: DetectSettings = DetectSettings()
    thresholds: Sequence[float] = THRESHOLDS

    def smallest(self, bundle: ModelBundle) -> float:
        if self.smallest_cm2 is not None:
            return self.smallest_cm2
        return bundle.card.preparation.get("smallest_area_cm2", PAPER_AREA_CM2)

    def methods(self, bundles: Sequence[ModelBundle]) -> list[Method]:
        """The first model runs with every combination; further ones (e.g. of a single resolution) with the first."""
        choices = [(joined, inside) for inside in self.column for joined in self.aggregation]
        methods = [Method(bundles[0].card.id, *choice) for choice in choices]
        return methods + [Method(bundle.card.id, *choices[0]) for bundle in bundles[1:]]


@dataclass(frozen=True, eq=False)
class CaseCount:
    """What one case comes to.

    Attributes:
        tallies: of each method, by slices and by lesions.
        lesions: the reference's, and when the first method finds them.
        seconds: mean of a model.
    """

    tallies: list[tuple[Tally, Tally]]
    lesions: list[LesionFound]
    seconds: float


def evaluate_detection(
    cohort: Cohort, bundles: Sequence[ModelBundle], how: Counting = Counting(), progress: Progress = silent
) -> DetectionEvaluation:
    """Compute each case's likelihood once a model, then count it with every combination of the other choices.

    Args:
        cohort: cases with the models' sequence and the label "lesion".
        bundles: detectors.

    Raises:
        SpineError: no case has a lesion, or a case cannot be searched.
        Cancelled: by ``progress``.
    """
    counts = []
    for number, case in enumerate(cohort.cases):
        share = part(progress, number / len(cohort.cases), (number + 1) / len(cohort.cases))
        counts.append(count_case(cohort, case, bundles, how, share))
    return joined_counts(counts, bundles, how, cohort.simulated)


def count_case(
    cohort: Cohort, case: Case, bundles: Sequence[ModelBundle], how: Counting, progress: Progress = silent
) -> CaseCount:
    """All methods on one case of the cohort.

    Raises:
        SpineError: the case cannot be searched.
        Cancelled: by ``progress``.
    """
    settings = replace(how.settings, column=any(how.column), aggregate=False, share=_share(how.column))
    methods, smallest = how.methods(bundles), how.smallest(bundles[0])
    truth, tallies, lesions, seconds = case.lesions(), dict[Method, tuple[Tally, Tally]](), list[LesionFound](), []
    for order, bundle in enumerate(bundles):
        inner = part(progress, order / len(bundles), (order + 0.9) / len(bundles))
        image = read_volume(case.sequences[bundle.card.inputs[0]], bundle.card.inputs[0])
        check_on_image(truth, image)
        found = detect(image, bundle, settings, lambda done, text, inner=inner: inner(done, f"{case.name}, {text}"))
        seconds.append(found.provenance["seconds"])
        for method in [one for one in methods if one.model == bundle.card.id]:
            by_slices, by_lesions, candidates = _count(found, truth, method, smallest, how.thresholds)
            tallies[method] = by_slices, by_lesions
            if method is methods[0]:
                found_at = found_from(candidates, truth, how.thresholds)
                lesions = _lesions(case.name, drawn_lesions(cohort.truth(case)), truth, found_at)
    return CaseCount([tallies[method] for method in methods], lesions, float(np.mean(seconds)))


def joined_counts(
    counts: Sequence[CaseCount], bundles: Sequence[ModelBundle], how: Counting, simulated: bool
) -> DetectionEvaluation:
    """One evaluation of the cases' counts.

    Raises:
        SpineError: no case has a lesion.
    """
    lesions = [lesion for one in counts for lesion in one.lesions]
    if not lesions:
        raise SpineError("No case of the cohort has a lesion, so there is no sensitivity to measure.")
    results = [
        MethodResult(method, *(Froc(np.array(how.thresholds), [one.tallies[m][n] for one in counts]) for n in (0, 1)))
        for m, method in enumerate(how.methods(bundles))
    ]
    return DetectionEvaluation(
        results,
        lesions,
        float(how.smallest(bundles[0])),
        how.settings.step_mm,
        how.settings.mirror,
        simulated,
        float(np.mean([one.seconds for one in counts])),
    )


def count_healthy(
    image: Volume,
    bundle: ModelBundle,
    thresholds: Sequence[float],
    smallest_cm2: float,
    settings: DetectSettings = DetectSettings(),
    progress: Progress = silent,
) -> list[dict]:
    """False positives of a scan without metastases: candidates at each threshold.

    Returns:
        Rows of "threshold", "candidates" (in the middle half), "in_column".
    """
    found = detect(image, bundle, replace(settings, column=True, aggregate=True, share=_share((True, False))), progress)
    whole = _middle_half(found.single.with_array(aggregate(found.single.array)))
    inside = whole if found.column is None else found.slices  # without a column the middle half is searched
    return [
        {
            "threshold": float(threshold),
            "candidates": len(find_candidates(whole, threshold, smallest_cm2)),
            "in_column": len(find_candidates(inside, threshold, smallest_cm2)),
        }
        for threshold in thresholds
    ]


def _lesions(case: str, drawn: dict[int, dict], truth: Volume, found_at: dict[int, float | None]) -> list[LesionFound]:
    rows = []
    for number, area in largest_areas_cm2(truth).items():
        own = drawn.get(number, {})
        rows.append(
            LesionFound(case, number, str(own.get("kind", "")), str(own.get("place", "")), area, found_at[number])
        )
    return rows


def _count(
    found: Detection, truth: Volume, method: Method, smallest: float, thresholds
) -> tuple[Tally, Tally, list[list[Candidate]]]:
    """By slices, by lesions, and the candidates at each threshold."""
    single = found.single
    likelihood = single.with_array(aggregate(single.array)) if method.aggregation else single
    likelihood = (
        within(likelihood, found.column) if method.column and found.column is not None else _middle_half(likelihood)
    )
    lesions = resample_like(truth, likelihood, nearest=True).array
    candidates = [find_candidates(likelihood, threshold, smallest) for threshold in thresholds]
    return slices_tally(likelihood, lesions, thresholds, smallest), case_tally(candidates, truth), candidates


def _share(column: Sequence[bool]) -> float | None:
    """Of the slices that has to be searched for both the column and the middle half; None: the detection's own."""
    return 1.0 if len(set(column)) > 1 else None


def _middle_half(likelihood: Volume) -> Volume:
    """The likelihood as :func:`detect` makes it where nothing is said: 0 beyond the middle half of the columns."""
    kept = np.zeros_like(likelihood.array)
    columns = middle(kept.shape[2])
    kept[:, :, columns] = likelihood.array[:, :, columns]
    return likelihood.with_array(kept)
