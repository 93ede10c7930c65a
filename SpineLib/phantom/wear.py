"""What wears with age: osteophytes, stenosis, arthrosis of the facet joints, cysts; and how marrow varies."""

from __future__ import annotations

import itertools

import numpy as np

from SpineLib.phantom import bone
from SpineLib.phantom.canal import CanalPath
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.grid import Grid
from SpineLib.phantom.spine import LEVELS, Vertebra
from SpineLib.phantom.tissues import Tissue

_SOFT = (
    Tissue.CSF,
    Tissue.EPIDURAL_FAT,
    Tissue.LIGAMENT,
    Tissue.NERVE,
    Tissue.VISCERAL_FAT,
    Tissue.MUSCLE,
    Tissue.SUBCUTANEOUS_FAT,
    Tissue.BLOOD,
)


def wear_column(rng: np.random.Generator, spine: list[Vertebra]) -> None:
    """Draw osteophytes, worn endplates and fish-like or wedged bodies more often, in place; before bones are drawn."""
    porotic = rng.random() < 0.2
    for v in spine:
        if v.is_sacral:
            continue
        if rng.random() < 0.7 * v.degeneration:
            v.shape["osteophyte"] = float(rng.uniform(1.0, 7.0))
        if porotic:
            v.shape["endplate_concavity"] = v.shape["endplate_concavity"] + rng.uniform(0, 2.5, 2)
        if rng.random() < 0.5 * v.degeneration:
            v.shape["endplate"] *= float(rng.uniform(1.0, 2.5))


def draw_wear(rng: np.random.Generator, grid: Grid, spine: list[Vertebra], path: CanalPath, labels, vertebrae) -> None:
    """Draw what narrows the canal and what lies beside it, over discs and canal; ``spine`` from below."""
    for lower, upper in itertools.pairwise(spine):
        if upper.is_sacral:
            continue
        a, b = 0.5 * (upper.half[:2] + lower.half[:2])
        centre = 0.5 * (upper.point(0, 0, -upper.half[2]) + lower.point(0, 0, lower.half[2]))
        thick = upper.disc_below / 2 + 1.0
        deep = _canal_depth(grid, path, centre)
        worn = upper.degeneration
        if rng.random() < 0.25 + 0.6 * worn:  # a broad bulge, or a sequestrum behind the body
            side = rng.normal(0, 0.35) * a
            reach = b - 2.5 + rng.uniform(1.0, 2.0 + 1.5 * deep * worn)
            tall = thick * rng.uniform(0.7, 1.6)
            shape = ((-0.5 * a + side, b - 4, 0), (0.5 * a + side, b - 4, rng.normal(0, 2)))
            _put(grid, centre, upper.axes, shape, max(reach - b + 4, 1.5), tall, Tissue.ANNULUS, labels, vertebrae)
            if rng.random() < 0.12:
                start = (side, b + 1.5, rng.choice([-1, 1]) * rng.uniform(4, 12))
                _put(grid, centre, upper.axes, (start, start), rng.uniform(2, 4), 5, Tissue.NUCLEUS, labels, vertebrae)
        if rng.random() < 0.2 + 0.5 * worn:  # thick yellow ligaments
            for side in (-1, 1):
                back = b + 1.5 + 2 * deep
                shape = ((side * 0.15 * a, back + 3, 0), (side * 0.45 * a, back - 0.5 * deep, 0))
                _put(grid, centre, upper.axes, shape, rng.uniform(1.5, 4.0), 6, Tissue.LIGAMENT, labels, vertebrae)
        for side in (-1, 1):
            if rng.random() < 0.35 * worn + 0.1:  # fluid in a facet joint, or a cyst beside it
                place = (side * max(0.72 * a, 11.0), b + rng.uniform(11, 15), rng.normal(0, 2))
                radius = rng.uniform(0.7, 1.6) if rng.random() < 0.8 else rng.uniform(2, 5)
                _put(grid, centre, upper.axes, (place, place), radius, 5, Tissue.FLUID, labels, None)
        if rng.random() < 0.3 * worn:  # a bulge to the front, under a bridging osteophyte
            shape = ((-0.4 * a, -b + 2, 0), (0.4 * a, -b + 2, 0))
            _put(grid, centre, upper.axes, shape, rng.uniform(3, 7), thick, Tissue.ANNULUS, labels, vertebrae)
    for v in spine:
        if v.level in ("S1", "S2", "S3") and rng.random() < 0.12:  # a cyst of a root in the sacral canal
            place = (rng.normal(0, 7), v.half[1] + rng.uniform(3, 9), rng.normal(0, 5))
            _put(grid, v.centre, v.axes, (place, place), rng.uniform(3, 9), 12, Tissue.FLUID, labels, vertebrae)


def vary_marrow(rng: np.random.Generator, grid: Grid, spine: list[Vertebra], vertebrae, marrow_fat) -> None:
    """Change the fat fraction of marrow in place: from vertebra to vertebra, in the sacrum, in islands of red marrow,
    under the endplates, in a part that was irradiated."""
    shift = np.zeros(256, np.float32)
    trend, sacral = rng.normal(0, 0.012), rng.normal(-0.04, 0.08)
    spread = rng.uniform(0.01, 0.05)
    young = rng.random() < 0.2
    for n, v in enumerate(spine):
        shift[LEVELS.index(v.level) + 3] = trend * n + rng.normal(0, spread) + (sacral if v.is_sacral else 0)
    if rng.random() < 0.08 and len(spine) > 6:
        first, count = int(rng.integers(len(spine) - 3)), int(rng.integers(2, 6))
        for v in spine[first : first + count]:
            shift[LEVELS.index(v.level) + 3] += 0.4
    marrow_fat += shift[vertebrae]
    if rng.random() < 0.6:
        knots = tuple(rng.uniform(5, 14) / s for s in grid.step)
        islands = smooth_field(rng, grid.shape, knots)
        edge, least = rng.uniform(0.3, 1.0), rng.uniform(0.4, 1.8)
        amount = rng.uniform(-0.3, 0.15) * (0.6 if least < 1 else 1.0)
        marrow_fat += np.float32(amount) * np.clip((islands - np.float32(least)) / np.float32(edge), 0, 1)
    if young or rng.random() < 0.15:  # red marrow under the endplates, or the contrary
        amount, depth = rng.uniform(-0.2, 0.12), rng.uniform(3, 8)
        for v in spine:
            box = _box(grid, v.centre, v.half + 4)
            if box is None or v.is_sacral:
                continue
            _, _, w = grid.local(box, v.centre, v.axes)
            own = vertebrae[box] == LEVELS.index(v.level) + 3
            near = np.clip(1 - (v.half[2] - np.abs(w)) / np.float32(depth), 0, 1)
            marrow_fat[box] += np.float32(amount) * near * own
    np.clip(marrow_fat, 0.04, 0.93, out=marrow_fat)


def _canal_depth(grid: Grid, path: CanalPath, centre) -> float:
    """Half depth (mm) of the dural sac at a height."""
    return float(path.deep[int(np.abs(grid.zs - centre[2]).argmin())])


def _box(grid: Grid, centre, half):
    reach = float(np.linalg.norm(half))
    return grid.box(np.asarray(centre) - reach, np.asarray(centre) + reach)


def _put(grid: Grid, centre, axes, ends, radius: float, tall: float, tissue, labels, vertebrae) -> None:
    """A capsule between two local points; in soft tissue alone unless ``vertebrae`` is None, then also in bone."""
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    points = np.array([np.asarray(centre) + np.asarray(end) @ axes for end in ends])
    box = grid.box(points.min(0) - radius - 2, points.max(0) + radius + 2)
    if box is None:
        return
    local = grid.local(box, centre, axes)
    inside = (bone.capsule(local, ends[0], ends[1], radius) < 0) & (np.abs(local[2] - ends[0][2]) < tall)
    part = labels[box]
    if vertebrae is not None:
        inside &= np.isin(part, _SOFT) & (vertebrae[box] == 0)
    part[inside] = tissue
