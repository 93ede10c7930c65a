"""Job: a printable model of a mask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The model", ("inputs",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"mask": path, "before": path or None, "uncertainty": path or None}, "settings":
            {...}, "formats": ["stl", ...], "space": "LPS" or "RAS"}``; the masks are not 0 inside, the uncertainty is
            that of a repair; "settings" are those of :class:`SpineLib.mesh.model.ModelSettings`; only "inputs" with its
            mask is needed.
        folder: gets ``model.vtp``, ``before.vtp`` (with a mask before), and ``model.stl`` etc. where the print gate
            passes the model.

    Returns:
        ``{"model": name, "before": name or None, "files": [names], "checks": [...], "passed": bool, "measures": {...},
        "provenance": {...}, "attention": [...], "notes": [...]}``; "checks" are those of
        :class:`SpineLib.mesh.gate.Check`, "attention" what has to be read first.
    """
    from SpineLib.mesh.model import ModelSettings, write_model
    from SpineLib.tasks.printing.reconstruct import reconstruct, write_models
    from SpineLib.volume import read_volume
    from SpineLib.volume.segments import read_mask

    settings = ModelSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the masks")
    paths = parameters["inputs"]
    before = read_mask(paths["before"], "mask before the repair") if paths.get("before") else None
    uncertainty = read_volume(paths["uncertainty"], "uncertainty") if paths.get("uncertainty") else None
    mask = read_mask(paths["mask"], "mask")
    result = reconstruct(mask, before, settings, part(progress, 0.05, 0.85), uncertainty)
    progress(0.85, "Writing the model")
    model, earlier = write_models(result, folder)
    files = []
    for name in parameters.get("formats") or [] if result.model.report.passed else []:
        files.append(f"model.{name.lower().lstrip('.')}")
        write_model(result.model, folder / files[-1], overwrite=True, space=parameters.get("space") or "LPS")
    return {
        "model": model,
        "before": earlier,
        "files": files,
        **result.model.report.to_dict(),
        "measures": result.measures,
        "provenance": result.provenance,
        "attention": result.model.attention,
        "notes": result.notes,
    }
