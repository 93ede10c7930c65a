"""Vertebrae of a CT by the column's network: parts and votes for the own body's centre, so that an arch finds its body
also where a lesion took the pedicles; with the outlines of a network that looks at slices, where one is installed."""

from __future__ import annotations

import numpy as np

from SpineLib.models.bundle import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.find import Column, find_column, levels_on_ct
from SpineLib.tasks.column.grouping import Member
from SpineLib.tasks.column.levels import Levels
from SpineLib.tasks.column.parts import SACRUM
from SpineLib.tasks.ct.found import Found
from SpineLib.tasks.ct.joined import LEAST_SUPPORT, Joined, box_on, join
from SpineLib.tasks.provenance import model_facts
from SpineLib.volume.levels import VERSE_NUMBERS, level_name
from SpineLib.volume.volume import Volume

#: A window without a voxel as dense as this shows no vertebra, HU.
_BONE_HU = 130.0


def find_by_column(
    ct: Volume,
    bundle: ModelBundle,
    outline: ModelBundle | None,
    threshold: float,
    first: str = "",
    smallest_ml: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> Found:
    """Run the column's network, then that of the outlines where the column was found; arguments as in
    :class:`SpineLib.tasks.ct.vertebrae.VertebraeSettings`.

    Raises:
        SpineError: as :func:`SpineLib.tasks.column.find.find_column`.
        Cancelled: by ``progress``.
    """
    column = find_column(
        ct,
        bundle,
        wanted=lambda part: bool((part > _BONE_HU).any()),
        device=device,
        precision=precision,
        progress=part(progress, 0.0, 0.5),
    )
    joined = join(ct, column, outline, threshold, device, precision, part(progress, 0.5, 0.96))
    drawn = joined.labels.array[joined.box] if joined.box else joined.labels.array[:0]
    counts = np.bincount(drawn.ravel(), minlength=256) * ct.voxel_volume_ml
    kept = [n for n, one in enumerate(column.members) if counts[one.number] >= max(smallest_ml, 1e-9)]
    levels = levels_on_ct(column, kept, (0, first) if first else None)
    table = np.zeros(256, np.uint8)
    table[[column.members[n].number for n in kept]] = levels.numbers
    drawn[...] = table[drawn]
    progress(0.97, "Drawing the sacrum")
    _add_sacrum(joined.labels, column)
    progress(0.99, "Looking at the vertebrae")
    members = {number: column.members[n] for number, n in zip(levels.numbers, kept)}
    agreement = {number: one.agreement for number, one in members.items()}
    facts: dict = {"levels": {"source": levels.source, "confidence": round(levels.confidence, 2)}}
    if outline is not None:
        facts["outline"] = model_facts(outline.card)
    return Found(
        joined.labels,
        joined.probability,
        True,
        column.device,
        column.precision,
        [*joined.notes, *_doubts(members, joined), *_level_notes(levels), *levels.notes],
        agreement,
        facts,
    )


def _add_sacrum(labels: Volume, column: Column) -> None:
    """Where no vertebra is."""
    box = box_on(labels, column.grid, column.parts == SACRUM, 2 * max(column.grid.spacing))
    if box is not None:
        share = column.grid.within(box).to_source((column.parts == SACRUM).astype(np.float32), "sacrum").array
        own = labels.array[box]
        own[(share > 0.5) & (own == 0)] = VERSE_NUMBERS["S"]


def _doubts(members: dict[int, Member], joined: Joined) -> list[str]:
    doubted = [
        level_name(number) for number, one in members.items() if joined.support.get(one.number, 1.0) < LEAST_SUPPORT
    ]
    if not doubted:
        return []
    return [
        f"The network that draws the outlines sees no vertebra in {', '.join(doubted)}: it may be sacrum or another "
        "bone; look at it."
    ]


def _level_notes(levels: Levels) -> list[str]:
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
