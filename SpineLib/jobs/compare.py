"""Job: a metastasis with the necrosis after its ablation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The comparison", ("inputs",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"metastasis": path, "necrosis": path}, "after_to_before_lps": 4 x 4 or null,
            "error_mm": number or null, "trusted": bool, "settings": {...}}``; the masks are not 0 inside; "settings"
            are those of :class:`SpineLib.tasks.followup.compare.CompareSettings`; only "inputs" is needed.
        folder: gets ``margin.vtp``, the metastasis's surface with its margin.

    Returns:
        ``{"comparison": {...}, "surface": name, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.followup.compare import CompareSettings, compare
    from SpineLib.tasks.followup.output import write_surface
    from SpineLib.volume.segments import read_mask

    settings = CompareSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the masks")
    metastasis, necrosis = (read_mask(parameters["inputs"][name], name) for name in ("metastasis", "necrosis"))
    result = compare(
        metastasis,
        necrosis,
        parameters.get("after_to_before_lps"),
        settings,
        part(progress, 0.1, 0.95),
        parameters.get("error_mm"),
        parameters.get("trusted", True),
    )
    write_surface(result.surface, folder / "margin.vtp")
    return {
        "comparison": result.to_dict(),
        "surface": "margin.vtp",
        "provenance": result.provenance,
        "notes": result.notes,
    }
