"""How the patient lies in another scan: each vertebra rigidly on its own, all else follows.

All matrices are 4 x 4 and act on column points, LPS mm; ``before_to_after`` moves a point of the patient as it lies in
the first scan to where it lies in the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from SpineLib.phantom.grid import Grid
from SpineLib.phantom.spine import Vertebra

#: A neighbour bends by at most this much (degrees), however the draw falls.
MOST_BEND = 2.5


@dataclass(frozen=True)
class Frame:
    """Where a drawing's axes (x, y, z; mm) lie in LPS: ``lps = turn @ point + offset``."""

    turn: np.ndarray
    offset: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """4 x 4, drawing to LPS."""
        return rigid(self.turn, self.offset)


def rigid(turn: np.ndarray, offset) -> np.ndarray:
    """4 x 4 matrix of a rotation followed by a translation."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn, offset
    return matrix


def about(point, rotation_vector_deg) -> np.ndarray:
    """4 x 4 matrix of a rotation about a point; the vector's length is the angle in degrees."""
    turn = Rotation.from_rotvec(np.deg2rad(rotation_vector_deg)).as_matrix()
    return rigid(turn, point - turn @ point)


def moved(vertebra: Vertebra, matrix: np.ndarray) -> Vertebra:
    """The vertebra after a rigid motion."""
    turn = matrix[:3, :3]
    return replace(vertebra, centre=turn @ vertebra.centre + matrix[:3, 3], axes=vertebra.axes @ turn.T)


def draw_posture(
    rng: np.random.Generator,
    spine: list[Vertebra],
    treated: str,
    shift_mm: float,
    turn_deg: float,
    bend_deg: float,
) -> dict[str, np.ndarray]:
    """Draw where each vertebra has moved to.

    The treated vertebra turns about its centre, about any axis, by up to ``turn_deg`` and shifts by up to ``shift_mm``
    in any direction. From there each gap bends a little: all by a common part of up to ``bend_deg`` (the patient lies
    straighter or more bent) and each by its own; the sacrum is one bone.

    Args:
        rng: source of randomness.
        spine: from the lowest to the highest, in LPS.
        treated: level of the treated vertebra.
        shift_mm, turn_deg, bend_deg: largest shift, turn, and common bend of neighbours.

    Returns:
        ``before_to_after`` by level.
    """

    def direction():
        vector = rng.standard_normal(3)
        return vector / np.linalg.norm(vector)

    first = next(n for n, v in enumerate(spine) if v.level == treated)
    turn = direction() * rng.uniform(0, turn_deg)
    shift = direction() * rng.uniform(0, shift_mm)
    common = rng.uniform(-1, 1, 3) * bend_deg * np.array([1.0, 0.4, 0.4])
    bends = common + rng.normal(0, 0.25 * bend_deg, (len(spine), 3))
    lengths = np.linalg.norm(bends, axis=1, keepdims=True)
    bends *= np.minimum(1, MOST_BEND / np.maximum(lengths, 1e-9))
    moves = {treated: rigid(np.eye(3), shift) @ about(spine[first].centre, turn)}
    for step, last in ((1, len(spine) - 1), (-1, 0)):
        for n in range(first, last, step):
            here, there = spine[n], spine[n + step]
            lower, upper = (here, there) if step > 0 else (there, here)
            disc = 0.5 * (upper.point(0, 0, -upper.half[2]) + lower.point(0, 0, lower.half[2]))
            bend = step * bends[min(n, n + step)] * (0 if lower.is_sacral and upper.is_sacral else 1)
            moves[there.level] = moves[here.level] @ about(disc, bend)
    return moves


def index_to_lps(grid: Grid, frame: Frame) -> np.ndarray:
    """4 x 4 matrix from the fine grid's index (s, row, column, 1) to LPS mm."""
    ds, dr, dc = grid.step
    drawing = np.array(
        [[ds, 0, 0, grid.xs[0]], [0, 0, dc, grid.ys[0]], [0, -dr, 0, grid.zs[0]], [0, 0, 0, 1]], dtype=float
    )
    return frame.matrix @ drawing
