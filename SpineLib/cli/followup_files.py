"""All files of a follow-up: segmentations, transforms, painted surfaces, figures, report, DICOM objects."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from SpineLib.json_text import json_text
from SpineLib.metrics.ablation import MEASURES
from SpineLib.models.bundle import file_sha256
from SpineLib.models.card import ModelCard
from SpineLib.progress import Progress
from SpineLib.reports.followup import FollowUpReport, LesionPart, case_json, followup_page
from SpineLib.reports.followup_cohort import patient_row
from SpineLib.reports.followup_tables import NOT_TREATED, plain_table
from SpineLib.sequences import enhanced_of
from SpineLib.tasks.followup.follow_up import FollowUp, Marked, TreatedLesion
from SpineLib.tasks.followup.output import comparison_row, write_surface
from SpineLib.tasks.followup.verdict import NOT_TO_BE_TOLD
from SpineLib.tasks.segmentation.naming import TARGETS, Target, metastasis_name
from SpineLib.tasks.segmentation.output import lesion_segments, write_result
from SpineLib.tasks.stability.parts import SpineParts
from SpineLib.volume import write_segmentation
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object

RECORD = "comparison.json"
#: The segmentations, as ``Scans`` calls them.
MASKS = {"metastases.seg.nrrd": "metastasis", "necroses.seg.nrrd": "necrosis"}


def write_follow_up(
    folder: Path,
    result: FollowUp,
    notes: Sequence[str],
    cards: Sequence[ModelCard],
    *,
    simulated: bool,
    patient: Mapping[str, Any] | None,
    progress: Progress,
    archive: ForArchive | None = None,
    parts: SpineParts | None = None,
) -> tuple[dict, list[str]]:
    """Write everything into an empty folder.

    Args:
        folder: where to.
        result: of the task.
        notes: further ones that stand first.
        cards: of the models that segmented.
        simulated: whether the scans are.
        patient: for the report; None: nothing of the patient.
        archive: where DICOM objects go; None: none are written.
        progress: may raise ``Cancelled``.
        parts: the spinal canal in the space of the scan before; None: no distances to it.

    Returns:
        The patient's line of a cohort's table, and lines for a terminal.
    """
    from SpineLib.tasks.registration.record import write_registration
    from SpineLib.volume.transform import write_transform

    notes = [*notes, *result.notes]
    progress(0.0, "Writing segmentations")
    _write_marked(folder / "metastases.seg.nrrd", result.metastases, TARGETS["metastasis"])
    _write_marked(folder / "necroses.seg.nrrd", result.necroses, TARGETS["necrosis"])
    for number, part in enumerate(part for part in result.treated if part.comparison is not None):
        assert part.comparison is not None and part.after_to_before is not None
        ending = f"_{part.lesion.id}" if number else ""  # the largest treated one has the plain names
        if part.registration is not None:
            write_registration(part.registration, folder / f"after_to_before{ending}.tfm")
        else:
            write_transform(part.after_to_before, folder / f"after_to_before{ending}.tfm")
        write_surface(part.comparison.surface, folder / f"margin{ending}.vtp")
    progress(0.3, "Drawing the report")
    spine = _canal_lines(result, parts) if parts is not None else []
    notes += parts.notes if parts is not None else []
    report = replace(report_of(result, notes, cards, simulated=simulated, patient=patient), spine=spine)
    if archive is not None:
        notes += archive.write(result, report)
        report = replace(report, notes=notes)
    followup_page(folder / "report.html", report)
    progress(0.9, "Writing the figures")
    rows = [_row(part) | {"simulated_data": simulated} for part in result.treated]
    write_text(folder / "comparison.csv", plain_table(rows).to_csv())
    record = case_json(report) | {
        "rows": rows,
        "files": sorted([*(path.name for path in folder.iterdir()), RECORD]),
        "checksums": {name: file_sha256(folder / name) for name in MASKS},
    }
    write_text(folder / RECORD, json_text(record))
    progress(1.0, "Done")
    return patient_row(rows, notes), [*spine, *_lines(result, notes, cards)]


def _canal_lines(result: FollowUp, parts: SpineParts) -> list[str]:
    """How near each metastasis, and the necrosis at it, come to the spinal canal."""
    from SpineLib.tasks.stability.canal import canal_distance
    from SpineLib.tasks.stability.form import distance_words

    canal, lines = parts.canal, list[str]()
    if canal is None:
        return lines
    for one in result.treated:
        near = canal_distance(result.metastases.only(one.lesion.id), canal, canal_by=parts.by)
        said = [distance_words("lesion", near.to_dict())]
        if one.necroses and one.after_to_before is not None:
            quality = one.registration.quality if one.registration else None
            error, trusted = (quality.error_mm, quality.trusted) if quality else (None, True)
            necrosis = result.necroses.only(*one.necroses)
            dead = canal_distance(necrosis, canal, one.after_to_before, parts.by, error, trusted)
            said.append(distance_words("necrosis", dead.to_dict()))
        lines.append(f"Metastasis {one.lesion.id}: {' '.join(said)}")
    return lines


def row_of(folder: Path) -> dict | None:
    """A patient's line of the cohort's table from a folder written earlier; None where there is none."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return patient_row(record["rows"], record["notes"])
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None


def required_margin_of(folder: Path) -> float | None:
    """The margin that a folder written earlier asked for, mm; None where nothing was compared, or it does not tell."""
    for one in json_object(folder / RECORD).get("metastases") or []:
        with suppress(KeyError, TypeError, ValueError):
            return float(one["comparison"]["provenance"]["parameters"]["required_margin_mm"])
    return None


def corrected_masks(folder: Path) -> dict[str, Path]:
    """Both segmentations of a folder written earlier, by "metastasis" and "necrosis", when one was changed since."""
    try:
        checksums = json.loads((folder / RECORD).read_text(encoding="utf-8"))["checksums"]
        changed = any(file_sha256(folder / name) != checksums[name] for name in MASKS)
    except (OSError, ValueError, KeyError, TypeError):  # an older version's, or one without its masks
        return {}
    return {mask: folder / name for name, mask in MASKS.items()} if changed else {}


def seal(folder: Path, corrected: Mapping[str, Path], images: Iterable[Path]) -> None:
    """Note what a follow-up was made of, and put the user's own segmentations, byte by byte, in place of those that a
    run wrote from them."""
    for name, mask in MASKS.items() if corrected else ():
        shutil.copyfile(corrected[mask], folder / name)
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    record["checksums"] = {name: file_sha256(folder / name) for name in MASKS}
    record["images"] = {path.name: file_sha256(path) for path in images}
    write_text(folder / RECORD, json_text(record))


def report_of(
    result: FollowUp,
    notes: Sequence[str],
    cards: Sequence[ModelCard],
    *,
    simulated: bool,
    patient: Mapping[str, Any] | None = None,
) -> FollowUpReport:
    """What the page shows of a result."""
    before, after = result.pair
    after = enhanced_of(result.after) or after  # the rim is seen best there
    parts = [
        LesionPart(
            one.lesion,
            one.comparison.to_dict() if one.comparison else None,
            one.comparison.surface if one.comparison else None,
            one.after_to_before,
            one.registration.to_dict() if one.registration else None,
            one.untold,
        )
        for one in result.treated
    ]
    return FollowUpReport(
        result.before[before],
        result.after[after],
        (f"{before} before", f"{after} after"),
        result.metastases.labels,
        result.necroses.labels,
        parts,
        cards,
        result.provenance,
        notes,
        simulated,
        patient,
    )


def _write_marked(path: Path, marked: Marked, target: Target) -> None:
    if marked.result is not None:
        write_result(marked.result, path)
    else:
        write_segmentation(path, marked.labels, lesion_segments(marked.lesions, target))


@dataclass(frozen=True, eq=False)
class ForArchive:
    """Where the DICOM objects go.

    Attributes:
        folder: empty.
        before, after: the series by sequence name.
    """

    folder: Path
    before: Mapping[str, Path]
    after: Mapping[str, Path]

    def write(self, result: FollowUp, report: FollowUpReport) -> list[str]:
        """Both segmentations, each on the series that it was made on (the reference of the model, else the scan that is
        shown), measures, key pictures and text; sentences for the user."""
        from SpineLib.reports.dicom_objects import Marked as Outgoing
        from SpineLib.reports.dicom_objects import write_dicom_objects
        from SpineLib.reports.followup_pictures import followup_pictures
        from SpineLib.reports.text import followup_text
        from SpineLib.volume.dicom_seg import SegAlgorithm

        outgoing = []
        for name, marked, target, paths, shown, when in (
            ("metastases", result.metastases, TARGETS["metastasis"], self.before, result.pair[0], "before"),
            ("necroses", result.necroses, TARGETS["necrosis"], self.after, result.pair[1], "after"),
        ):
            made = marked.result.provenance if marked.result else None
            parts = report.parts if when == "before" else ()
            outgoing.append(
                Outgoing(
                    name,
                    marked.labels,
                    lesion_segments(marked.lesions, target),
                    {lesion.id: lesion for lesion in marked.lesions},
                    paths[made["reference"] if made else shown],
                    SegAlgorithm(made["model"]["id"], made["model"]["version"]) if made else None,
                    f"{when} the ablation",
                    {part.lesion.id: part.comparison for part in parts},
                    {part.lesion.id for part in parts if part.untold},
                )
            )
        _, notes = write_dicom_objects(self.folder, outgoing, followup_pictures(report))
        write_text(self.folder / "report.txt", followup_text(report) + "\n")
        return notes


def _unmarked(part: TreatedLesion) -> str:
    """The outcome of a metastasis without a necrosis at it."""
    return NOT_TO_BE_TOLD if part.untold else NOT_TREATED


def _row(part: TreatedLesion) -> dict[str, Any]:
    row: dict[str, Any] = {
        "metastasis": part.lesion.id,
        "level": part.lesion.level,
        "metastasis_ml": part.lesion.volume_ml,
        "outcome": _unmarked(part),
    }
    if part.comparison is not None:
        row |= comparison_row(part.comparison)
    row["registration_trusted"] = part.registration.quality.trusted if part.registration else None
    return row


def _lines(result: FollowUp, notes: Sequence[str], cards: Sequence[ModelCard]) -> list[str]:
    lines = []
    for part in result.treated:
        start = f"{metastasis_name(part.lesion, f'{part.lesion.volume_ml:.1f} ml')}: "
        if part.comparison is None:
            lines.append(f"{start}{_unmarked(part)}.{' ' if part.untold else ''}{part.untold}")
            continue
        shown = {key: measure.text(part.comparison.values[key]) for key, measure in MEASURES.items()}
        error = f" ± {shown['error_mm']}" if part.comparison.values["error_mm"] is not None else ""
        lines.append(
            f"{start}{part.comparison.verdict.outcome}; {shown['covered_share']} covered, "
            f"minimal ablative margin {shown['minimum_mm']}{error}."
        )
        lines += [f"  {reason}" for reason in part.comparison.verdict.reasons]
    if any(card.training_data["simulated"] for card in cards):
        lines.append("Models trained on simulated data: " + ", ".join(card.id for card in cards) + ".")
    return [*lines, *(f"Note: {note}" for note in notes)]
