"""Repairs on the mask, before there is a surface: islands, cavities, voxels that touch by an edge or a corner only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

#: Contacts are resolved in so many rounds at most; each changes what the neighbours see.
_ROUNDS = 12


@dataclass(frozen=True)
class Repairs:
    """What was changed in a mask.

    Attributes:
        islands: pieces left out.
        islands_ml: their volume.
        cavities: enclosed holes filled.
        cavities_ml: their volume.
        contacts: voxels set or cleared so that nothing touches by an edge or a corner only.
    """

    islands: int = 0
    islands_ml: float = 0.0
    cavities: int = 0
    cavities_ml: float = 0.0
    contacts: int = 0

    def sentences(self) -> list[str]:
        """What the user should know."""
        told = []
        if self.islands:
            told.append(f"{_count(self.islands, 'island')} of {self.islands_ml:.3f} ml in all left out.")
        if self.cavities:
            told.append(
                f"{_count(self.cavities, 'enclosed cavity', 'enclosed cavities')} of {self.cavities_ml:.3f} ml "
                "in all filled."
            )
        if self.contacts:
            told.append(f"{_count(self.contacts, 'voxel')} changed where parts touched by an edge or a corner only.")
        return told


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def repaired_mask(
    inside: np.ndarray,
    voxel_ml: float,
    bodies: int | None = 1,
    smallest_island_ml: float = 0.01,
    largest_cavity_ml: float = 1.0,
) -> tuple[np.ndarray, Repairs]:
    """A mask whose surface is one closed skin around each body.

    Args:
        inside: bool (k, j, i); must not touch the array's edge.
        voxel_ml: volume of a voxel.
        bodies: how many pieces, the largest first, are kept; None: all.
        smallest_island_ml: smaller pieces go even where all are kept.
        largest_cavity_ml: larger enclosed cavities stay.

    Returns:
        The repaired mask, and what was done. Pieces hang together by faces of voxels.
    """
    result, contacts = without_contacts(inside)
    label, count = ndimage.label(result)
    sizes = np.bincount(label.ravel())[1:] * voxel_ml
    order = np.argsort(-sizes, kind="stable")
    keep = [number for number in order[:bodies] if sizes[number] >= smallest_island_ml]
    dropped = np.setdiff1d(order, keep)
    result = np.isin(label, np.array(keep, int) + 1)
    label, _ = ndimage.label(~result)
    holes = np.bincount(label.ravel())[1:] * voxel_ml
    outside = label[0, 0, 0] - 1
    filled = [number for number, ml in enumerate(holes) if number != outside and 0 < ml <= largest_cavity_ml]
    result |= np.isin(label, np.array(filled, int) + 1)
    return result, Repairs(len(dropped), float(sizes[dropped].sum()), len(filled), float(holes[filled].sum()), contacts)


def without_contacts(inside: np.ndarray) -> tuple[np.ndarray, int]:
    """A mask none of whose voxels touch by an edge or a corner alone, and how many voxels were changed.

    At such a contact the majority around decides: the empty voxel with the most neighbours is set when at least half of
    its 26 neighbours are, else the voxel with the fewest is cleared. Masks without contacts ("well-composed":
    Latecki 1997, Computer Vision and Image Understanding 61(1)) have surfaces that are manifolds.
    """
    result, changed = inside.copy(), 0
    for _ in range(_ROUNDS):
        places = _contacts(result)
        if not len(places):
            break
        before = result.copy()
        for place in places:
            _resolve(result, place)
        changed += int(np.count_nonzero(before != result))
    return result, changed


def _contacts(inside: np.ndarray) -> np.ndarray:
    """Boxes of 2 x 2 x 2 or 2 x 2 x 1 voxels with a contact: rows (first k, j, i, size along k, j, i)."""
    found = []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        size = np.ones(3, int)
        size[others] = 2
        a, b, c, d = (_shifted(inside, others, shift) for shift in ((0, 0), (1, 1), (0, 1), (1, 0)))
        found.append(_rows((a & b & ~c & ~d) | (c & d & ~a & ~b), size))
    corners = {shift: _shifted(inside, (0, 1, 2), shift) for shift in product((0, 1), repeat=3)}
    count = sum(part.astype(np.int8) for part in corners.values())
    for shift in product((0, 1), repeat=2):
        first, last = corners[0, *shift], corners[1, 1 - shift[0], 1 - shift[1]]
        found.append(_rows((first & last & (count == 2)) | (~first & ~last & (count == 6)), np.full(3, 2)))
    return np.concatenate(found)


def _shifted(inside: np.ndarray, axes, shift) -> np.ndarray:
    box = [slice(None)] * 3
    for axis, by in zip(axes, shift, strict=True):
        box[axis] = slice(by, inside.shape[axis] - 1 + by)
    return inside[tuple(box)]


def _rows(where: np.ndarray, size: np.ndarray) -> np.ndarray:
    places = np.argwhere(where)
    return np.hstack([places, np.broadcast_to(size, places.shape)])


def _resolve(inside: np.ndarray, place: np.ndarray) -> None:
    """Set or clear one voxel of a box with a contact; none where an earlier change has resolved it."""
    box = tuple(slice(start, start + size) for start, size in zip(place[:3], place[3:], strict=True))
    part = inside[box]
    if not len(_contacts_of(part)):
        return
    voxels = place[:3] + np.argwhere(np.ones(part.shape, bool))
    neighbours = np.array([inside[tuple(slice(max(0, at - 1), at + 2) for at in voxel)].sum() for voxel in voxels])
    here = part.ravel()
    emptiest = np.where(here, neighbours - 1, 99).argmin()
    fullest = np.where(here, -1, neighbours).argmax()
    chosen = fullest if neighbours[fullest] >= 13 else emptiest
    inside[tuple(voxels[chosen])] = not here[chosen]


def _contacts_of(part: np.ndarray) -> np.ndarray:
    """Whether a box of a contact still is one: its voxels inside, or those outside, are two that share no face."""
    for values in (part, ~part):
        if np.count_nonzero(values) == 2:
            one, other = np.argwhere(values)
            if np.abs(one - other).sum() > 1:
                return np.array([1])
    return np.zeros(0)
