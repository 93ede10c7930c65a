"""How good a detector of lesions on CT is on a cohort with truth: by slices as in the paper, and by lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import cast

import numpy as np

from SpineLab.training.ct_lesions.cases import LESION, SLICE, X0, mask_boxes, on_ct
from SpineLib.cohort.ct import CtCase
from SpineLib.errors import SpineError
from SpineLib.metrics.average_precision import (
    ImageBoxes,
    PrecisionRecall,
    overlaps,
    precision_recall,
)
from SpineLib.models import ModelBundle, find_bundle
from SpineLib.networks.faster_rcnn import FasterRCNN
from SpineLib.preprocess.ct_slices import AxialSlices, SlicePreparation, axial_slices
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.checks import check_ct
from SpineLib.tasks.ct.lesion_boxes import CtLesion, box_mask
from SpineLib.tasks.ct.lesions import (
    TASK,
    CtLesionSettings,
    merge,
    region_of,
    slice_boxes,
)
from SpineLib.tasks.segmentation.recist import axes_of
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.segments import read_mask

#: Least intersection over union, in space, of a box that finds a lesion: half the side in each direction is 0.125.
OVERLAP_3D = 0.25
#: Boxes are collected from this probability on, so that a curve can be drawn.
_LOWEST = 0.02


@dataclass(frozen=True, eq=False)
class CaseResult:
    """One case.

    Attributes:
        name: "sub-001".
        slices: what was found in each slice, and what is there.
        keys: numbers of the slices in which a lesion's box is largest.
        lesions: the same in space, edges in mm along the slices' axes; and in ``inside`` those that touch a vertebra.
        recist: (n, 4) of lesions found at the model's threshold: long and short diameter, and the true ones, mm.
        seconds: of the network alone.
    """

    name: str
    slices: list[ImageBoxes]
    keys: np.ndarray
    lesions: ImageBoxes
    inside: ImageBoxes
    recist: np.ndarray
    seconds: float


@dataclass(frozen=True, eq=False)
class CtLesionEvaluation:
    """All cases.

    Attributes:
        model: the bundle's id.
        threshold: the model's.
        cases: of the cohort.
        device, precision, threads: that it ran on.
        around_vertebrae: whether only the surroundings of the true vertebrae were looked at.
        healthy: lesions found in scans without any, by the scan's name.
    """

    model: str
    threshold: float
    cases: list[CaseResult]
    device: str
    precision: str
    threads: int
    around_vertebrae: bool = False
    healthy: dict[str, list[CtLesion]] = field(default_factory=dict)

    @property
    def key_slices(self) -> PrecisionRecall:
        """Over the slices in which a lesion is largest, as in the paper: DeepLesion has one marked slice a lesion."""
        return precision_recall([case.slices[number] for case in self.cases for number in case.keys])

    @property
    def with_lesion(self) -> PrecisionRecall:
        """Over all slices that show a lesion, its first and last ones too."""
        return precision_recall([one for case in self.cases for one in case.slices if len(one.truth)])

    @property
    def all_slices(self) -> PrecisionRecall:
        """Over all slices."""
        return precision_recall([one for case in self.cases for one in case.slices])

    @property
    def in_space(self) -> PrecisionRecall:
        """Over lesions, by an overlap in space of :data:`OVERLAP_3D`."""
        return precision_recall([case.lesions for case in self.cases], OVERLAP_3D)

    @property
    def in_vertebrae(self) -> PrecisionRecall:
        """The same of what touches a vertebra."""
        return precision_recall([case.inside for case in self.cases], OVERLAP_3D)

    @property
    def images_a_second(self) -> float:
        return sum(len(case.slices) for case in self.cases) / max(sum(case.seconds for case in self.cases), 1e-9)

    def false_a_case(self, in_vertebrae: bool) -> float:
        """False positives a case at the model's threshold."""
        curve = self.in_vertebrae if in_vertebrae else self.in_space
        marks = int((curve.scores >= self.threshold).sum())
        precision, _ = curve.at(self.threshold)
        return marks * (1 - precision) / len(self.cases) if marks else 0.0


def find_ct_detector(name: str) -> ModelBundle:
    """The bundle of that id or folder.

    Raises:
        SpineError: there is none, or it does something else.
    """
    bundle = find_bundle(name)
    if bundle.card.task != TASK:
        raise SpineError(f"The model '{bundle.card.id}' does not find lesions on CT; choose one that does.")
    return bundle


def evaluate_ct_lesions(
    cases: Sequence[CtCase],
    bundle: ModelBundle,
    settings: CtLesionSettings = CtLesionSettings(),
    progress: Progress = silent,
    *,
    around_vertebrae: bool = False,
) -> CtLesionEvaluation:
    """Look for lesions in each case, and compare.

    Args:
        cases: with truth.
        bundle: the detector.
        settings: the user's choices.
        progress: told after every few slices.
        around_vertebrae: look around the true vertebrae only, as after a segmentation; else in whole slices.

    Raises:
        SpineError: a case cannot be searched.
        Cancelled: by ``progress``.
    """
    import torch

    threshold = bundle.card.threshold if settings.threshold is None else settings.threshold
    network, device, precision = cast(FasterRCNN, bundle.network()), "", ""
    results = []
    for number, case in enumerate(cases):
        share = part(progress, number / len(cases), (number + 1) / len(cases))
        ct, truth = read_volume(case.ct, "CT"), case.lesions()
        truth = on_ct(truth, ct, case.name, "lesion")
        vertebrae = on_ct(read_mask(case.whole, "vertebrae"), ct, case.name, "vertebrae")
        check_ct(ct)
        slices = axial_slices(ct, SlicePreparation.from_dict(bundle.card.preparation))
        region = region_of(slices, vertebrae if around_vertebrae else None)
        started = perf_counter()
        found, device, precision = slice_boxes(
            slices,
            network,
            region,
            settings,
            lambda done, text, share=share, name=case.name: share(done, f"{name}, {text}"),
            _LOWEST,
        )
        seconds = perf_counter() - started
        known = mask_boxes(slices, truth)
        by_slice = [
            ImageBoxes(
                np.array([box.box for box in boxes]),
                np.array([box.probability for box in boxes]),
                known[known[:, SLICE] == s, X0:LESION],
            )
            for s, boxes in enumerate(found)
        ]
        lesions = merge(slices, found, _LOWEST, settings)
        inside = [_touches(ct, vertebrae, one) for one in lesions]
        boxes, there = _edges(slices, lesions), _truths(slices, known)
        scores = np.array([one.probability for one in lesions])
        kept = np.array(inside, bool)
        results.append(
            CaseResult(
                case.name,
                by_slice,
                _keys(known),
                ImageBoxes(boxes, scores, there),
                ImageBoxes(boxes[kept], scores[kept], there),
                _recist(slices, truth, known, lesions, boxes, there, threshold),
                seconds,
            )
        )
    return CtLesionEvaluation(
        bundle.card.id, threshold, results, device, precision, torch.get_num_threads(), around_vertebrae
    )


def _touches(ct: Volume, vertebrae: Volume, lesion: CtLesion) -> bool:
    """Whether a lesion's box touches a vertebra; a poor detector's may lie beside the image."""
    try:
        return bool((vertebrae.array[box_mask(ct, lesion).array > 0] > 0).any())
    except SpineError:
        return False


def _keys(known: np.ndarray) -> np.ndarray:
    """The slices in which the box of a lesion is largest, of rows as of ``mask_boxes``."""
    areas = (known[:, X0 + 2 : LESION] - known[:, X0 : X0 + 2]).prod(axis=1)
    own = [np.flatnonzero(known[:, LESION] == label) for label in np.unique(known[:, LESION])]
    return np.unique([int(known[rows[areas[rows].argmax()], SLICE]) for rows in own]).astype(int)


def _edges(slices: AxialSlices, lesions: Sequence[CtLesion]) -> np.ndarray:
    """Boxes (n, 6) of lesions, mm along the slices' axes from the first voxel's centre."""
    axes, steps = slices.to_lps[:3, :3], np.array(slices.spacing[::-1])
    unit = axes / steps
    rows = []
    for one in lesions:
        centre = unit.T @ (np.array(one.centre_lps_mm) - slices.to_lps[:3, 3])
        rows.append([*(centre - np.array(one.size_mm) / 2), *(centre + np.array(one.size_mm) / 2)])
    return np.array(rows).reshape(-1, 6)


def _truths(slices: AxialSlices, known: np.ndarray) -> np.ndarray:
    """The same of the true lesions, of their boxes in slices."""
    steps, rows = np.array(slices.spacing[::-1]), []
    for label in np.unique(known[:, LESION]):
        own = known[known[:, LESION] == label]
        low = [*own[:, X0 : X0 + 2].min(axis=0), own[:, SLICE].min()]
        high = [*own[:, X0 + 2 : LESION].max(axis=0), own[:, SLICE].max() + 1]
        rows.append([*((np.array(low) - 0.5) * steps), *((np.array(high) - 0.5) * steps)])
    return np.array(rows).reshape(-1, 6)


def _recist(
    slices: AxialSlices,
    truth: Volume,
    known: np.ndarray,
    lesions: Sequence[CtLesion],
    boxes: np.ndarray,
    there: np.ndarray,
    threshold: float,
) -> np.ndarray:
    """Diameters of the lesions found beside those of their masks."""
    rows, labels = [], np.unique(known[:, LESION])
    table = overlaps(boxes, there)
    for one, row in zip(lesions, table):
        if one.probability < threshold or not len(row) or row.max() < OVERLAP_3D:
            continue
        inside = slices.of_mask(truth.array == labels[row.argmax()])
        numbers = np.flatnonzero(inside.any(axis=(1, 2)))
        rows.append([*one.recist_mm, *max(axes_of(inside[number], slices.spacing[1:]) for number in numbers)])
    return np.array(rows).reshape(-1, 4)
