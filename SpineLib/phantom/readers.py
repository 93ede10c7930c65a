"""Two simulated readers who contour the same lesion, and disagree as people do."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from SpineLib.phantom.fields import smooth_field


def read_lesion(
    rng: np.random.Generator, truth: np.ndarray, spacing: tuple[float, float, float], error_mm: float = 1.0
) -> np.ndarray:
    """A reader's contour of one lesion, drawn slice by slice.

    The edge is moved by a personal bias, a smooth field within each slice, and a bias for each slice; a slice at the
    end of the lesion may be left out or added. ``error_mm`` scales all of it; the default makes two readers agree to
    about the Dice of 79.4 +/- 6.2 % that Hille et al. (2020, section 3.2) report.

    Args:
        truth: bool (s, row, column).
        spacing: mm along (s, row, column).

    Returns:
        bool array like ``truth``.
    """
    if not truth.any():
        return np.zeros_like(truth)
    where = [np.flatnonzero(truth.any(axis=tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    margin = [1] + [int(np.ceil(8 / s)) for s in spacing[1:]]
    box = tuple(slice(max(w[0] - m, 0), w[-1] + m + 1) for w, m in zip(where, margin))
    part = truth[box]
    # A reader sees slices: distances are taken within each, and a slice without truth borrows its neighbour's.
    distance = np.empty(part.shape, np.float32)
    for n, cut in enumerate(part):
        distance[n] = (
            ndimage.distance_transform_edt(cut, spacing[1:]) - ndimage.distance_transform_edt(~cut, spacing[1:])
            if cut.any()
            else -99.0
        )
    area = part.sum() * np.prod(spacing[1:]) / max(len(where[0]), 1)
    scale = error_mm * np.clip(np.sqrt(area / np.pi) / 6.5, 0.55, 1.6)  # larger lesions are read with larger errors
    knots = (1.0, 9 / spacing[1], 9 / spacing[2])
    wobble = (
        smooth_field(rng, part.shape, knots) * 1.1
        + smooth_field(rng, part.shape, (1.0, 25 / spacing[1], 25 / spacing[2])) * 0.9
    )
    level = rng.normal(0, 0.35) + rng.normal(0, 0.6, len(part)).astype(np.float32)[:, None, None]
    read = distance + np.float32(scale) * (wobble + level) > 0
    slices = np.flatnonzero(part.any(axis=(1, 2)))
    if len(slices) > 2:
        for end, outside in ((slices[0], slices[0] - 1), (slices[-1], slices[-1] + 1)):
            chance = rng.random()
            if chance < 0.12:
                read[end] = False
            elif chance < 0.24 and 0 <= outside < len(part):
                read[outside] = distance[end] + scale * (wobble[end] + level[end]) > 1.5
    result = np.zeros_like(truth)
    result[box] = read
    return result


def read_lesions(rng: np.random.Generator, lesions: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """A reader's contours of all numbered lesions, uint8; arguments as of :func:`read_lesion`, which reads each."""
    result = np.zeros(lesions.shape, np.uint8)
    for n in range(1, int(lesions.max()) + 1):
        result[read_lesion(rng, lesions == n, spacing)] = n
    return result
