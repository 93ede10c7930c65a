"""A corrected patient as it comes from a user: what the model says first is computed again, then all is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SpineLab.learning.patients import add_patient
from SpineLib.cohort.corrections import LABEL_OF_TARGET, Correction, image_key, known_as, read_corrections
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.progress import Progress, part, silent
from SpineLib.volume import Volume


def already_there(folder: Path, images: Mapping[str, Volume]) -> Correction | None:
    """The patient of the training set with any of these images."""
    return known_as(read_corrections(folder), {name: image_key(volume) for name, volume in images.items()})


def add_corrected(
    folder: Path,
    images: Mapping[str, Volume],
    corrected: Volume,
    target: str,
    *,
    model: str = "",
    promised: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    first: Volume | None = None,
    same_as: str = "",
    replace_known: bool = False,
    simulated: bool = False,
    progress: Progress = silent,
) -> tuple[Correction, list[str]]:
    """Keep a patient; what the model had said is computed again, since a mask that was edited has lost it.

    Args:
        folder: of the training set.
        images: sequence name to image.
        corrected: lesion numbers.
        target: "metastasis" or "necrosis".
        model: id of the model whose result was corrected; "" if there was none.
        promised: "id", "version" and "sha256" of it as the result's provenance has them.
        settings: threshold, smallest lesion and more that it ran with (``SegmentSettings``).
        first: its mask, where that was kept; then it is not computed.
        same_as, replace_known, simulated: see :func:`SpineLab.learning.patients.add_patient`.
        progress: may raise ``Cancelled``.

    Returns:
        What was kept, and sentences for the user.

    Raises:
        SpineError: the patient is there already, or cannot be kept.
    """
    if (known := already_there(folder, images)) is not None and not replace_known:
        raise SpineError(f"This patient is in the training set already as {known.patient}; replace it, or leave it.")
    notes: list[str] = []
    facts = dict(promised or {})
    if model and first is None:
        first, facts = _first(images, model, facts, dict(settings or {}), notes, part(progress, 0.0, 0.9))
    progress(0.9, "Keeping the patient")
    told = add_patient(
        folder,
        images,
        corrected,
        LABEL_OF_TARGET[target],
        first=first,
        model={key: str(value) for key, value in facts.items()},
        same_as=same_as,
        replace_known=replace_known,
        simulated=simulated,
    )
    return told, notes


def _first(
    images: Mapping[str, Volume], model: str, promised: dict, settings: dict, notes: list[str], progress: Progress
) -> tuple[Volume | None, dict]:
    from SpineLib.tasks.segmentation.segment import SegmentSettings, segment

    try:
        bundle = find_bundle(model)
    except SpineError:
        notes.append(f"The model '{model}' is not installed any more, so what it had said first is not known.")
        return None, promised
    card = bundle.card
    if promised.get("sha256", card.sha256) != card.sha256:
        notes.append(f"The model '{card.id}' was replaced since; what was measured is the new one's first result.")
    if not set(card.inputs) <= set(images):
        notes.append(
            f"Without {' and '.join(sorted(set(card.inputs) - set(images)))} the model's first result is not known."
        )
        return None, promised
    known = {
        key: settings[key] for key in ("threshold", "smallest_lesion_ml", "reference") if settings.get(key) is not None
    }
    result = segment(images, bundle, SegmentSettings.from_dict(known), progress)
    return result.mask, {"id": card.id, "version": card.version, "sha256": card.sha256}
