"""Lesions of an examination as files hold them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.followup.follow_up import mark
from SpineLib.tasks.response.response import Found
from SpineLib.volume import Volume
from SpineLib.volume.segments import read_segments, rejected_segments

#: Segment tag of the level a lesion lies at.
_LEVEL = "SpineOncology.Level"
_MOST = 200


def read_lesions(path: str | Path, name: str) -> tuple[list[Found], Volume]:
    """The lesions of a mask file, and all of them together as labels 1, 2 ... in their order.

    Args:
        path: a segmentation, one segment a lesion; a label map, one label a lesion; or a mask, one piece a lesion.
        name: of the file in messages ("earlier").

    Raises:
        SpineError: it cannot be read, or holds too many.
    """
    grid, segments = read_segments(path, name)
    if len(segments) == 1:
        marked = mark(segments[0].mask)
        found = [Found(f"Lesion {one.id}", marked.only(one.id)) for one in marked.lesions[:_MOST]]
        many = len(marked.lesions)
    else:
        many = len(segments)
        found = [
            Found(
                f"Lesion {one.info.name}" if one.info.name.isdigit() else one.info.name,
                one.mask,
                one.info.tags.get(_LEVEL, ""),
            )
            for one in segments[:_MOST]
        ]
    if many > _MOST:
        raise SpineError(f"The {name} file holds {many} lesions; give one label a lesion, {_MOST} at most.")
    return found, together([one.mask for one in found], grid)


def read_rejected(path: str | Path, name: str) -> list[Volume]:
    """Masks of the lesions in a file that a reader has rejected; none where the file does not tell.

    Raises:
        SpineError: it cannot be read.
    """
    return [one.mask for one in rejected_segments(path, name)]


def together(masks: Sequence[Volume], grid: Volume) -> Volume:
    """Masks of one grid as labels (uint16) 1, 2 ...; where they overlap the later one counts."""
    labels = np.zeros(grid.shape, np.uint16)
    for number, mask in enumerate(masks, start=1):
        labels[mask.array != 0] = number
    return grid.with_array(labels)
