"""Whole vertebrae of the simulator as slices, drawn in their own frame without a CT: what a GAN is trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from SpineLab.training.gan.stacks import Stack, as_bytes
from SpineLib.phantom.ct.case import CT_REGIONS
from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.skeleton import verse_number
from SpineLib.phantom.ct.vertebra import vertebra_distance
from SpineLib.phantom.fields import smooth_field
from SpineLib.phantom.spine import Vertebra, draw_spine
from SpineLib.preprocess.vertebra_slices import BACK_MM, PIXEL_MM, SLICE_MM, SLICE_SIZE

#: mm of the column above and below the middle; of the vertebra's box to the sides, forwards, backwards, up and down.
_REACH_MM = 80.0
_SIDE, _FRONT, _BACK, _UP, _DOWN = 66.0, 40.0, 100.0, 45.0, 66.0


def simulate_stacks(seed: int) -> list[Stack]:
    """The vertebrae, without the sacrum, of a part of a simulated column of any region; the same for the same seed."""
    rng = np.random.default_rng([seed, 34])
    region = str(rng.choice(list(CT_REGIONS)))
    spine = draw_spine(rng, str(rng.choice(CT_REGIONS[region])), _REACH_MM)
    return [_stack(vertebra, f"simulated-{seed:04d}", rng) for vertebra in spine if not vertebra.is_sacral]


def _stack(vertebra: Vertebra, patient: str, rng: np.random.Generator) -> Stack:
    """The vertebra on the lattice of its own frame; bent and roughened as ``skeleton`` does it."""
    upright = replace(vertebra, centre=np.zeros(3), axes=np.eye(3))
    lattice = Lattice.over((-_SIDE, -_FRONT, -_DOWN), (_SIDE, _BACK, _UP), (PIXEL_MM, PIXEL_MM, SLICE_MM))
    knots = tuple(rng.uniform(11, 18) / step for step in lattice.step)
    bend = np.float32(rng.uniform(0.3, 0.8))
    places = [
        place + bend * smooth_field(rng, lattice.shape, knots) for place in lattice.local(upright.centre, upright.axes)
    ]
    rough = np.float32(rng.uniform(0.12, 0.3)) * smooth_field(rng, lattice.shape, (3.0, 1.75, 1.75))
    distance = vertebra_distance(upright, lattice, places, rng)[0] + rough
    inside = distance < 0
    slices = np.flatnonzero(inside.any(axis=(1, 2)))
    weights = inside.sum(axis=0)
    centre = [
        float(weights.sum(axis=1 - axis) @ values / weights.sum())
        for axis, values in ((0, lattice.ys), (1, lattice.xs))
    ]
    rows, columns = (
        _window(values, middle) for values, middle in ((lattice.ys, centre[0] + BACK_MM), (lattice.xs, centre[1]))
    )
    return Stack(
        patient, verse_number(vertebra.level), True, as_bytes(distance[slices[0] : slices[-1] + 1, rows, columns])
    )


def _window(values: np.ndarray, middle: float) -> slice:
    """The 64 places whose middle is nearest to ``middle``."""
    first = int(np.clip(round((middle - values[0]) / PIXEL_MM - (SLICE_SIZE - 1) / 2), 0, len(values) - SLICE_SIZE))
    return slice(first, first + SLICE_SIZE)
