"""Job: the repair of a vertebra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.errors import SpineError
from SpineLib.models.catalogue import find_bundle
from SpineLib.progress import Progress, part, silent

if TYPE_CHECKING:
    from SpineLib.models.bundle import ModelBundle


NOUN, NEEDS = "The repair", ("inputs",)


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"vertebrae": path, "lesion": path, "CT": path or None}, "label": number or None,
            "settings": {...}, "model": id, path or None, "preview": bool}``; "settings" are those of
            :class:`SpineLib.tasks.inpainting.settings.InpaintSettings`; only "inputs" is needed. Without a label it is
            the vertebra that the lesion meets most, without a model the one that comes with the method.
        folder: gets ``repaired.nrrd``, ``before.nrrd`` and ``region.nrrd`` on the vertebrae's grid,
            ``uncertainty.nrrd`` on voxels around the vertebra, and with "preview"
            ``preview-NN.nrrd`` meanwhile, which ``progress`` tells of.

    Returns:
        ``{"repaired": name, "region": name, "before": name, "uncertainty": name, "label": number, "measures": {...},
        "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.inpainting.inpaint import inpaint
    from SpineLib.tasks.inpainting.settings import InpaintSettings
    from SpineLib.volume import read_volume, write_volume
    from SpineLib.volume.segments import read_mask

    settings = InpaintSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Loading the model")
    models = method_models(settings.method, parameters.get("model"))
    progress(0.01, "Reading the masks")
    inputs = parameters["inputs"]
    missing = [name for name in ("vertebrae", "lesion") if not inputs.get(name)]
    if missing:
        raise SpineError(f"A repair needs vertebrae and a lesion, and the {missing[0]} were not given; choose them.")
    vertebrae, lesion = (read_mask(inputs[name], name) for name in ("vertebrae", "lesion"))
    ct = read_volume(inputs["CT"], "CT") if inputs.get("CT") else None
    shown = 0

    def preview(done: float, picture) -> None:
        nonlocal shown
        shown += 1
        name = f"preview-{shown:02d}.nrrd"
        write_volume(picture, folder / name, compress=False)
        progress(0.03 + 0.92 * done, "Completing the vertebra", file=name)

    repair = inpaint(
        vertebrae,
        lesion,
        parameters.get("label"),
        models,
        settings,
        part(progress, 0.03, 0.95),
        preview if parameters.get("preview") else None,
        ct,
    )
    progress(0.95, "Writing the result")
    files = {
        "repaired": repair.mask,
        "region": repair.region,
        "before": repair.before,
        "uncertainty": repair.uncertainty,
    }
    for name, volume in files.items():
        write_volume(volume, folder / f"{name}.nrrd")
    return {name: f"{name}.nrrd" for name in files} | {
        "label": repair.label,
        "measures": repair.measures,
        "provenance": repair.provenance,
        "notes": repair.notes,
    }


def method_models(method: str, model: str | Path | None = None) -> dict[str, ModelBundle]:
    """The models a method needs, by task: the chosen one, or the method's own.

    Raises:
        SpineError: it is not installed, or is one for another task.
    """
    from SpineLib.tasks.inpainting.settings import METHOD_MODELS

    if method not in METHOD_MODELS:
        if model:
            raise SpineError(f"The method '{method}' uses no model; leave the model out, or choose another method.")
        return {}
    task, usual = METHOD_MODELS[method]
    bundle = find_bundle(model or usual)
    if bundle.card.task != task:
        raise SpineError(
            f"The model '{bundle.card.id}' is for {bundle.card.task}; choose one for {task}, or another method."
        )
    return {task: bundle}
