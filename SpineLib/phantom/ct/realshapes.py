"""Shapes of real vertebrae for the simulated CT, read from label maps of whole spines that the user has.

A *chain* is one person's column: of every vertebra the signed distance in its own frame and where that frame lay. The
maps are NIfTI files of a folder, numbered as VerSe does; nothing of them is kept in the project.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import canonical
from SpineLib.phantom.ct.framing import Frame, Solid, framed, sampled_in, straightened
from SpineLib.phantom.spine import LEVELS, nominal_size
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.levels import VERSE

#: Box of a vertebra in its own frame, mm: to the left and right, forwards and backwards, down and up; and its step.
LOW, HIGH, STEP = np.array([-54.0, -32.0, -56.0]), np.array([54.0, 76.0, 46.0]), 1.0
#: Fewest vertebrae of a chain.
_LEAST = 3


@dataclass(frozen=True)
class RealVertebra:
    """One real vertebra.

    Attributes:
        level: its name.
        distance: float16 (w, v, u), signed distance in mm on the box LOW to HIGH, negative inside.
        half: half width, depth and height of its body, mm.
        canal: half width and depth of its canal, mm.
        frame: where it lay in its own person.
    """

    level: str
    distance: np.ndarray
    half: np.ndarray
    canal: tuple[float, float]
    frame: Frame

    def at(self, u, v, w) -> np.ndarray:
        """Signed distance (mm, float32) at places of its frame; beyond the box it is held at the border's value."""
        places = np.broadcast_arrays(*((p - a) / STEP for p, a in zip((w, v, u), LOW[::-1])))
        return ndimage.map_coordinates(self.distance.astype(np.float32), places, order=1, mode="nearest")


@dataclass(frozen=True)
class Chain:
    """One person's vertebrae, from the lowest to the highest."""

    name: str
    vertebrae: tuple[RealVertebra, ...]


@lru_cache(maxsize=2)
def read_chains(folder: Path) -> tuple[Chain, ...]:
    """The chains of a folder's label maps (``*.nii.gz``, ``*.nii``), in the order of their names.

    Raises:
        SpineError: there is none with at least three vertebrae.
    """
    files = sorted(path for path in Path(folder).glob("*.nii*") if path.is_file())
    chains = [chain_of(read_volume(path), path.name.split(".")[0]) for path in files]
    chains = [chain for chain in chains if len(chain.vertebrae) >= _LEAST]
    if not chains:
        raise SpineError(
            f"There is no label map of three vertebrae or more in {Path(folder).name}; choose a folder of NIfTI label "
            "maps of whole spines, numbered as in VerSe."
        )
    return tuple(chains)


def chain_of(labels: Volume, name: str) -> Chain:
    """The vertebrae of one label map (VerSe numbers; C3 to L5 are used), whatever its axis order and resolution."""
    upright = canonical(labels)[0]  # its array runs to the left, down and backwards
    array = upright.array.transpose(1, 2, 0)[::-1]
    spacing = np.array(upright.spacing)[[1, 0, 2]]
    thin = [max(1, round(0.9 / s)) for s in spacing]
    array, spacing = array[:: thin[0], :: thin[1], :: thin[2]], spacing * thin
    solids = {number: _solid(array == number, spacing) for number in np.unique(array) if number in VERSE}
    solids = {n: s for n, s in solids.items() if s is not None and 3 <= n <= 24}
    order = sorted(solids, reverse=True)
    cores = [solids[n][0].deepest() for n in order]
    vertebrae = []
    for place, number in enumerate(order):
        below, above = max(place - 1, 0), min(place + 1, len(order) - 1)
        if below == above:
            continue
        solid, whole = solids[number]
        frame = straightened(solid, framed(solid, cores[place], cores[above] - cores[below]))
        vertebrae.append(_vertebra(VERSE[int(number)], solid, frame, whole))
    return Chain(name, _counted([v for v in vertebrae if v is not None and _plausible(v)]))


def _plausible(vertebra: RealVertebra) -> bool:
    """Whether the body has a vertebra's size: a map's crumbs and cut vertebrae have not."""
    share = vertebra.half / nominal_size(vertebra.level)
    return bool((share > 0.62).all() and (share < 1.6).all())


def _counted(vertebrae: list[RealVertebra]) -> tuple[RealVertebra, ...]:
    """Levels counted upwards from the lowest by the way between the bodies: maps exist that skip a number."""
    levels = [level for level in LEVELS if level[0] != "S"]
    counted = vertebrae[:1]
    for vertebra in vertebrae[1:]:
        below = counted[-1]
        pitch = 1.2 * (below.half[2] + vertebra.half[2])
        way = float(np.linalg.norm(vertebra.frame.centre - below.frame.centre))
        place = levels.index(below.level) - max(1, round(way / pitch))
        if place >= 0:
            counted.append(replace(vertebra, level=levels[place]))
    return tuple(counted)


def _solid(mask: np.ndarray, spacing: np.ndarray):
    """The largest piece's signed distances with a margin; and the box of the image in mm. None for a crumb."""
    pieces, count = ndimage.label(mask)
    if not count:
        return None
    mask = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    if mask.sum() * np.prod(spacing) < 6000:
        return None
    where = [(np.flatnonzero(mask.any(tuple(a for a in range(3) if a != n)))[[0, -1]]) for n in range(3)]
    pad = np.ceil(12 / spacing).astype(int)
    first = np.array([w[0] for w in where]) - pad
    size = np.array([w[1] for w in where]) + pad + 1 - first
    padded = np.zeros(size, bool)
    inner = tuple(slice(max(-f, 0), max(-f, 0) + min(f + s, n) - max(f, 0)) for f, s, n in zip(first, size, mask.shape))
    outer = tuple(slice(max(f, 0), min(f + s, n)) for f, s, n in zip(first, size, mask.shape))
    padded[inner] = mask[outer]
    outside = ndimage.distance_transform_edt(~padded, sampling=spacing)
    inside = ndimage.distance_transform_edt(padded, sampling=spacing)
    distance = ndimage.gaussian_filter((outside - inside).astype(np.float32), 0.8 / spacing)
    return Solid(distance, spacing, first * spacing), np.array(mask.shape) * spacing


def _vertebra(level: str, solid, frame: Frame, whole: np.ndarray) -> RealVertebra | None:
    axes = [np.arange(low, high + STEP / 2, STEP) for low, high in zip(LOW, HIGH)]
    u, v, w = np.meshgrid(*axes, indexing="ij")
    u, v, w = (a.transpose(2, 1, 0) for a in (u, v, w))
    distance, seen = sampled_in(solid, frame, u, v, w, whole)
    # What the image's edge cut off is taken from the other side.
    mirrored, both = distance[:, :, ::-1], seen[:, :, ::-1]
    distance = np.where(~seen & both, mirrored, distance)
    measured = _measures(distance, frame.half)
    if measured is None:
        return None
    return RealVertebra(level, distance.astype(np.float16), frame.half, measured, frame)


def _measures(distance: np.ndarray, half: np.ndarray) -> tuple[float, float] | None:
    """Half width and depth of the canal behind the body; None where no arch closes it."""
    w0, v0, u0 = (round(-low / STEP) for low in LOW[::-1])
    back = v0 + round(float(half[1]))
    high = round(float(half[2]))
    near = distance[w0 - 2 * high : w0 + high, back + 3 : back + 34, u0 - 2 : u0 + 3]
    strip = near.min(axis=2) < 0
    first = np.where(strip.any(axis=1), strip.argmax(axis=1), 99)
    if first.min() > 30:
        return None
    deep = float(np.sort(first)[: max(3, len(first) // 8)].mean()) + 3
    row = back + max(3, round(deep / 2))
    widths = []
    for level in range(w0 - high // 3, w0 + high):
        line = distance[level, row] < 0
        left, right = np.flatnonzero(line[u0:]), np.flatnonzero(line[u0::-1])
        if len(left) and len(right) and left[0] > 4 and right[0] > 4:
            widths.append((left[0] + right[0]) / 2)
    return (float(np.clip(np.median(widths), 7, 16)) if len(widths) > 2 else 10.5), float(np.clip(deep, 11, 24))
