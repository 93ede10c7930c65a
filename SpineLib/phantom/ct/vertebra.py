"""The whole vertebra as CT shows it: body, pedicles, articular processes, laminae, processes, in its own frame."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom import bone
from SpineLib.phantom.ct.lattice import Box, Lattice
from SpineLib.phantom.ct.shapes import cut, join, limb, tube
from SpineLib.phantom.spine import LEVELS, Vertebra, nominal_size

#: By level, mm: half width and depth of the canal; width and height of the pedicle; half width over the transverse
#: processes, their tips' place behind the body's back wall and above the pedicle; the spinous process's length, drop
#: and height; height of the lamina. Interpolated between levels. Rounded from Panjabi et al.: cervical, thoracic (Spine
#: 1991;16:861, 888) and lumbar vertebrae (Spine 1992;17:299), where they measured it; the rest assumed.
_ANCHORS = {
    "C3": (11.5, 14.5, 5.5, 6.5, 26, -4, 0, 11, 4, 6, 10),
    "C6": (12.0, 14.5, 6.0, 6.8, 28, -3, 0, 15, 7, 7, 11),
    "C7": (12.0, 15.0, 6.5, 7.5, 33, 5, 2, 25, 10, 8, 13),
    "T1": (10.5, 15.0, 8.5, 9.0, 37, 12, 4, 25, 10, 9, 15),
    "T2": (9.2, 15.0, 7.0, 11.0, 33, 16, 4, 25, 14, 9, 17),
    "T4": (8.6, 15.0, 5.0, 11.5, 30, 20, 5, 25, 22, 9, 18),
    "T6": (8.6, 15.5, 5.3, 12.0, 30, 21, 5, 23, 30, 9, 19),
    "T8": (8.6, 15.5, 6.0, 12.5, 30, 21, 5, 23, 30, 9, 19),
    "T10": (9.0, 15.5, 7.0, 14.5, 28, 20, 4, 25, 18, 11, 20),
    "T11": (9.5, 16.0, 8.5, 16.0, 25, 19, 4, 25, 10, 15, 21),
    "T12": (11.0, 17.0, 8.5, 16.0, 23, 16, 3, 26, 7, 18, 22),
    "L1": (11.5, 17.0, 8.7, 15.5, 35.5, 12, 2, 28, 5, 21, 22),
    "L2": (11.5, 16.5, 8.8, 15.0, 38, 10, 2, 29, 5, 22, 22),
    "L3": (12.0, 16.5, 10.2, 14.5, 42.5, 9, 2, 30, 5, 22, 21),
    "L4": (12.5, 17.0, 13.0, 15.0, 40, 9, 3, 28, 5, 19, 19),
    "L5": (13.5, 18.0, 17.0, 16.0, 42, 6, 3, 21, 5, 14, 16),
}
_PLACES = [LEVELS.index(level) for level in _ANCHORS]
_VALUES = np.array(list(_ANCHORS.values()), float)
#: How far a vertebra reaches from its body's centre (mm): to the sides, forwards, backwards, up and down.
_REACH = {
    "C": (46.0, 20.0, 68.0, 26.0, 40.0),
    "T": (52.0, 30.0, 84.0, 42.0, 60.0),
    "L": (62.0, 34.0, 88.0, 46.0, 54.0),
    "S": (76.0, 34.0, 60.0, 34.0, 34.0),
}


class Dimensions:
    """Drawn sizes of one vertebra's arch (mm); the names follow ``_ANCHORS``."""

    def __init__(self, vertebra: Vertebra, rng: np.random.Generator, thin: float):
        usual = np.array([np.interp(LEVELS.index(vertebra.level), _PLACES, column) for column in _VALUES.T])
        scale = float(np.mean(vertebra.half / nominal_size(vertebra.level)))
        values = usual * scale * np.exp(rng.normal(0, 0.07, len(usual)))
        (self.canal_half, self.canal_deep, self.pedicle_wide, self.pedicle_high, self.transverse, self.behind,
         self.raised, self.spinous, self.drop, self.spinous_high, self.lamina_high) = values  # fmt: skip
        self.thin, self.scale = thin, scale
        self.turn = rng.normal(0, 2.0)  # the spinous process leans to a side
        self.lumbar = vertebra.level[0] == "L" or vertebra.level == "T12"


def reach_box(vertebra: Vertebra, lattice: Lattice) -> Box | None:
    """Index box that surely holds the whole vertebra."""
    side, front, back, up, down = _REACH[vertebra.level[0]]
    corners = np.array([vertebra.point(u, v, w) for u in (-side, side) for v in (-front, back) for w in (-down, up)])
    return lattice.box(corners.min(0), corners.max(0))


def vertebra_distance(vertebra: Vertebra, lattice: Lattice, places, rng: np.random.Generator) -> tuple:
    """Signed distances (mm) to the whole vertebra and to its canal.

    Args:
        vertebra: which.
        lattice: of the box it is drawn in.
        places: (u, v, w) of that box's voxels, in the vertebra's frame.

    Returns:
        bone (body and arch in one), canal.
    """
    u, v, w = places
    d = Dimensions(vertebra, rng, float(rng.uniform(0.92, 1.25)))
    a, b = vertebra.half[:2]
    arch = np.full(u.shape, 60, np.float32)
    for start, end, radii in parts(vertebra, d, rng):
        _add(arch, vertebra, lattice, places, start, end, radii)
    middle = np.float32(b + d.canal_deep / 2)
    # Behind, the canal narrows to a gable between the laminae.
    gable = 1 + np.float32(0.35) * np.clip((v - middle) / np.float32(d.canal_deep / 2), 0, 1.3)
    canal = tube(u * gable, v - middle, d.canal_half, d.canal_deep / 2, 2.3)
    arch = cut(arch, -canal, 0.8)
    if vertebra.level[0] == "C":  # the vertebral artery's foramen
        hole = tube(np.abs(u) - np.float32(a + 4.2), v - np.float32(0.35 * b), 2.9, 2.7)
        arch = cut(arch, -hole, 0.6)
    _add_body(arch, vertebra, lattice, places)
    return arch, canal


def _add_body(arch, vertebra: Vertebra, lattice: Lattice, places) -> None:
    """Join the body into ``arch``."""
    reach = np.linalg.norm(vertebra.half) + 4
    box = lattice.box(vertebra.centre - reach, vertebra.centre + reach)
    if box is None:
        return
    u, v, w = (p[box] for p in places)
    narrow = 0.16 if vertebra.level[0] == "T" else 0.05
    front = 1 + np.float32(narrow) * np.clip(-v / np.float32(vertebra.half[1]), 0, 1)
    wall, plates = bone.body_distance(vertebra, u * front, v, w)
    arch[box] = join(cut(wall, plates, 1.6), arch[box], 2.5)


def _add(arch, vertebra, lattice, places, start, end, radii) -> None:
    """Join one bar into ``arch``, computed in its own box only."""
    ends = np.array([vertebra.point(*start), vertebra.point(*end)])
    reach = max(radii) + 4
    box = lattice.box(ends.min(0) - reach, ends.max(0) + reach)
    if box is not None:
        arch[box] = join(arch[box], limb([p[box] for p in places], start, end, radii), 2.5)


def parts(vertebra: Vertebra, d: Dimensions, rng: np.random.Generator) -> list[tuple]:
    """Bars (start, end, half axes) of both sides of the arch, each side drawn a little differently, and the spine."""
    kind = vertebra.level[0]
    side_parts = _cervical if kind == "C" else _lumbar if d.lumbar else _thoracic
    bars = []
    for side in (-1.0, 1.0):
        for start, end, radii in side_parts(vertebra, d):
            shift, thick = rng.normal(0, 0.6, 3), np.exp(rng.normal(0, 0.07))
            mirror = np.array([side, 1, 1])
            bars.append((mirror * start + shift, mirror * end + shift, np.array(radii) * thick * d.thin))
    return bars + _spinous(vertebra, d)


def _spinous(vertebra: Vertebra, d: Dimensions) -> list[tuple]:
    b, h = vertebra.half[1:]
    root = np.array([0.0, b + d.canal_deep + 5.0, -0.35 * h])
    tip = root + np.array([d.spinous * np.sin(np.deg2rad(d.turn)), d.spinous, -d.drop])
    thick = 2.7 if vertebra.level[0] != "L" else 3.1
    bars = [(root, tip, (thick, 4.0, d.spinous_high / 2))]
    if vertebra.level[0] == "C" and vertebra.level != "C7":
        bars += [(tip, tip + np.array([side * 5.0, 3.0, -1]), (2.2, 2.2, 2.8)) for side in (-1, 1)]
    else:
        bars.append((tip + np.array([0, -1.0, -0.15 * d.spinous_high]), tip + np.array([0, 1.0, 0]),
                     (thick * 1.5, 3.4, 0.4 * d.spinous_high)))  # fmt: skip
    return bars


def _pedicle(vertebra: Vertebra, d: Dimensions, height: float) -> tuple:
    b = vertebra.half[1]
    u = d.canal_half + d.pedicle_wide / 2
    return ((u - 0.5, b - 6, height), (u + 0.5, b + 0.6 * d.canal_deep, height),
            (d.pedicle_wide / 2, 5.0, d.pedicle_high / 2))  # fmt: skip


def _lumbar(vertebra: Vertebra, d: Dimensions) -> list[tuple]:
    b, h = vertebra.half[1:]
    height = h - d.pedicle_high / 2 - 0.5
    pillar = d.canal_half + d.pedicle_wide / 2 + 1
    back = b + d.canal_deep
    gap = 0.8 * vertebra.disc_below
    tip = (d.transverse, b + d.behind, height + d.raised)
    thick = 1.7 if vertebra.level == "L5" else 1.0
    return [
        _pedicle(vertebra, d, height),
        ((pillar - 1, b + 0.55 * d.canal_deep, height), (pillar - 2.5, back - 4, -0.3 * h), (4.8, 4.2, 6.0)),  # isthmus
        ((pillar, b + 0.5 * d.canal_deep, height), (pillar + 3.5, b + 0.55 * d.canal_deep, h + gap + 3.5),
         (3.4, 5.0, 5.0)),
        ((pillar - 3, back - 3, -0.5 * h), (pillar - 3.0, b + 0.7 * d.canal_deep + 2, -h - gap - 6), (3.8, 5.2, 5.0)),
        ((pillar + 3.0, b + 0.75 * d.canal_deep + 3, h + gap - 2),
         (pillar + 3.8, b + 0.75 * d.canal_deep + 2, h + gap + 2), (2.6, 3.2, 5.0)),  # the joint face's hind lip
        ((pillar - 2.5, back - 3.5, -0.35 * h), (0, back + 5.5, -0.5 * h), (3.4, 3.3, d.lamina_high / 2)),
        ((pillar, b + 0.45 * d.canal_deep, height - 1), (0.6 * d.transverse + 0.4 * pillar, b + 0.8 * d.behind, height),
         (3.6 * thick, 3.4 * thick, 5.0 * thick)),
        ((pillar, b + 0.45 * d.canal_deep, height - 1), tip, (2.6, 2.4 * thick, 4.4 * thick)),
        ((pillar + 4, b + 0.7 * d.canal_deep + 2, height), (pillar + 5, b + 0.8 * d.canal_deep + 4, height + 5),
         (3.0, 3.0, 3.5)),  # mamillary process
    ]  # fmt: skip


def _thoracic(vertebra: Vertebra, d: Dimensions) -> list[tuple]:
    b, h = vertebra.half[1:]
    height = h - d.pedicle_high / 2 + 0.8
    pillar = d.canal_half + d.pedicle_wide / 2
    back = b + d.canal_deep
    gap = 0.8 * vertebra.disc_below
    tip = np.array([d.transverse, b + d.behind, height + d.raised])
    return [
        _pedicle(vertebra, d, height),
        ((pillar, b + 0.6 * d.canal_deep, height), (pillar - 0.5, back - 1, -0.2 * h), (4.0, 4.0, 5.5)),
        ((pillar - 0.5, b + 0.75 * d.canal_deep, height), (pillar + 0.5, back - 3.0, h + gap + 4.0), (5.0, 2.5, 4.5)),
        ((pillar - 1.5, back, -0.5 * h), (pillar - 0.5, back + 1.2, -h - gap - 6.5), (4.8, 2.4, 4.5)),
        ((pillar - 1, back + 0.3, -0.25 * h), (0, back + 4.0, -0.4 * h), (3.2, 2.8, d.lamina_high / 2)),
        ((pillar, b + 0.75 * d.canal_deep, height - 1), tip, (4.0, 3.8, 5.0)),
        (tip - np.array([1.5, 1.0, 0.5]), tip, (5.0, 4.8, 5.8)),
    ]


def _cervical(vertebra: Vertebra, d: Dimensions) -> list[tuple]:
    a, b, h = vertebra.half
    pillar = d.canal_half + 5.5
    back = b + d.canal_deep
    gap = 0.5 * vertebra.disc_below
    tip = np.array([d.transverse, b + d.behind, -2.0])
    bars: list[tuple] = [
        ((a - 2, 0.6 * b, 0.1 * h), (pillar, b + 4, 0), (d.pedicle_wide / 2, 3.5, d.pedicle_high / 2)),
        ((pillar, b + 2.5, h + gap - 2), (pillar, b + 8.5, -h - gap + 1.0), (5.6, 4.2, 3.4)),
        ((pillar - 2, b + 9, -0.3 * h), (0, back + 3.0, -0.4 * h), (3.0, 2.4, d.lamina_high / 2)),
        ((pillar, b + 2, -1), tip, (3.0, 2.6, 3.2)),
        ((a - 1.5, -0.4 * b, h - 0.5), (a - 2.0, 0.7 * b, h + 0.5), (1.8, 2.5, 2.6)),  # uncinate process
    ]
    if vertebra.level != "C7":
        front = np.array([a + 7.5, -0.35 * b, -1.0])
        bars += [((a - 1, -0.05 * b, 0), front, (2.4, 2.2, 3.0)), (front, tip, (1.9, 2.2, 2.6))]
    return bars
