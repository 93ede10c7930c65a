"""Places in a volume: from array indices to LPS mm and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from SpineLib.volume.volume import Volume

#: Share of a lesion that an image has to show for it to count as seen there.
SEEN = 0.9


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


def shows(image: Volume, mask: Volume, mask_to_image: np.ndarray) -> bool:
    """Whether an image shows a lesion's place: :data:`SEEN` of it lie within.

    Args:
        image: its grid alone counts.
        mask: not 0 inside; not empty.
        mask_to_image: 4 x 4, LPS mm of the mask to LPS mm of the image.
    """
    points = to_lps(np.argwhere(mask.array), mask) @ mask_to_image[:3, :3].T + mask_to_image[:3, 3]
    index = to_index(points, image)
    inside = ((index >= -0.5) & (index <= np.array(image.shape) - 0.5)).all(axis=1)
    return bool(inside.mean() >= SEEN)
