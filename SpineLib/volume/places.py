"""Places in a volume: from array indices to LPS mm and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.volume.volume import Volume


def ras_lps(points: np.ndarray | Sequence[float]) -> np.ndarray:
    """Points (..., 3) of LPS in RAS, or of RAS in LPS: the way is the same both times."""
    return np.asarray(points, float) * (-1, -1, 1)


def to_lps(index: np.ndarray, volume: Volume) -> np.ndarray:
    """LPS mm of array indices (n, 3) (k, j, i)."""
    matrix = volume.ijk_to_lps
    return index[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3]


def to_index(points: np.ndarray, volume: Volume) -> np.ndarray:
    """Array indices (n, 3) (k, j, i), with fractions, of points (n, 3), LPS mm."""
    matrix = np.linalg.inv(volume.ijk_to_lps)
    return (points @ matrix[:3, :3].T + matrix[:3, 3])[:, ::-1]
