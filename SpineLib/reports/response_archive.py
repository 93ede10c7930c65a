"""Two examinations for the archive: both segmentations as DICOM SEG, measures and response as one DICOM SR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.metrics.response import COMPLETE, NOT_MEASURABLE, NOT_SEEN, NOT_TO_BE_TOLD, PARTIAL, PROGRESSIVE, STABLE
from SpineLib.reports.dicom_objects import Marked, write_dicom_objects
from SpineLib.tasks.colours import METASTASIS
from SpineLib.tasks.response.checks import check_archive
from SpineLib.tasks.response.response import Found, LesionChange, Response
from SpineLib.tasks.segmentation.lesions import measure_lesion
from SpineLib.tasks.segmentation.naming import TARGETS, lesion_terminology
from SpineLib.volume import SegmentInfo, Volume

if TYPE_CHECKING:
    from SpineLib.reports.dicom_sr import Summary, Word

#: The standard's words for a lesion that was there earlier (PS3.16, CID 6143).
_TARGET = {
    COMPLETE: "TargetLesionCompleteResponse",
    PARTIAL: "TargetLesionPartialResponse",
    STABLE: "TargetLesionStableDisease",
    PROGRESSIVE: "TargetLesionProgressiveDisease",
}
#: This project's own, for what the standard has none for: a new lesion, and the whole examination.
_OWN = {
    "new": ("RESP-NEW", "New lesion"),
    NOT_MEASURABLE: ("RESP-NOT-MEAS", "Not measurable"),
    NOT_SEEN: ("RESP-NOT-SEEN", "Not on both scans"),
    COMPLETE: ("RESP-CR", "Complete response"),
    PARTIAL: ("RESP-PR", "Partial response"),
    STABLE: ("RESP-SD", "Stable disease"),
    PROGRESSIVE: ("RESP-PD", "Progressive disease"),
    NOT_TO_BE_TOLD: ("RESP-UNKNOWN", "Not to be told"),
}
_METHOD = ("RESP-MDA-WHO", "MD Anderson bone classes by WHO thresholds")
_FIGURES = {
    "volume_change": ("CHANGE-VOLUME", "Change of volume"),
    "product_change": ("CHANGE-PRODUCT", "Change of product of diameters"),
}


@dataclass(frozen=True, eq=False)
class Side:
    """One examination.

    Attributes:
        labels: its lesions as 1, 2 ... in their order.
        lesions: what they are called.
        series: folder of the DICOM series that they lie on, or ``folder#3``.
    """

    labels: Volume
    lesions: Sequence[Found]
    series: str | Path


def write_response(folder: Path, result: Response, earlier: Side, later: Side) -> tuple[list[str], list[str]]:
    """Write ``earlier.dcm``, ``later.dcm`` and ``measurements.dcm``; the files' names, and sentences for the user.

    A lesion that is there both times has one tracking UID. The response stands with the later lesion, of one that is
    gone with the earlier one.

    Raises:
        SpineError: the series are of two patients, two lesions of one examination are called alike; and as
            :func:`SpineLib.reports.dicom_objects.write_dicom_objects`.
    """
    check_archive(earlier.series, later.series)
    if any(len({one.name for one in side.lesions}) < len(side.lesions) for side in (earlier, later)):
        raise SpineError(
            "Two lesions of one examination have the same name, so that DICOM can't tell them: rename one."
        )
    numbers = [{one.name: number for number, one in enumerate(side.lesions, start=1)} for side in (earlier, later)]
    words: tuple[dict, dict] = ({}, {})
    figures: tuple[dict, dict] = ({}, {})
    same: dict[int, int] = {}
    for change in result.changes:
        side = 1 if change.later else 0
        for name in change.later or change.earlier:
            label = numbers[side][name]
            words[side][label], figures[side][label] = _words(change), _numbers(change)
        if len(change.earlier) == len(change.later) == 1 and change.response != NOT_TO_BE_TOLD:
            same[numbers[1][change.later[0]]] = numbers[0][change.earlier[0]]
    marked = [
        _marked("earlier", earlier, "earlier examination", words[0], figures[0], {}),
        _marked("later", later, "later examination", words[1], figures[1], same),
    ]
    return write_dicom_objects(folder, marked, [], _summary(result))


def _marked(name: str, side: Side, when: str, words: Mapping, figures: Mapping, same: Mapping[int, int]) -> Marked:
    segments, lesions = [], {}
    for label, found in enumerate(side.lesions, start=1):
        mask = side.labels.with_array((side.labels.array == label).astype(np.uint8))
        lesion = measure_lesion(mask, number=label)
        if lesion is not None:
            lesion = replace(lesion, level=found.level)
            terminology = lesion_terminology(lesion, TARGETS["metastasis"])
            segments.append(SegmentInfo(label, found.name, METASTASIS, terminology))
            lesions[label] = lesion
    told = Marked(name, side.labels, segments, lesions, side.series, when=when)
    return replace(told, words=words, numbers=figures, same_as=same)


def _words(change: LesionChange) -> list[Word]:
    from pydicom.sr.codedict import codes

    from SpineLib.reports.dicom_sr import Word, own_code

    if change.what == "new" and change.response == PROGRESSIVE:
        value = own_code(*_OWN["new"])
    elif change.response in _TARGET:
        value = getattr(codes.DCM, _TARGET[change.response])
    else:
        value = own_code(*_OWN[change.response])
    return [
        Word(codes.DCM.CurrentResponse, value),
        Word(codes.DCM.ResponseEvaluationMethod, own_code(*_METHOD)),
    ]


def _numbers(change: LesionChange) -> list:
    from SpineLib.reports.dicom_sr import Number, own_code

    values = change.values
    return [
        Number(own_code(*code), 100 * value, "%")
        for key, code in _FIGURES.items()
        if (value := values[key]) is not None and change.response not in (NOT_SEEN, NOT_MEASURABLE, NOT_TO_BE_TOLD)
    ]


def _summary(result: Response) -> Summary:
    from pydicom.sr.codedict import codes

    from SpineLib.reports.dicom_sr import Summary, Word, own_code

    overall = _OWN[result.overall]
    return Summary(
        "All lesions",
        [
            Word(codes.DCM.CurrentResponse, own_code(*overall)),
            Word(codes.DCM.ResponseEvaluationMethod, own_code(*_METHOD)),
        ],
        [result.reason, *result.notes],
    )
