"""The column on MR, as the other tasks use it: labelled vertebrae with the sacrum, and what is to be said of levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle, load_bundle
from SpineLib.models.catalogue import list_bundles
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.find import TASK, Column, find_column
from SpineLib.tasks.column.parts import SACRUM
from SpineLib.tasks.provenance import model_facts
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.volume import Volume

#: Less is no sacrum, ml.
_LEAST_SACRUM_ML = 5.0
#: Fewer vertebrae than this are no column: an axial knee has "bodies", too.
LEAST_VERTEBRAE = 2
#: How the user names it.
_LOWEST = 'lowest vertebra ("Lowest level" in the panel, --lowest L4 in a shell)'


@dataclass(frozen=True, eq=False)
class MrColumn:
    """The column in one scan.

    Attributes:
        vertebrae: uint8 on the image's own grid: VerSe's numbers, or 101, 102, ... from cranial where levels are
            unknown; 26 is the sacrum in both.
        column: as the network's grid has it.
        by: which model, and where levels come from; JSON-able.
        notes: sentences for the user.
    """

    vertebrae: Volume
    column: Column
    by: dict
    notes: list[str]

    @property
    def found(self) -> bool:
        """Whether there is a column at all."""
        return len(self.column.members) >= LEAST_VERTEBRAE


def column_model(sequence: str) -> ModelBundle | None:
    """The first installed model of the column that takes this sequence; None where there is none."""
    for folder, card in list_bundles():
        if card.task == TASK and sequence in card.inputs:
            return load_bundle(folder)
    return None


def column_on_mr(
    image: Volume,
    bundle: ModelBundle,
    lowest: str = "",
    *,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> MrColumn:
    """Find and name the vertebrae of an MR.

    Args:
        image: T1, T2, STIR or contrast-enhanced T1, in any axis order.
        bundle: of the task "column-segmentation".
        lowest: level of the lowest vertebra above the sacrum that is seen, where the user names it.
        device, precision: as :func:`SpineLib.inference.predict.predict` takes them.
        progress: told at least once a second; may raise ``Cancelled``.

    Raises:
        SpineError: as :func:`SpineLib.tasks.column.find.find_column`.
    """
    try:
        column = find_column(
            image,
            bundle,
            named=(-1, lowest) if lowest else None,
            device=device,
            precision=precision,
            progress=progress,
        )
    except IndexError:
        raise SpineError("No vertebra was found, so none can be named; leave the level out.") from None
    vertebrae = column.labelmap()
    array = vertebrae.array.copy()
    array[(_sacrum(column) > 0.5) & (array == 0)] = VERSE_NUMBERS["S"]
    levels = column.levels
    by = {key: model_facts(bundle.card)[key] for key in ("id", "version", "sha256")}
    by |= {"levels": levels.source, "confidence": round(levels.confidence, 2)}
    return MrColumn(vertebrae.with_array(array), column, by, [*_notes(column), *levels.notes])


def _sacrum(column: Column) -> np.ndarray:
    """Share of the sacrum in each voxel of the image: the largest piece, where it is large enough."""
    pieces, count = ndimage.label(column.parts == SACRUM)
    if count:
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() * np.prod(column.grid.spacing) / 1000 >= _LEAST_SACRUM_ML:
            one = (pieces == 1 + sizes.argmax()).astype(np.float32)
            return column.grid.to_source(one, "sacrum").array
    return np.zeros(column.grid.source.array.shape, np.float32)


def _notes(column: Column) -> list[str]:
    levels = column.levels
    if len(levels.numbers) < LEAST_VERTEBRAE or levels.source == "user":
        return []
    if levels.source == "count":
        return [
            f"The sacrum is not, or hardly, in view, so vertebrae are counted from below; name the {_LOWEST} to have "
            "levels."
        ]
    seen = {
        "sacrum": "the sacrum, the vertebra above it being taken for L5",
        "ribs": "the lowest ribs, taken for T12's",
    }
    return [
        f"Levels are counted from {seen[levels.source]} (confidence {levels.confidence:.0%}); with six or four lumbar "
        f"vertebrae, or a steep L5 that looks like sacrum, they are wrong by one: check them, or name the {_LOWEST}."
    ]
