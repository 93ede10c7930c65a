"""Canal, bodies and arches of a scan, found by the installed model of the column on MR or CT."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.find import Column, find_column
from SpineLib.tasks.column.fitness import shows_a_spine
from SpineLib.tasks.column.mr import LEAST_VERTEBRAE, column_model
from SpineLib.tasks.column.parts import ARCH, BODY
from SpineLib.tasks.column.parts import CANAL as CANAL_PART
from SpineLib.tasks.stability.parts import SpineParts
from SpineLib.volume import Volume, check_image

#: Label of the canal; bodies have the even numbers from 2 on, each arch the one after its body.
_CANAL = 1


def find_parts(
    image: Volume, sequence: str, lowest: str = "", *, device: str = "auto", progress: Progress = silent
) -> SpineParts | None:
    """The parts of the spine in a scan; None where no model for it is installed, or it shows too little of a spine.

    Args:
        image: in any axis order.
        sequence: "T1", "T2", "STIR", "ceT1" or "CT".
        lowest: level of the lowest vertebra above the sacrum that is seen, where the user names it.
        device: as :func:`SpineLib.inference.predict.predict` takes it.
        progress: may raise ``Cancelled``.

    Raises:
        SpineError: an image that cannot be used (:func:`check_image`), or as
            :func:`SpineLib.tasks.column.find.find_column`.
    """
    check_image(image, sequence)
    bundle = column_model(sequence) if shows_a_spine(image) else None
    if bundle is None:
        return None
    try:
        named = (-1, lowest) if lowest else None
        column = find_column(image, bundle, named=named, device=device, progress=progress)
    except IndexError:
        raise SpineError("No vertebra was found, so none can be named; leave the level out.") from None
    return parts_of(column, bundle.card.id)


def parts_of(column: Column, by: str) -> SpineParts | None:
    """Canal, bodies and arches of a column that was found; None of what is no column."""
    if len(column.members) < LEAST_VERTEBRAE:
        return None
    labels = np.zeros(column.parts.shape, np.uint8)
    names: dict[int, str] = {}
    for number, level in enumerate(column.levels.names, start=1):
        own = column.labels == number
        for label, part, word in ((2 * number, BODY, "body"), (2 * number + 1, ARCH, "arch")):
            here = own & (column.parts == part)
            if here.any():
                labels[here], names[label] = label, f"{level} {word}"
    canal = column.parts == CANAL_PART
    if canal.any():
        labels[canal], names[_CANAL] = _CANAL, "Canal"
    notes = [f"The spinal canal was found by the model '{by}': look whether it is right before you rely on distances."]
    if not canal.any():
        notes = [f"The model '{by}' found no spinal canal."]
    # A border is known to a voxel of the network in the plane of the slices.
    uncertain = 2 * float(sorted(column.grid.spacing)[1])
    return SpineParts(column.grid.to_source(labels, "parts"), names, by, uncertain, notes, _level_note(column))


def _level_note(column: Column) -> str:
    levels = column.levels
    seen = {"sacrum": "the sacrum", "ribs": "the lowest ribs"}.get(levels.source, "")
    if seen:
        told = f"Levels are counted from {seen} (confidence {levels.confidence:.0%}): check them."
    else:
        told = "" if levels.source == "user" else "Neither sacrum nor lowest ribs tell the levels."
    return " ".join([told, *levels.notes]).strip()
