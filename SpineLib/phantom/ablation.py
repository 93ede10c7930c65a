"""Radiofrequency ablation of a metastasis: where the applicators go, and what they coagulate.

Each applicator coagulates an ellipsoid along its axis; they merge. Coagulation reaches a little farther in lytic tumour
than in marrow, less far in sclerotic tumour, hardly beyond cortex and endplates, and neither into the canal nor up to
flowing blood and CSF, which carry the heat away. Lengths of 15 to 35 mm are those of spinal applicators; how far heat
passes bone and how much vessels cool is assumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.phantom.anatomy import Anatomy, level_number
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.lesions import Inclusion
from SpineLib.phantom.spine import Vertebra
from SpineLib.phantom.tissues import Tissue

OUTCOMES = ("complete", "partial", "missed")
#: Share of the metastasis (volume) that is coagulated, least and most, by outcome.
COVERED = {"complete": (0.98, 1.0), "partial": (0.3, 0.9), "missed": (0.0, 0.15)}
#: Least and most length of an applicator's zone (mm), and its width as a share of the length.
LENGTH_MM, SLENDERNESS = (15.0, 35.0), (0.62, 0.92)
_TRIES = 80
_CANAL = (Tissue.CSF, Tissue.CORD, Tissue.NERVE, Tissue.EPIDURAL_FAT)
_DISC = (Tissue.ANNULUS, Tissue.NUCLEUS)


@dataclass(frozen=True)
class Applicator:
    """One applicator, in the vertebra's own frame (u to the left, v backwards, w upwards; mm from the body's centre).

    Attributes:
        approach: "transpedicular" or "posterolateral".
        entry, tip: where it enters the skin (or the drawing's edge), where it ends.
        centre: middle of its zone, on the axis.
        length, width: of the zone, mm.
    """

    approach: str
    entry: np.ndarray
    tip: np.ndarray
    centre: np.ndarray
    length: float
    width: float

    @property
    def axis(self) -> np.ndarray:
        """Unit vector from the entry to the tip."""
        along = self.tip - self.entry
        return along / np.linalg.norm(along)

    def distance(self, u, v, w) -> np.ndarray:
        """About the signed distance (mm) to the zone's ellipsoid, negative inside."""
        x, y, z = (p - np.float32(c) for p, c in zip((u, v, w), self.centre))
        a, b, c = (np.float32(n) for n in self.axis)
        along = x * a + y * b + z * c
        across = np.maximum(x * x + y * y + z * z - along * along, 0)
        half, thin = np.float32(self.length / 2), np.float32(self.width / 2)
        return (np.sqrt((along / half) ** 2 + across / thin**2) - 1) * thin

    def from_axis(self, u, v, w) -> np.ndarray:
        """Distance (mm) to the line from the entry to the tip."""
        along = (self.tip - self.entry).astype(np.float32)
        x, y, z = (p - np.float32(c) for p, c in zip((u, v, w), self.entry))
        t = np.clip((x * along[0] + y * along[1] + z * along[2]) / np.float32(along @ along), 0, 1)
        return np.sqrt((x - t * along[0]) ** 2 + (y - t * along[1]) ** 2 + (z - t * along[2]) ** 2)


@dataclass(frozen=True)
class Ablation:
    """What was done and what it coagulated.

    Attributes:
        host: the treated vertebra.
        box: index box of the drawing that holds all of it.
        core: bool, the coagulated tissue: the necrosis, without the hyperaemic rim and the oedema around.
        tumour: bool, the metastasis.
        applicators: one or two.
        outcome: one of OUTCOMES.
        covered_share: share of the metastasis that is coagulated.
    """

    host: Vertebra
    box: tuple[slice, slice, slice]
    core: np.ndarray
    tumour: np.ndarray
    applicators: tuple[Applicator, ...]
    outcome: str
    covered_share: float


def ablate(
    rng: np.random.Generator, anatomy: Anatomy, host: Vertebra, lesion: Inclusion, outcome: str
) -> Ablation | None:
    """Ablate ``lesion`` in ``host`` with the given outcome; None when no try came out so (a tumour that fills the canal
    cannot be ablated completely).
    """
    box = _box(anatomy, host)
    if box is None:
        return None
    u, v, w = anatomy.grid.local(box, host.centre, host.axes)
    tumour = _in_box(lesion, box)
    resistance = _resistance(rng, anatomy, host, box, tumour, lesion.kind)
    if not tumour.any():
        return None
    points = tuple(p[tumour] for p in (u, v, w))
    own = resistance[tumour]
    low, high = COVERED[outcome]
    for attempt in range(_TRIES):
        applicators = _plan(rng, host, points, outcome, attempt / _TRIES)
        share = float((_zone(applicators, *points) + own < 0).mean())
        if not low <= share <= high:
            continue
        core = _in_one_piece(_zone(applicators, u, v, w) + resistance < 0)
        share = float(core[tumour].mean())
        if low <= share <= high and core.any():
            return Ablation(host, box, core, tumour, applicators, outcome, share)
    return None


def _box(anatomy: Anatomy, host: Vertebra):
    a, b, h = host.half
    corners = np.array(
        [host.point(x, y, z) for x in (-a - 26, a + 26) for y in (-b - 16, b + 85) for z in (-h - 18, h + 24)]
    )
    return anatomy.grid.box(corners.min(0), corners.max(0))


def _in_box(lesion: Inclusion, box) -> np.ndarray:
    """The lesion's mask on another index box."""
    assert lesion.inside is not None
    mask = np.zeros([edge.stop - edge.start for edge in box], bool)
    here, there = [], []
    for own, edge in zip(lesion.box, box):
        low, high = max(own.start, edge.start), min(own.stop, edge.stop)
        if high <= low:
            return mask
        here.append(slice(low - edge.start, high - edge.start))
        there.append(slice(low - own.start, high - own.start))
    mask[tuple(here)] = lesion.inside[tuple(there)]
    return mask


def _resistance(rng, anatomy: Anatomy, host: Vertebra, box, tumour, kind: str) -> np.ndarray:
    """By how many mm the zone's edge is drawn in, in each voxel (float32)."""
    grid, tissue = anatomy.grid, anatomy.labels[box]
    bone = (anatomy.vertebrae[box] == level_number(host.level)) | tumour
    beyond = ndimage.distance_transform_edt(~bone, grid.step).astype(np.float32)
    resistance = np.where(bone, np.float32(0), np.float32(rng.uniform(2.5, 6)) + np.float32(0.6) * beyond)
    resistance[np.isin(tissue, _DISC)] += np.float32(3)
    resistance[tumour] += np.float32({"lytic": rng.uniform(-1.5, 0), "sclerotic": rng.uniform(0, 1.5)}.get(kind, 0.0))
    cool = np.isin(tissue, (Tissue.CSF, Tissue.BLOOD))
    if cool.any():
        near = ndimage.distance_transform_edt(~cool, grid.step).astype(np.float32)
        resistance += np.float32(rng.uniform(1.5, 4)) * np.exp(-near / np.float32(2.5))
    rough = smooth_field(rng, tissue.shape, tuple(9 / s for s in grid.step))
    fine = smooth_field(rng, tissue.shape, tuple(4 / s for s in grid.step))
    resistance += np.float32(rng.uniform(0.5, 1.3)) * rough + np.float32(0.3) * fine
    resistance[np.isin(tissue, (*_CANAL, Tissue.AIR, Tissue.LUNG))] = 99
    return resistance


def _zone(applicators, u, v, w) -> np.ndarray:
    """Distance to the merged ellipsoids; where two meet, the edge between them is filled (their heat adds up)."""
    distances = [a.distance(u, v, w) for a in applicators]
    if len(distances) == 1:
        return distances[0]
    return -np.logaddexp(-distances[0] / 2, -distances[1] / 2).astype(np.float32) * 2


def _in_one_piece(core: np.ndarray) -> np.ndarray:
    """The core without crumbs cut off by cortex or vessels."""
    pieces, count = ndimage.label(core)
    if count < 2:
        return core
    sizes = np.bincount(pieces.ravel())[1:]
    return np.isin(pieces, 1 + np.flatnonzero(sizes > 0.15 * sizes.max()))


def _plan(rng, host: Vertebra, points, outcome: str, late: float) -> tuple[Applicator, ...]:
    """Draw one or two applicators; ``late`` grows from 0 to 1 over the tries and relaxes what is aimed at."""
    a, b, h = host.half
    cloud = np.stack(points, axis=1)
    middle, spread = cloud.mean(0), cloud.std(0).max()
    size = float((cloud.max(0) - cloud.min(0)).max())
    two = rng.random() < np.clip((size - 12) / 30 + 0.5 * late * (outcome == "complete"), 0.1, 0.9)
    two = two and outcome != "missed"
    if outcome == "complete":
        aims = middle + rng.normal(0, 1.5, (1 + two, 3))
        aims[:, 0] += (np.array([0.35, -0.35]) * size if two else 0) * rng.uniform(0.4, 1)
        least = np.clip(0.75 * size + 12 * late, LENGTH_MM[0], LENGTH_MM[1] - 1)
    elif outcome == "partial":
        away = rng.standard_normal(3)
        aims = middle + away / np.linalg.norm(away) * spread * rng.uniform(0.3, 2.2) + rng.normal(0, 2, (1 + two, 3))
        least = LENGTH_MM[0]
    else:
        aims = np.array([[rng.uniform(-0.7, 0.7) * a, rng.uniform(-0.6, 0.6) * b, rng.uniform(-0.6, 0.6) * h]])
        least = LENGTH_MM[0]
    aims = np.clip(aims, -np.array([0.75 * a, 0.7 * b, 0.7 * h]), np.array([0.75 * a, b + 6, 0.7 * h]))
    aims = aims[np.argsort(-aims[:, 0])]
    approach = "transpedicular" if rng.random() < 0.7 else "posterolateral"
    most = LENGTH_MM[1] if outcome == "complete" else rng.uniform(20, LENGTH_MM[1])
    sides = (1.0, -1.0) if two else (np.sign(aims[0, 0]) * (1 if rng.random() < 0.85 else -1) or 1.0,)
    return tuple(
        _applicator(rng, host, approach, s, aim, float(rng.uniform(least, max(most, least + 1))))
        for s, aim in zip(sides, aims)
    )


def _applicator(rng, host: Vertebra, approach: str, side: float, aim, length: float) -> Applicator:
    a, b, h = host.half
    if approach == "transpedicular":  # through the pedicle's narrowest part
        gate = np.array([side * max(0.69 * a, 10.0), b + 2.0, (0.3 + rng.normal(0, 0.08)) * h])
    else:  # beside the pedicle, into the body's side wall
        gate = np.array([side * (a + rng.uniform(0, 4)), rng.uniform(0.55, 0.9) * b, rng.uniform(-0.3, 0.5) * h])
    along = aim - gate
    if along[1] > -6:  # the aim lies behind the gate: come straight from behind
        gate = aim + np.array([side * 3.0, 10.0, 2.0])
        along = aim - gate
    along /= np.linalg.norm(along)
    depth = (b + 75 - gate[1]) / max(-along[1], 0.35)
    tip = aim + along * min(0.35 * length, 0.3 * length + 2)
    width = length * rng.uniform(*SLENDERNESS)
    return Applicator(approach, gate - along * depth, tip, aim, length, float(width))
