"""Job: a metastasis with the necrosis after its ablation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.errors import SpineError
from SpineLib.progress import Progress, part, silent

if TYPE_CHECKING:
    from SpineLib.volume import Volume

NOUN, NEEDS = "The comparison", ("inputs",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"metastasis": path, "necrosis": path}, "after_to_before_lps": 4 x 4 or null,
            "error_mm": number or null, "trusted": bool, "settings": {...}, "canal": {"path", "by"} or null,
            "search": {"path", "sequence", "device"} or null}``; the masks are not 0 inside; "settings" are those of
            :class:`SpineLib.tasks.followup.compare.CompareSettings`; "canal" is a mask, "search" the scan before in
            which it is looked for; only "inputs" is needed.
        folder: gets ``margin.vtp``, the metastasis's surface with its margin, and ``spine-parts.nrrd`` after a search.

    Returns:
        ``{"comparison": {..., "canal": {"metastasis": {...}, "necrosis": {...}} or {}}, "surface": name, "provenance":
        {...}, "notes": [...], "parts": {...} or null}``; distances as
        :class:`SpineLib.tasks.stability.canal.CanalDistance` has them.
    """
    from SpineLib.tasks.followup.compare import CompareSettings, compare
    from SpineLib.tasks.followup.output import write_surface
    from SpineLib.tasks.stability.canal import canal_distance
    from SpineLib.volume.segments import read_mask

    settings = CompareSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the masks")
    metastasis, necrosis = (read_mask(parameters["inputs"][name], name) for name in ("metastasis", "necrosis"))
    result = compare(
        metastasis,
        necrosis,
        parameters.get("after_to_before_lps"),
        settings,
        part(progress, 0.1, 0.4 if parameters.get("search") else 0.9),
        parameters.get("error_mm"),
        parameters.get("trusted", True),
    )
    write_surface(result.surface, folder / "margin.vtp")
    canal, by, parts, notes = _canal(parameters, folder, part(progress, 0.4, 0.9))
    distances = {}
    if canal is not None:
        progress(0.9, "Measuring the distance to the spinal canal")
        matrix, error = (parameters.get(key) for key in ("after_to_before_lps", "error_mm"))
        dead = canal_distance(necrosis, canal, matrix, by, error, parameters.get("trusted", True))
        distances = {
            "metastasis": canal_distance(metastasis, canal, None, by).to_dict(),
            "necrosis": dead.to_dict(),
        }
    return {
        "comparison": result.to_dict() | {"canal": distances, "notes": result.notes + notes},
        "surface": "margin.vtp",
        "provenance": result.provenance,
        "notes": result.notes + notes,
        "parts": parts,
    }


def _canal(parameters: Mapping, folder: Path, progress: Progress) -> tuple[Volume | None, str, dict | None, list[str]]:
    """The canal's mask, the model that found it, what was written of it, and sentences for the user."""
    from SpineLib.volume.segments import read_mask

    if told := parameters.get("canal"):
        return read_mask(told["path"], "canal"), told["by"], None, []
    if not (asked := parameters.get("search")):
        return None, "", None, []
    from SpineLib.tasks.stability.find import find_parts  # brings torch
    from SpineLib.tasks.stability.output import write_parts
    from SpineLib.volume import read_volume

    progress(0.0, "Looking for the spinal canal")
    try:
        image = read_volume(asked["path"], asked["sequence"])
        found = find_parts(image, asked["sequence"], device=asked.get("device", "auto"), progress=progress)
    except SpineError as error:  # the comparison is whole without it
        return None, "", None, [f"The spinal canal was not found: {error}"]
    if found is None or found.canal is None:
        return None, "", None, ["The spinal canal was not found, so that no distance to it is told."]
    return found.canal, found.by, write_parts(found, folder), found.notes
