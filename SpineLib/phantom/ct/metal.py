"""Pedicle screws and rods."""

from __future__ import annotations

import numpy as np

from SpineLib.phantom.ct.shapes import limb
from SpineLib.phantom.ct.skeleton import Skeleton
from SpineLib.phantom.spine import Vertebra


def draw_screws(rng: np.random.Generator, skeleton: Skeleton, near: list[Vertebra]) -> np.ndarray | None:
    """Signed distance (mm) to the metal of two neighbouring vertebrae of ``near``; None where there are none."""
    hosts = [v for v in near if v.level[0] in "LT"]
    if len(hosts) < 2:
        return None
    first = int(rng.integers(len(hosts) - 1))
    distance = np.full(skeleton.lattice.shape, 30, np.float32)
    radius = rng.uniform(2.4, 3.3)
    for side in (-1, 1):
        heads = []
        for vertebra in hosts[first : first + 2]:
            a, b, h = vertebra.half
            head = vertebra.point(side * 1.05 * a, b + 26, 0.35 * h)
            heads.append(head)
            _add(distance, skeleton, head, vertebra.point(side * 0.4 * a, -0.5 * b, 0.3 * h), radius)
            _add(distance, skeleton, head, head + 4 * vertebra.axes[1], 5.5)
        _add(distance, skeleton, heads[0] + [0, 4, -8], heads[1] + [0, 4, 8], 2.8)
    return distance


def _add(distance: np.ndarray, skeleton: Skeleton, start, end, radius: float) -> None:
    box = skeleton.lattice.box(np.minimum(start, end) - radius - 2, np.maximum(start, end) + radius + 2)
    if box is not None:
        bar = limb(skeleton.lattice.part(box).places(), start, end, (radius,) * 3)
        distance[box] = np.minimum(distance[box], bar)
