"""An image without the shading of its coils: divided by its own smooth mean, and white over the patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

#: The mean is worked out on every so many rows and columns.
_STRIDE = 4
#: Air is what lies below this share of the image's upper values; the mean is not taken below this share of its median,
#: so that what holds nothing but noise stays dark.
_AIR, _LEAST = 0.04, 0.15
#: Evened values, means of 1, are limited to this.
_MOST = 6.0


def evened(image: np.ndarray, sigma: Sequence[float]) -> np.ndarray:
    """Divide by the Gaussian mean of the patient (air left out), then whiten over the patient.

    A coil's sensitivity is smooth over centimetres, so the ratio of a voxel to its surroundings hardly depends on it.

    Args:
        image: (s, y, x), not constant; below 0 counts as 0.
        sigma: along each axis, voxels.

    Returns:
        Float32; mean 0 and standard deviation 1 over the patient.
    """
    image = np.maximum(image, 0)
    coarse = image[:, ::_STRIDE, ::_STRIDE]
    patient = coarse > _AIR * np.percentile(coarse, 99)
    if not patient.any():
        patient = np.ones_like(coarse, bool)
    width = [sigma[0], sigma[1] / _STRIDE, sigma[2] / _STRIDE]
    share = ndimage.gaussian_filter(patient.astype(np.float32), width, truncate=2.5)
    mean = ndimage.gaussian_filter(np.where(patient, coarse, 0).astype(np.float32), width, truncate=2.5)
    mean /= np.maximum(share, 0.02)
    mean = np.maximum(mean, _LEAST * np.float32(np.median(mean[patient])))
    zoom = [new / old for new, old in zip(image.shape[1:], coarse.shape[1:])]
    out = np.empty(image.shape, np.float32)
    for number, plane in enumerate(mean):
        full = ndimage.zoom(plane, zoom, order=1, mode="nearest", grid_mode=True)
        out[number] = np.minimum(image[number] / full, _MOST)
    inside = out[:, ::_STRIDE, ::_STRIDE][patient]
    deviation = float(inside.std(dtype=np.float64)) or 1.0
    return (out - np.float32(inside.mean(dtype=np.float64))) / np.float32(deviation)
