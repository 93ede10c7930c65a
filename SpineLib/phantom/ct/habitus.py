"""What surrounds the column on CT: skin, fat, muscle, organs, vessels, lungs, drawn in Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import ndimage

from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.shapes import tube
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.spine import LEVELS, Vertebra

AIR, LUNG = -1000.0, -850.0

#: By level, mm, in a patient of usual size: half width of the trunk or neck, from the body's centre to the skin in
#: front and behind without the fat, and half width of the cavity (0 = none). Assumed, from adults' cross-sections.
_TRUNK = {
    "C3": (58, 52, 66, 0),
    "C5": (60, 56, 70, 0),
    "C7": (85, 66, 70, 0),
    "T1": (150, 78, 66, 58),
    "T3": (172, 105, 62, 95),
    "T7": (155, 140, 58, 122),
    "T11": (146, 145, 60, 122),
    "L1": (138, 132, 64, 112),
    "L4": (140, 112, 70, 104),
    "S1": (158, 108, 72, 100),
    "S5": (165, 110, 52, 95),
}


@dataclass
class Habitus:
    """One patient's soft tissues.

    Attributes:
        hu: Hounsfield units on the lattice, float32.
        cavity: signed distance (mm) to the wall of the chest or abdomen; the ribs run along it.
        centre: (x, y) of the column by plane of the lattice.
        level: level (a place in LEVELS, fractions between) by plane.
        fat: HU of this patient's fat.
        muscle: HU of this patient's muscle.
        vessel: HU of the blood.
    """

    hu: np.ndarray
    cavity: np.ndarray
    centre: np.ndarray
    level: np.ndarray
    fat: float
    muscle: float
    vessel: float


def draw_habitus(rng: np.random.Generator, lattice: Lattice, spine: list[Vertebra], contrast: bool) -> Habitus:
    """Draw the soft tissues around ``spine`` (from the lowest to the highest)."""
    heights = np.array([v.centre[2] for v in spine])
    order = np.argsort(heights)
    level = np.interp(lattice.zs, heights[order], [LEVELS.index(spine[n].level) for n in order])
    centre = np.array([np.interp(lattice.zs, heights[order], [spine[n].centre[c] for n in order]) for c in (0, 1)]).T
    half = np.array([np.interp(lattice.zs, heights[order], [spine[n].half[c] for n in order]) for c in (0, 1)]).T
    xs, ys, _ = lattice.places()
    x = xs - centre[:, 0, None, None].astype(np.float32)
    y = ys - centre[:, 1, None, None].astype(np.float32)
    at = _Table(level)
    size = float(np.clip(rng.normal(1.0, 0.09), 0.8, 1.25))
    obesity = float(rng.beta(1.6, 2.2))
    fat, muscle = float(rng.normal(-103, 7)), float(rng.normal(54, 8))
    blood = float(rng.uniform(35, 52)) if not contrast else float(rng.uniform(90, 320))
    wide, front, behind, inner = (at([row[n] * size for row in _TRUNK.values()]) for n in range(4))
    lattice_rough = smooth_field(rng, lattice.shape, tuple(35 / s for s in lattice.step))
    layer = 4 + 34 * obesity
    groove = 9 * rng.uniform(0.4, 1) * np.exp(-((x / 16) ** 2))
    body = _oval(x, y + groove, wide + layer, front + layer + 55 * obesity, behind + 0.8 * layer) + 1.5 * lattice_rough
    under = layer * (1 + 0.25 * lattice_rough) * (1 + 0.5 * np.clip(-y / 120, 0, 1) * np.sign(at.lumbar - 0.5))
    hu = np.full(lattice.shape, AIR, np.float32)
    hu[body < 0] = rng.uniform(-10, 40)  # skin
    hu[body < -1.6] = fat
    inside = body + under
    hu[inside < 0] = muscle
    _streak_muscle(rng, lattice, hu, inside < 0, fat)
    wall = 11 * size
    cavity = _oval(x, y, inner + 25 * obesity, front + 40 * obesity - wall, 14 + 20 * at.thoracic)
    cavity = np.where(at.inside[:, None, None] & np.ones_like(cavity, bool), cavity + 1.5 * lattice_rough, 60)
    hu[cavity < 0] = fat
    patient = _Patient(rng, lattice, x, y, half, at, size, fat, muscle, blood, contrast)
    _abdomen(patient, hu, cavity)
    _thorax(patient, hu, cavity)
    _beside_the_column(patient, hu, cavity)
    _vessels(patient, hu)
    hu = ndimage.gaussian_filter(hu, 0.55, truncate=2)  # soft edges between voxels that are larger than the scan's
    return Habitus(hu, cavity, centre, level, fat, muscle, blood)


class _Table:
    """Values by level, looked up for every plane."""

    def __init__(self, level: np.ndarray):
        self.level = level
        self.places = [LEVELS.index(name) for name in _TRUNK]
        self.thoracic = np.interp(level, [LEVELS.index(n) for n in ("T1", "T3", "T10", "L1")], [0.6, 1, 1, 0])[
            :, None, None
        ].astype(np.float32)
        self.lumbar = (level > LEVELS.index("T12"))[:, None, None].astype(np.float32)
        self.inside = level > LEVELS.index("T1") - 0.3

    def __call__(self, values) -> np.ndarray:
        return np.interp(self.level, self.places, values)[:, None, None].astype(np.float32)

    def between(self, first: str, last: str, fade: float = 0.5) -> np.ndarray:
        """1 from ``first`` to ``last``, falling to 0 over ``fade`` levels beyond; a column of planes."""
        low, high = LEVELS.index(first), LEVELS.index(last)
        value = np.clip(np.minimum(self.level - low, high - self.level) / fade + 1, 0, 1)
        return value[:, None, None].astype(np.float32)


@dataclass
class _Patient:
    rng: np.random.Generator
    lattice: Lattice
    x: np.ndarray
    y: np.ndarray
    half: np.ndarray
    at: _Table
    size: float
    fat: float
    muscle: float
    blood: float
    contrast: bool

    def paint(self, hu, inside, centre, radii, first: str, last: str, layers) -> None:
        """Paint an organ: an oval tube at (x, y) from the column, tapered to nothing beyond ``first`` and ``last``.

        Args:
            hu, inside: where to paint.
            centre, radii: (x, y), mm in a patient of usual size.
            layers: (depth below the organ's surface in mm, HU), from outside to inside.
        """
        grown = self.at.between(first, last, 0.9)
        within = np.flatnonzero(grown[:, 0, 0] > 0)
        if not len(within):
            return
        rows = slice(within[0], within[-1] + 1)
        x, y = (self.x[rows] - centre[0] * self.size), (self.y[rows] - centre[1] * self.size)
        rx, ry = np.array(radii) * self.size
        across = np.flatnonzero((np.abs(x) < 1.3 * rx).any(axis=(0, 1)))
        along = np.flatnonzero((np.abs(y) < 1.3 * ry).any(axis=(0, 2)))
        if not len(across) or not len(along):
            return
        box = (rows, slice(along[0], along[-1] + 1), slice(across[0], across[-1] + 1))
        shape = hu[box].shape
        if min(shape) < 2:
            return
        rough = 0.09 * smooth_field(self.rng, shape, tuple(22 / s for s in self.lattice.step))
        rho = np.sqrt((x[:, :, box[2]] / rx) ** 2 + (y[:, box[1]] / ry) ** 2) + rough
        distance = (rho - np.sqrt(grown[rows])) * np.float32(min(rx, ry))
        for depth, value in layers:
            hu[box][(distance < -depth) & inside[box]] = value


def _oval(x, y, half_wide, front, back) -> np.ndarray:
    """Distance to a trunk's outline; ``front`` and ``back`` reach from the column's centre."""
    middle, deep = (back - front) / 2, (front + back) / 2
    a, b = (x / half_wide) ** 2, ((y - middle) / deep) ** 2
    rho = 0.5 * (np.sqrt(a + b) + np.sqrt(np.sqrt(a * a + b * b)))  # between an ellipse and a rounded box
    return ((rho - 1) * np.minimum(half_wide, deep)).astype(np.float32)


def _streak_muscle(rng, lattice: Lattice, hu, where, fat: float) -> None:
    """Fat between and within the muscles, more of it in some patients, drawn out along the body."""
    step = lattice.step
    field = smooth_field(rng, lattice.shape, (30 / step[0], 5 / step[1], 8 / step[2]))
    ridge = np.abs(field)  # a fascia runs where the field changes its sign
    share = np.clip(1 - ridge / np.float32(rng.uniform(0.05, 0.28)), 0, 1) * np.float32(rng.uniform(0.2, 0.95))
    mottled = np.clip(field - np.float32(rng.uniform(0.9, 2.2)), 0, 1)
    share = np.clip(share + mottled, 0, 1)
    hu[where] += (share * (np.float32(fat) - hu))[where]


def _abdomen(p: _Patient, hu, cavity) -> None:
    rng, inside = p.rng, cavity < -3
    if not (p.at.level > LEVELS.index("T9")).any():
        return
    step = p.lattice.step
    bowel = smooth_field(rng, p.lattice.shape, tuple(24 / s for s in step))
    content = smooth_field(rng, p.lattice.shape, tuple(14 / s for s in step))
    loop = inside & (bowel > rng.uniform(-0.3, 0.5)) & (p.y < -34 * p.size) & (p.at.between("T11", "S5") > 0)
    hu[loop] = rng.uniform(15, 55)
    hu[loop & (content > 0.5)] = rng.uniform(-60, 90)
    if rng.random() < 0.25:
        hu[loop & (content < -0.9)] = rng.uniform(150, 420)  # swallowed contrast
    gas = loop & (bowel > 1.0) & (content > rng.uniform(0.0, 0.9)) & (p.y < -60 * p.size)
    hu[gas] = -950
    enhanced = p.contrast
    for centre, radii, first, last, value in (
        ((-68, -52), (62, 68), "T9", "L2", rng.uniform(45, 65) + 50 * enhanced),  # liver, on the right
        ((82, -14), (32, 38), "T10", "L1", rng.uniform(42, 58) + 70 * enhanced),  # spleen
        ((62, -8), (27, 31), "T12", "L3", rng.uniform(28, 40) + 130 * enhanced),  # kidneys
        ((-62, -8), (27, 31), "L1", "L3", rng.uniform(28, 40) + 130 * enhanced),
        ((12, -58), (46, 13), "L1", "L2", rng.uniform(30, 50) + 40 * enhanced),  # pancreas
    ):
        layers = [(0.0, value)]
        if radii[0] == 27:  # the renal pelvis with its fat
            layers.append((13.0, p.fat + 40 if not enhanced else rng.uniform(60, 400)))
        p.paint(hu, inside, np.array(centre) + rng.normal(0, 5, 2), np.array(radii) * rng.uniform(0.85, 1.15), first,
                last, layers)  # fmt: skip


def _thorax(p: _Patient, hu, cavity) -> None:
    if not (p.at.level < LEVELS.index("T12")).any():
        return
    rng, step = p.rng, p.lattice.step
    vessels = smooth_field(rng, p.lattice.shape, tuple(7 / s for s in step))
    a, b = p.half[:, 0, None, None], p.half[:, 1, None, None]
    trunk = _oval(p.x - 2, p.y, a * 0.6 + 22 * p.size, 92 * p.size, -b * 0.2)
    column = _oval(p.x, p.y, a + 5, b + 4, 60 * p.size)
    bottom = np.clip((p.at.level - (LEVELS.index("T11") + rng.normal(0, 0.5)))[:, None, None], -3, 3) * 22
    # Over the dome of the diaphragm the lung is a sickle along the wall.
    dome = np.where(bottom > -45, -cavity - np.clip(18 - 0.9 * bottom, 0, 60), -40)
    lung = reduce(np.maximum, (cavity + 2, -trunk, -column, np.minimum(dome, 30), bottom.astype(np.float32)))
    lung = ndimage.gaussian_filter(lung, [5 / s for s in step], truncate=2)  # round where the parts meet
    chest = (cavity < 0) & (p.at.level < LEVELS.index("T9"))[:, None, None]
    hu[chest] = rng.uniform(-60, 40)
    hu[(trunk < -3) & chest] = rng.uniform(-70, 45)
    inside = lung < 0
    density = np.float32(rng.uniform(-890, -770))
    hu[inside] = density + 60 * np.clip(vessels[inside], -1, 1)
    hu[inside & (vessels > rng.uniform(1.9, 2.4))] = p.blood * 0.8
    p.paint(hu, cavity < -2, (16, -(62 + rng.normal(0, 6))), (54, 40), "T6", "T10",
            [(0.0, p.fat + 30), (4.0, p.muscle), (12.0, p.blood * 0.75 + 10)])  # the heart  # fmt: skip
    if rng.random() < 0.25:  # a pleural effusion lies behind
        hu[inside & (p.y > rng.uniform(5, 25))] = rng.uniform(2, 25)


def _beside_the_column(p: _Patient, hu, cavity) -> None:
    """Psoas, the crura, and the thin fat around the column."""
    rng, at = p.rng, p.at
    a, b = p.half[:, 0, None, None].astype(np.float32), p.half[:, 1, None, None].astype(np.float32)
    near = _oval(p.x, p.y, a + 4, b + 4, b + 2)
    hu[(near < 0) & (cavity < 8)] = p.fat + 20
    growth = np.interp(at.level, [LEVELS.index(n) for n in ("T12", "L2", "L4", "S2")], [0, 0.75, 1.1, 1.0])
    growth = growth[:, None, None].astype(np.float32) * np.float32(rng.uniform(0.7, 1.2) * p.size)
    for side in (-1, 1):
        u = side * p.x - (a * 0.95 + 13 * growth)
        thick = np.maximum(growth, 0.01)
        hu[((u / (15 * thick)) ** 2 + ((p.y + 1) / (19 * thick)) ** 2 < 1) & (growth > 0.05) & (near > -2)] = p.muscle
        crus = np.abs(side * p.x - (a * 0.55)) / 8 + np.abs(p.y + b + 5) / 6 - 1
        hu[(crus < 0) & (at.between("T11", "L2") > 0.5)] = p.muscle


def _vessels(p: _Patient, hu) -> None:
    rng, at = p.rng, p.at
    b = p.half[:, 1, None, None].astype(np.float32)
    a = p.half[:, 0, None, None].astype(np.float32)
    low = at.thoracic  # in the chest the aorta lies on the left of the bodies
    wide = rng.uniform(8.5, 13) * p.size
    split = np.clip(at.level - LEVELS.index("L4"), 0, 3)[:, None, None].astype(np.float32)
    drift = rng.normal(0, 3)
    swing = 4 * smooth_field(rng, (len(p.lattice.zs), 2, 2), (40 / p.lattice.step[0], 2, 2))[:, :1, :1]
    left = np.float32(9 + drift) + low * (a * 0.55 + 6) + swing
    front = -(b + wide * 0.9 + 3) + low * (b * 0.75)
    runs = (at.level > LEVELS.index("T4")) & (at.level < LEVELS.index("S2"))
    seen = runs[:, None, None]
    radius = np.where(split > 0, wide * 0.55, wide).astype(np.float32)
    wall = smooth_field(rng, p.lattice.shape, tuple(6 / s for s in p.lattice.step))
    plaque = rng.uniform(1.0, 3.2)
    for side in (-1, 1):
        course = left + side * split * 22
        aorta = np.sqrt((p.x - course) ** 2 + (p.y - front - split * 6) ** 2) - radius
        hu[seen & (aorta < 0)] = p.blood
        hu[seen & (np.abs(aorta) < 1.1) & (wall > plaque)] = rng.uniform(350, 1000)
    cava = rng.uniform(8, 12) * p.size
    venous = (at.level > LEVELS.index("T10")) & (at.level < LEVELS.index("S2"))
    for side in (-1, 1):
        vein = tube(p.x + 15 - side * split * 20, p.y + b + cava * 0.8 + 1 - split * 8, cava, cava * 0.75)
        hu[venous[:, None, None] & (vein < 0)] = p.blood * 0.85 + 5
    airway = at.level < LEVELS.index("T5")
    hu[airway[:, None, None] & (tube(p.x, p.y + b + 24, 9, 8) < 0)] = AIR
