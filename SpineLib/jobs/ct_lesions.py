"""Job: lesions of the spine on CT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models.catalogue import find_bundle
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The search for lesions", ("inputs", "model")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"CT": path}, "model": id or path, "settings": {...}, "labels": path or None}``;
            "settings" are those of :class:`SpineLib.tasks.ct.lesions.CtLesionSettings`; "labels" are vertebrae, which
            need not be given.
        folder: gets ``marks.nrrd``, the lesions' numbers on the CT's grid, of a model that marks them.

    Returns:
        ``{"lesions": [...], "marks": name or None, "searched": sentence, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions
    from SpineLib.volume import read_volume, write_volume
    from SpineLib.volume.segments import read_mask

    settings = CtLesionSettings.from_dict(parameters.get("settings") or {})
    if "CT" not in parameters["inputs"]:
        raise SpineError("Lesions are sought on a CT, and none was given; choose one.")
    progress(0.0, "Loading the model")
    bundle = find_bundle(parameters["model"])
    progress(0.01, "Reading the CT")
    ct = read_volume(parameters["inputs"]["CT"], "CT")
    labels = read_mask(parameters["labels"], "vertebrae") if parameters.get("labels") else None
    found = detect_ct_lesions(ct, bundle, settings, part(progress, 0.05, 1.0), labels)
    if found.mask is not None:
        write_volume(found.mask, folder / "marks.nrrd")
    return {
        "lesions": [lesion.to_dict() for lesion in found.lesions],
        "marks": None if found.mask is None else "marks.nrrd",
        "searched": found.searched,
        "provenance": found.provenance,
        "notes": found.notes,
    }
