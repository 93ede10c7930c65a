"""Job: places suspicious of metastasis on MR."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models.catalogue import find_bundle
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The search for metastases", ("inputs", "model")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"STIR": path}, "model": id or path, "settings": {...}, "labels": path or None}``; the
            one input is the sequence that the model wants; "settings" are those of
            :class:`SpineLib.tasks.detection.detect.DetectSettings`; "labels" are vertebrae, which need not be given.
        folder: gets ``likelihood.nrrd`` (on the image's grid) and ``slices.nrrd`` (sagittal slices of 1 mm).

    Returns:
        ``{"likelihood": name, "slices": name, "candidates": [...], "provenance": {...}, "notes": [...], "levels": text
        or null}``, the last as :class:`SpineLib.tasks.segmentation.places.LevelPlaces` has it.
    """
    from SpineLib.tasks.detection.detect import DetectSettings, detect
    from SpineLib.tasks.segmentation.places import LevelPlaces
    from SpineLib.volume import read_volume, write_volume

    settings = DetectSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Loading the model")
    bundle = find_bundle(parameters["model"])
    wanted = bundle.card.inputs[0]
    if wanted not in parameters["inputs"]:
        raise SpineError(
            f"The model '{bundle.card.id}' needs {wanted}, and it was not given; choose it or another model."
        )
    progress(0.01, "Reading the image")
    image = read_volume(parameters["inputs"][wanted], wanted)
    labels = _vertebrae(parameters["labels"]) if parameters.get("labels") else None
    found = detect(image, bundle, settings, part(progress, 0.02, 0.97), labels)
    progress(0.97, "Writing the result")
    write_volume(found.likelihood, folder / "likelihood.nrrd")
    write_volume(found.slices, folder / "slices.nrrd")
    return {
        "likelihood": "likelihood.nrrd",
        "slices": "slices.nrrd",
        "candidates": [candidate.to_dict() for candidate in found.candidates],
        "provenance": found.provenance,
        "notes": found.notes,
        "levels": None if found.vertebrae is None else LevelPlaces.of(found.vertebrae).text(),
    }


def _vertebrae(path: str):
    """Vertebrae with their levels' numbers; as they are where nobody knows how they are numbered."""
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.volume.segments import read_mask

    try:
        return read_vertebrae(path)[0]
    except SpineError:
        return read_mask(path, "vertebrae")
