"""What ails a simulated column: metastases, haemangiomas, Modic changes, Schmorl's nodes; its parts stay."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.trunk.space import Trunk
from SpineLib.phantom.trunk.stuff import MARROWS, Stuff


def draw_changes(trunk: Trunk) -> None:
    """Draw them into the marrow."""
    _draw_lesions(trunk)
    draw_benign(trunk)


def _draw_lesions(trunk: Trunk) -> None:
    rng = trunk.rng
    ill = rng.random() < 0.45
    many = int(rng.integers(1, 7)) if ill else 0
    for _ in range(many):
        v = trunk.spine[int(rng.integers(len(trunk.spine)))]
        stuff = rng.choice([Stuff.LESION_A, Stuff.LESION_B])
        if rng.random() < 0.25:  # the whole vertebra
            _into(trunk, v.centre, v.half * [3, 4, 1.3], v.axes, stuff, 0.0)
            continue
        place = v.point(*(rng.uniform(-1, 1, 3) * v.half * [0.8, 1.6 if rng.random() < 0.3 else 0.8, 0.8]))
        outside = rng.random() < 0.12
        _into(trunk, place, rng.uniform(4, 18) * rng.uniform(0.7, 1.3, 3), None, stuff, 0.35, outside)
    if rng.random() < 0.06:  # all the marrow
        stuff = rng.choice([Stuff.LESION_A, Stuff.LESION_B])
        patchy = trunk.field(rng.uniform(6, 20)) > rng.uniform(-2, 1)
        trunk.stuff[np.isin(trunk.stuff, MARROWS) & patchy] = stuff


def draw_benign(trunk: Trunk, spared: frozenset[str] = frozenset()) -> None:
    """Haemangiomas, Modic changes and Schmorl's nodes, but in the levels ``spared``."""
    rng = trunk.rng
    for v in trunk.spine:
        if v.level in spared:
            continue
        if rng.random() < 0.08:
            place = v.point(*(rng.uniform(-0.7, 0.7, 3) * v.half))
            _into(trunk, place, rng.uniform(3, 11) * rng.uniform(0.8, 1.2, 3), None, Stuff.HAEMANGIOMA, 0.2)
        if v.is_sacral and v.level != "S1":
            continue
        for side in (-1, 1):
            if rng.random() < 0.22 * v.degeneration + 0.02:
                stuff = rng.choice([Stuff.MODIC_A, Stuff.MODIC_B])
                place = v.point(rng.normal(0, 6), rng.uniform(-0.8, 0.8) * v.half[1], side * v.half[2])
                radii = rng.uniform((8, 6, 3), (24, 20, 11))
                _into(trunk, place, radii, v.axes, stuff, 0.25)
            if rng.random() < 0.06 and not v.is_sacral:
                place = v.point(rng.normal(0, 6), rng.normal(0, 5), side * v.half[2])
                _into(
                    trunk, place, rng.uniform(2, 6) * np.ones(3), None, rng.choice([Stuff.ANNULUS, Stuff.NUCLEUS]), 0.2
                )


def _into(trunk: Trunk, centre, radii, axes, stuff, rough: float, outside: bool = False) -> None:
    found = trunk.ball(centre, np.asarray(radii, float), axes, rough)
    if found is None:
        return
    box, rho = found
    here = trunk.stuff[box]
    may = np.isin(here, MARROWS)
    if outside:  # grows out of the bone, over what lies beside it
        may |= (here == Stuff.CORTEX) | np.isin(
            here, (Stuff.MUSCLE, Stuff.EPIDURAL_FAT, Stuff.VISCERAL_FAT, Stuff.FATTY_MUSCLE)
        )
    here[(rho < 1) & may] = stuff
