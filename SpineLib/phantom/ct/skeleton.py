"""The column of one simulated patient as signed distances, vertebra by vertebra, before any lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from SpineLib.phantom import bone
from SpineLib.phantom.ct.chain import real_distance
from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.shapes import cut, join
from SpineLib.phantom.ct.vertebra import reach_box, vertebra_distance
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.spine import LEVELS, Vertebra

#: VerSe's number of the sacrum.
SACRUM = 26
#: Parts of the column, as its networks learn them.
BODY, ARCH, SACRAL, DISC, CANAL, OTHER = 1, 2, 3, 4, 5, 6
_FAR = np.float32(30.0)


@dataclass
class Skeleton:
    """What is drawn of the column on its lattice.

    Attributes:
        lattice: voxels of about 0.9 mm around the column.
        distance: signed distance (mm) to the nearest vertebra, negative inside; held at 30 far away.
        owner: VerSe number of the nearest vertebra.
        canal: signed distance to the spinal canal.
        disc: signed distance to the nearest disc.
        disc_state: degeneration of the nearest disc, 0 to 1.
        part: of the nearest vertebra: BODY, ARCH or SACRAL.
    """

    lattice: Lattice
    distance: np.ndarray
    owner: np.ndarray
    canal: np.ndarray
    disc: np.ndarray
    disc_state: np.ndarray
    part: np.ndarray
    vertebrae: list[Vertebra]


def verse_number(level: str) -> int:
    """VerSe number of a drawn level; the sacrum's for S1 to S5."""
    return SACRUM if level.startswith("S") else LEVELS.index(level) + 3


def draw_skeleton(rng: np.random.Generator, spine: list[Vertebra], lattice: Lattice) -> Skeleton:
    """Draw the vertebrae of ``spine`` (from the lowest to the highest) with joint gaps between them, and the discs."""
    shape = lattice.shape
    skeleton = Skeleton(
        lattice,
        np.full(shape, _FAR, np.float32),
        np.zeros(shape, np.uint8),
        np.full(shape, _FAR, np.float32),
        np.full(shape, _FAR, np.float32),
        np.zeros(shape, np.float32),
        np.zeros(shape, np.uint8),
        spine,
    )
    knots = tuple(rng.uniform(11, 18) / s for s in lattice.step)
    warp = [np.float32(rng.uniform(0.3, 0.8)) * smooth_field(rng, shape, knots) for _ in range(3)]
    rough = np.float32(rng.uniform(0.12, 0.3)) * smooth_field(rng, shape, tuple(3.0 / s for s in lattice.step))
    wide = [np.float32(rng.uniform(0.5, 1.6)) * smooth_field(rng, shape, tuple(38 / s for s in lattice.step))
            for _ in range(3)] if any(v.real is not None for v in spine) else []  # fmt: skip
    gap = float(rng.uniform(0.7, 1.9))
    for n, vertebra in enumerate(spine):
        box = reach_box(vertebra, lattice)
        if box is None:
            continue
        part = lattice.part(box)
        places = [p + field[box] for p, field in zip(part.local(vertebra.centre, vertebra.axes), warp)]
        fuse = vertebra.is_sacral and vertebra.level != "S5" and n > 0
        if vertebra.is_sacral:
            own, canal = _sacral(vertebra, places)
        elif vertebra.real is not None:
            own, canal = real_distance(rng, vertebra, [p + f[box] for p, f in zip(places, wide)])
        else:
            own, canal = vertebra_distance(vertebra, part, places, rng)
        own = own + rough[box]
        known, numbers = skeleton.distance[box], skeleton.owner[box]
        if fuse:
            own = join(own, np.where(numbers == SACRUM, known, _FAR), 5.0)
        elif n > 0:
            own = cut(own, np.float32(gap) - known, 0.8)
        nearer = own < known
        known[nearer] = own[nearer]
        skeleton.part[box][nearer] = _part(vertebra, places)[nearer]
        numbers[nearer] = verse_number(vertebra.level)
        np.minimum(skeleton.canal[box], np.where(np.abs(places[2]) < vertebra.half[2] + vertebra.disc_below + 2,
                                                 canal, _FAR), out=skeleton.canal[box])  # fmt: skip
        if n > 0 and not vertebra.is_sacral:
            _add_disc(rng, skeleton, spine[n - 1], vertebra)
    skeleton.disc = np.maximum(skeleton.disc, -skeleton.distance)
    return skeleton


def _part(vertebra: Vertebra, places) -> np.ndarray:
    """Body in front of the body's back wall, arch behind it and beside the body; or sacrum."""
    u, v, _ = places
    if vertebra.is_sacral:
        return np.full(u.shape, SACRAL, np.uint8)
    a, b = vertebra.half[:2]
    return np.where((v < b + 0.7) & (np.abs(u) < a + 4), BODY, ARCH).astype(np.uint8)


def _sacral(vertebra: Vertebra, places) -> tuple[np.ndarray, np.ndarray]:
    u, v, w = places
    b = np.float32(vertebra.half[1])
    wall, plates = bone.body_distance(vertebra, u, v, w)
    own = join(cut(wall, plates, 3.0), bone.sacral_distance(vertebra, u, v, w), 4.0)
    canal = np.sqrt((u / np.float32(1.7)) ** 2 + (v - b - np.float32(5.5)) ** 2) - np.float32(5.0)
    return cut(own, -canal, 1.0), canal


def _add_disc(rng, skeleton: Skeleton, lower: Vertebra, upper: Vertebra) -> None:
    """The disc between two bodies: a lens a little wider than both."""
    centre = 0.5 * (upper.point(0, 0, -upper.half[2]) + lower.point(0, 0, lower.half[2]))
    axes = upper.axes + lower.axes
    axes = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    a, b = 0.5 * (upper.half[:2] + lower.half[:2])
    thick = upper.disc_below / 2 + 3.5
    reach = np.array([a + 6, b + thick + 6, thick + b * 0.7])
    box = skeleton.lattice.box(centre - reach, centre + reach)
    if box is None:
        return
    u, v, w = skeleton.lattice.part(box).local(centre, axes)
    bulge = 0.3 + rng.uniform(0, 2.5) * upper.degeneration
    rho = (np.abs(u / np.float32(a)) ** 2.5 + np.abs(v / np.float32(b)) ** 2.5 + np.float32(1e-6)) ** np.float32(0.4)
    side = (rho - 1) * np.float32(b) - np.float32(bulge) * np.clip(1 - np.abs(w) / np.float32(thick), 0, 1)
    disc = cut(side, np.abs(w) - np.float32(thick), 1.0)
    nearer = disc < skeleton.disc[box]
    skeleton.disc[box][nearer] = disc[nearer]
    skeleton.disc_state[box][nearer] = upper.degeneration
