"""Vertebrae of a CT by the column's network: parts and votes for the own body's centre, so that an arch finds its body
also where a lesion took the pedicles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.models.bundle import ModelBundle
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.find import Column, find_column
from SpineLib.tasks.column.parts import SACRUM
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.volume import Volume

#: A window without a voxel as dense as this shows no vertebra, HU.
_BONE_HU = 130.0
#: Less is no sacrum, ml.
_LEAST_SACRUM_ML = 5.0


@dataclass(frozen=True, eq=False)
class Found:
    """What the network says of a CT, on its own grid.

    Attributes:
        labels: uint8, numbers of VerSe, or 101, 102, ... from cranial; 26 is the sacrum in both.
        probability: float32, of bone of a vertebra.
        named: whether levels are known.
        agreement: by number, share of its voxels that agree on one centre.
        levels: {"source", "confidence"}, JSON-able.
        notes: sentences.
        device, precision: where and how it was computed.
    """

    labels: Volume
    probability: Volume
    named: bool
    agreement: dict[int, float]
    levels: dict
    notes: list[str]
    device: str
    precision: str


def find_vertebrae(
    ct: Volume,
    bundle: ModelBundle,
    threshold: float,
    first: str = "",
    smallest_ml: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> Found:
    """Run the column's network; arguments as in :class:`SpineLib.tasks.ct.vertebrae.VertebraeSettings`.

    Raises:
        SpineError: as :func:`SpineLib.tasks.column.find.find_column`.
        Cancelled: by ``progress``.
    """
    column = find_column(
        ct,
        bundle,
        named=(0, first) if first else None,
        wanted=lambda part: bool((part > _BONE_HU).any()),
        device=device,
        precision=precision,
        progress=progress,
    )
    labels = column.labelmap(threshold)
    array = labels.array.copy()
    sacrum = _sacrum(column)
    array[(sacrum > 0.5) & (array == 0)] = VERSE_NUMBERS["S"]
    counts = np.bincount(array.ravel(), minlength=256) * labels.voxel_volume_ml
    array[np.isin(array, np.flatnonzero(counts < smallest_ml))] = 0
    levels = column.levels
    agreement = {number: one.agreement for number, one in zip(levels.numbers, column.members)}
    return Found(
        labels.with_array(array),
        column.grid.to_source(column.bone.astype(np.float32), "probability"),
        levels.source != "count",
        agreement,
        {"source": levels.source, "confidence": round(levels.confidence, 2)},
        [*_level_notes(column), *levels.notes],
        column.device,
        column.precision,
    )


def _sacrum(column: Column) -> np.ndarray:
    """Share of the sacrum in each voxel of the CT: the largest piece, where it is large enough."""
    pieces, count = ndimage.label(column.parts == SACRUM)
    if count:
        sizes = np.bincount(pieces.ravel())[1:]
        if sizes.max() * np.prod(column.grid.spacing) / 1000 >= _LEAST_SACRUM_ML:
            one = (pieces == 1 + sizes.argmax()).astype(np.float32)
            return column.grid.to_source(one, "sacrum").array
    return np.zeros(column.grid.source.array.shape, np.float32)


def _level_notes(column: Column) -> list[str]:
    levels = column.levels
    if not levels.numbers or levels.source == "user":
        return []
    if levels.source == "count":
        return [
            "The vertebrae are counted from the most cranial one that is seen: neither the sacrum nor the lowest ribs "
            "tell their levels; give the level of the most cranial one to have them named."
        ]
    seen = {"sacrum": "the sacrum: the vertebra above it is taken for L5", "ribs": "the lowest ribs, taken for T12's"}
    return [
        f"Levels are counted from {seen[levels.source]} (confidence {levels.confidence:.0%}). A spine with six or four "
        "lumbar vertebrae is named wrongly; check them, and give the level of the most cranial one where it is another."
    ]
