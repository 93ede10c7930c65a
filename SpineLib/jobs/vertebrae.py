"""Job: the vertebrae of a CT."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.models.catalogue import find_bundle
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The segmentation of the vertebrae", ("inputs", "model")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"CT": path}, "model": id or path, "settings": {...}}``; "settings" are those of
            :class:`SpineLib.tasks.ct.vertebrae.VertebraeSettings`.
        folder: gets ``labels.nrrd`` and ``probability.nrrd``.

    Returns:
        ``{"labels": name, "probability": name, "vertebrae": [...], "provenance": {...}, "notes": [...]}``, names of
        files in ``folder``.
    """
    from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
    from SpineLib.volume import read_volume, write_volume

    settings = VertebraeSettings.from_dict(parameters.get("settings") or {})
    if "CT" not in parameters["inputs"]:
        raise SpineError("Vertebrae are segmented on a CT, and none was given; choose one.")
    progress(0.0, "Loading the model")
    bundle = find_bundle(parameters["model"])
    progress(0.01, "Reading the CT")
    ct = read_volume(parameters["inputs"]["CT"], "CT")
    found = segment_vertebrae(ct, bundle, settings, part(progress, 0.05, 0.97))
    progress(0.97, "Writing the result")
    write_volume(found.labels, folder / "labels.nrrd")
    # Uncompressed: it is read back at once, and compressing takes longer than the network on a long CT.
    write_volume(found.probability, folder / "probability.nrrd", compress=False)
    return {
        "labels": "labels.nrrd",
        "probability": "probability.nrrd",
        "vertebrae": [one.to_dict() for one in found.vertebrae],
        "provenance": found.provenance,
        "notes": found.notes,
    }
