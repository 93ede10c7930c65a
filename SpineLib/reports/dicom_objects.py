"""What a result leaves for the archive: DICOM SEG, DICOM SR and key pictures of the same segments, in one folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib.metrics.ablation import MEASURES
from SpineLib.reports.followup_tables import NOT_TREATED
from SpineLib.tasks.followup.verdict import COMPLETE, COVERED, INCOMPLETE, NOT_TO_BE_TOLD, TITLES
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.volume import SegmentInfo, Volume

if TYPE_CHECKING:
    from SpineLib.reports.dicom_sr import Number, Summary, Word
    from SpineLib.reports.key_pictures import KeyPicture
    from SpineLib.volume.dicom_seg import SegAlgorithm

#: The measures of a comparison that go out, and their codes in the project's own scheme.
_ABLATION = {
    "covered_share": "ABL-COVERED",
    "untreated_ml": "ABL-UNTREATED",
    "minimum_mm": "ABL-MARGIN-MIN",
    "mean_mm": "ABL-MARGIN-MEAN",
    "error_mm": "REGISTR-ERROR",
}
_OUTCOMES = {
    COMPLETE: "ABL-COMPLETE",
    COVERED: "ABL-MARGIN-SHORT",
    INCOMPLETE: "ABL-INCOMPLETE",
    NOT_TO_BE_TOLD: "ABL-UNKNOWN",
    NOT_TREATED: "ABL-NONE",
}


@dataclass(frozen=True, eq=False)
class Marked:
    """One segmentation.

    Attributes:
        name: of its file and series, "lesions".
        labels: whole numbers, 0 is nothing.
        segments: what they are.
        lesions: their measures by label; others of ``labels`` are not told of.
        series: folder of the DICOM series that it lies on, or ``folder#3``.
        algorithm: what drew it; None: a person.
        when: the time point ("before the ablation"); "" where there is one examination only.
        comparisons: by label, what an ablation did (:meth:`SpineLib.tasks.followup.compare.Comparison.to_dict`); None:
            no necrosis lies at it.
        untold: labels of which it is not to be told whether they were treated.
        words, numbers: by label, what else is told of it: :class:`SpineLib.reports.dicom_sr.Word` and ``Number``.
        same_as: label to the label of the same lesion in the segmentation before, whose tracking UID it has.
    """

    name: str
    labels: Volume
    segments: Sequence[SegmentInfo]
    lesions: Mapping[int, Lesion]
    series: str | Path
    algorithm: SegAlgorithm | None = None
    when: str = ""
    comparisons: Mapping[int, Mapping[str, Any] | None] = field(default_factory=dict)
    untold: Collection[int] = ()
    words: Mapping[int, Sequence[Word]] = field(default_factory=dict)
    numbers: Mapping[int, Sequence[Number]] = field(default_factory=dict)
    same_as: Mapping[int, int] = field(default_factory=dict)


def write_dicom_objects(
    folder: Path, marked: Sequence[Marked], pictures: Sequence[KeyPicture], summary: Summary | None = None
) -> tuple[list[str], list[str]]:
    """Write ``<name>.dcm`` of each segmentation that holds something, ``measurements.dcm``, ``picture_<n>.dcm``.

    The pictures belong to the series of the last segmentation, and so does the report.

    Args:
        folder: must exist.
        marked: in the order of time.
        pictures: :func:`SpineLib.reports.key_pictures.key_picture`.
        summary: what is told of all lesions together.

    Returns:
        Names of the files, and sentences the user should read.

    Raises:
        SpineError: highdicom is not installed, a series cannot be referred to, or a file cannot be written.
    """
    from SpineLib.volume.dicom_seg import write_dicom_seg
    from SpineLib.volume.dicom_sources import read_sources

    names: list[str] = []
    notes: list[str] = []
    findings: list[Any] = []
    former: Any = None
    for order, one in enumerate(marked, start=1):
        if not (one.labels.array != 0).any():
            notes.append(f"There are no {one.name}, so no DICOM SEG of them was written.")
            former = None
            continue
        title = one.name[0].upper() + one.name[1:]
        seg = write_dicom_seg(
            folder / f"{one.name}.dcm",
            one.labels,
            one.segments,
            one.series,
            description=title,
            algorithm=one.algorithm,
            tracking={
                label: former.segment(other).TrackingUID
                for label, other in one.same_as.items()
                if former is not None and other in former.numbers
            },
        )
        former = seg
        names.append(f"{one.name}.dcm")
        notes += seg.notes
        findings += _findings(one, seg, order)
    if findings:
        from SpineLib.reports.dicom_sr import write_sr

        write_sr(folder / "measurements.dcm", findings, summary)
        names.append("measurements.dcm")
    if pictures and marked:
        from SpineLib.reports.dicom_capture import write_captures

        sources = findings[-1].seg.sources if findings else read_sources(marked[-1].series)
        names += write_captures(folder, pictures, sources)
    return names, notes


def _findings(one: Marked, seg, order: int) -> list:
    from SpineLib.reports.dicom_sr import Finding, Number, Word, own_code

    found = []
    for label, lesion in one.lesions.items():
        if label not in seg.numbers:
            continue
        numbers, words = list(one.numbers.get(label, ())), list(one.words.get(label, ()))
        if label in one.comparisons:
            comparison = one.comparisons[label]
            unmarked = NOT_TO_BE_TOLD if label in one.untold else NOT_TREATED
            outcome = comparison["verdict"]["outcome"] if comparison else unmarked
            words.append(
                Word(
                    own_code("ABL-OUTCOME", "Outcome of the ablation"),
                    own_code(_OUTCOMES[outcome], {**TITLES, NOT_TREATED: "Not treated"}[outcome]),
                )
            )
            for group in ("overlap", "distance") if comparison else ():
                for key, code in _ABLATION.items():
                    value = comparison[group].get(key) if comparison else None
                    if value is not None:
                        measure = MEASURES[key]
                        number = measure.in_unit(value)
                        assert number is not None
                        numbers.append(Number(own_code(code, measure.label), number, measure.unit))
        found.append(
            Finding(
                seg,
                label,
                lesion,
                numbers,
                words,
                one.when,
                order,
                one.algorithm,
            )
        )
    return found
