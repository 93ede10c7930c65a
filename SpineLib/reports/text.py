"""A result as a plain paragraph for a radiology information system: no markup, nothing of the patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from SpineLib import NOTICE, __version__
from SpineLib.metrics.ablation import figures_of
from SpineLib.reports.followup import FollowUpReport, LesionPart
from SpineLib.tasks.followup.verdict import TITLES
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.tasks.segmentation.likeness import unlike_note
from SpineLib.tasks.segmentation.naming import metastasis_name
from SpineLib.words import counted


def lesions_text(
    lesions: Sequence[tuple[str, Lesion]],
    inputs: Sequence[str],
    one: str,
    many: str,
    provenance: Mapping[str, Any],
    spine: Sequence[str] = (),
) -> str:
    """What was found on a scan.

    Args:
        lesions: names ("Lesion 1", with its level where that is known) and measures.
        inputs: the sequences that were read ("T1", "T2").
        one, many: what they are called.
        provenance: of the result; a drawn one has no model.
        spine: sentences on the canal and on scores that a reader has confirmed.
    """
    total = sum(lesion.volume_ml for _, lesion in lesions)
    scans = f" on {' and '.join(inputs)}" if inputs else ""
    found = counted(len(lesions), one, many, none="no")
    parts = [f"{found[0].upper()}{found[1:]}{scans}{f', {total:.1f} ml in all' if lesions else ''}."]
    parts += [
        f"{name}: {_volume(lesion)}, longest diameter {lesion.diameter_in_plane_mm:.0f} mm in a sagittal slice, "
        f"{lesion.diameter_3d_mm:.0f} mm in space."
        for name, lesion in lesions
    ]
    return " ".join([*parts, *unlike_note(provenance), *spine, _made([provenance.get("model") or {}])])


def followup_text(report: FollowUpReport) -> str:
    """What became of each metastasis."""
    parts = [f"Follow-up after ablation ({report.names[0]}, {report.names[1]})."]
    parts += [_part_text(part) for part in report.parts]
    parts += report.spine
    models = [{"id": card.id, "version": card.version} for card in report.models]
    if report.simulated:
        parts.append("Simulated data, not a patient.")
    return " ".join([*parts, _made(models)])


def _part_text(part: LesionPart) -> str:
    name = metastasis_name(part.lesion, _volume(part.lesion), f"{part.lesion.diameter_3d_mm:.0f} mm")
    if part.untold:
        return f"{name}: {TITLES[part.outcome].lower()}. {part.untold}"
    if part.comparison is None:
        return f"{name}: no necrosis lies at it, not treated."
    shown = {figure.key: figure.text(value) for figure, value in figures_of(part.comparison)}
    distance, verdict = part.comparison["distance"], part.comparison["verdict"]
    said = [f"{name}: {TITLES[verdict['outcome']].lower()}"]
    said.append(f"{shown['covered_share']} covered, {shown['untreated_ml']} untreated")
    if distance["minimum_mm"] is not None:
        error = f" ± {shown['error_mm']}" if distance.get("error_mm") else ""
        said.append(f"minimal ablative margin {shown['minimum_mm']}{error} ({distance['thinnest_where']})")
    return "; ".join(said) + ". " + " ".join(verdict["reasons"])


def _volume(lesion: Lesion) -> str:
    return f"{lesion.volume_ml:.{1 if lesion.volume_ml >= 0.95 else 2}f} ml"


def _made(models: Sequence[Mapping[str, Any]]) -> str:
    used = ", ".join(f"{one['id']} {one.get('version', '')}".strip() for one in models if one.get("id"))
    how = f"segmented by {used}" if used else "segmentations given, no model"
    return f"Measured with SpineOncology {__version__}, {how}. {NOTICE}; to be read together with the images."
