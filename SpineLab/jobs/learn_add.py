"""Job: a corrected patient into the training set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "Adding the patient", ("inputs", "target", "set")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"T1": path, ..., "corrected": path}, "target": "metastasis" or "necrosis", "set":
            folder of the training set, "provenance": of the result that was corrected (or none), "replace": bool,
            "simulated": bool}``.
        folder: of the job.

    Returns:
        ``{"exists": "sub-001"}`` for a patient who is there already and is not to be replaced (nothing was changed),
        else ``{"added": ..., "notes": [...]}`` with a :class:`SpineLib.cohort.corrections.Correction`.
    """
    from SpineLab.learning.adding import add_corrected, already_there
    from SpineLib.cohort.masks import read_lesions
    from SpineLib.volume import read_volume

    progress(0.0, "Reading the images")
    paths = dict(parameters["inputs"])
    corrected = read_lesions(paths.pop("corrected"), "corrected")
    images = {name: read_volume(path, name) for name, path in paths.items()}
    root, again = Path(parameters["set"]), bool(parameters.get("replace"))
    if not again and (known := already_there(root, images)) is not None:
        return {"exists": known.patient}
    provenance = parameters.get("provenance") or {}
    model = provenance.get("model") or {}
    told, notes = add_corrected(
        root,
        images,
        corrected,
        parameters["target"],
        model=str(model.get("id", "")),
        promised={key: model[key] for key in ("id", "version", "sha256") if key in model},
        settings=provenance.get("parameters") or {},
        replace_known=again,
        simulated=bool(parameters.get("simulated")),
        progress=part(progress, 0.05, 1.0),
    )
    return {"added": told.to_dict(), "notes": notes}
