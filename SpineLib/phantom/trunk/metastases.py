"""Metastases of a trunk, with their truth: in bodies and in arches, some of which they swell."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.phantom.trunk.bones import number_of
from SpineLib.phantom.trunk.space import Box, Trunk
from SpineLib.phantom.trunk.stuff import MARROWS, Stuff

_BODY, _ARCH = 1, 2
#: Where a metastasis lies and how often: arches far more than in patients, since a network learns them from few voxels.
_PLACES = {"body": 4, "pedicle": 2, "posterior": 6, "whole": 2}
#: How often one grows out of the bone, by its place.
_BREAKS_OUT = {"body": 0.2, "pedicle": 0.4, "posterior": 0.5, "whole": 0.3}
#: What it may grow over; discs are spared.
_SOFT = (Stuff.MUSCLE, Stuff.FATTY_MUSCLE, Stuff.VISCERAL_FAT, Stuff.SUBCUTANEOUS_FAT, Stuff.EPIDURAL_FAT,
         Stuff.LIGAMENT, Stuff.NERVE, Stuff.FACET)  # fmt: skip
_BONE = (*MARROWS, Stuff.CORTEX, Stuff.VEIN)
_LEAST_ML = 0.3


def draw_metastases(trunk: Trunk, wanted: int, places: tuple[str, ...], kinds: dict) -> tuple[np.ndarray, list[dict]]:
    """Draw up to ``wanted`` metastases, each of another vertebra.

    Args:
        trunk: drawn in place.
        wanted: how many.
        places: those that a metastasis may lie in, out of :data:`SpineLib.phantom.lesions.PLACES`.
        kinds: whether LESION_A and LESION_B are "lytic" or "sclerotic" in this patient.

    Returns:
        uint8 numbers on the trunk's grid, and each one's place, level, kind and whether it left the bone.
    """
    rng = trunk.rng
    numbers = np.zeros(trunk.shape, np.uint8)
    facts: list[dict] = []
    hosts = [
        v for v in trunk.spine if trunk.zs[0] < v.centre[2] < trunk.zs[-1] and (not v.is_sacral or v.level == "S1")
    ]
    odds = np.array([_PLACES[place] for place in places], float)
    for v in [hosts[n] for n in rng.permutation(len(hosts))]:
        if len(facts) >= wanted:
            break
        place = "body" if v.is_sacral else str(rng.choice(places, p=odds / odds.sum()))
        drawn = _draw_one(trunk, v, place)
        if drawn is None:
            continue
        box, inside, out = drawn
        first, second = rng.permutation([Stuff.LESION_A, Stuff.LESION_B])
        patchy = rng.random() < 0.2
        patches = trunk.field(5.0, box) > rng.normal(0, 0.5) if patchy else np.zeros(inside.shape, bool)
        trunk.stuff[box][inside] = np.where(patches, second, first)[inside]
        numbers[box][inside] = len(facts) + 1
        of = {kinds[Stuff(stuff)] for stuff in ((first, second) if patchy else (first,))}
        kind = "mixed" if len(of) > 1 else of.pop()
        facts.append({"kind": kind, "level": v.level, "place": place, "breach": out})
    return numbers, facts


def _draw_one(trunk: Trunk, v, place: str) -> tuple[Box, np.ndarray, bool] | None:
    """Box, where within it, and whether it leaves the bone; None when too little of it lies in the image."""
    rng = trunk.rng
    a, b, h = v.half
    extent = np.array([a + 40, 75, 3.5 * h + 12])
    box = trunk.box(v.centre - extent, v.centre + extent)
    if box is None:
        return None
    u, back, w = trunk.local(box, v.centre, v.axes)
    own = trunk.instances[box] == number_of(v.level)
    room = own & np.isin(trunk.stuff[box], MARROWS)
    if not v.is_sacral:
        room &= trunk.parts[box] == (_BODY if place in ("body", "whole") else _ARCH)
    if place == "pedicle":
        room &= (back < b + 12) & (np.abs(u) > 0.4 * a)
    at = np.argwhere(room)
    if len(at) < 20:
        return None
    points = [np.array([axis[tuple(at[int(rng.integers(len(at)))])] for axis in (u, back, w)])]
    radius = float(np.exp(rng.uniform(np.log(4.0), np.log(13.0))))
    if place == "whole":
        points, radius = [np.zeros(3)], max(a, b)
    radii = [radius]
    for _ in range(int(rng.integers(1, 5))):
        origin = int(rng.integers(len(points)))
        step = rng.standard_normal(3)
        points.append(points[origin] + step * radii[origin] * rng.uniform(0.6, 1.4) / np.linalg.norm(step))
        radii.append(radii[origin] * rng.uniform(0.5, 1.0))
    shape = np.full(u.shape, -0.5, np.float32)
    for point, r in zip(points, radii):
        square = (u - point[0]) ** 2 + (back - point[1]) ** 2 + (w - point[2]) ** 2
        shape += np.exp(-square / np.float32(2 * (0.85 * r) ** 2))
    shape += np.float32(rng.uniform(0.03, 0.12)) * (trunk.field(4.0, box) + trunk.field(9.0, box))
    out = bool(rng.random() < _BREAKS_OUT[place]) and not v.is_sacral
    may = own & np.isin(trunk.stuff[box], _BONE)
    if out:
        beyond = ndimage.distance_transform_edt(~own, sampling=trunk.step) < rng.uniform(3, 9)
        may |= np.isin(trunk.stuff[box], _SOFT) & beyond & (trunk.instances[box] == 0)
    inside = (shape > 0) & may
    if inside.sum() * np.prod(trunk.step) / 1000 < _LEAST_ML:
        return None
    return box, inside, out
