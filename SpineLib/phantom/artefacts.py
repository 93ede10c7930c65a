"""What the way to an image adds to it: ringing of a small matrix, ghosts of what pulses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def ringing(image: np.ndarray, acquired: Sequence[float], soft: bool) -> np.ndarray:
    """The image as of fewer lines and columns in k-space than it has voxels, interpolated by zero filling.

    Args:
        image: (slices, rows, columns), magnitude.
        acquired: share of the lines that is acquired, along rows and columns, above 0 to 1.
        soft: whether the scanner weighs k-space with a Hamming window, which rings less and blurs more.

    Returns:
        Float32 magnitude of the same shape.
    """
    space = np.fft.rfft2(image)
    weights = []
    for share, frequency in zip(acquired, (np.fft.fftfreq(image.shape[1]), np.fft.rfftfreq(image.shape[2]))):
        relative = np.abs(frequency) / (0.5 * share)
        window = 0.54 + 0.46 * np.cos(np.pi * np.minimum(relative, 1)) if soft else np.ones_like(relative)
        weights.append(np.where(relative <= 1, window, 0.0))
    return np.abs(np.fft.irfft2(space * np.outer(*weights), s=image.shape[1:])).astype(np.float32)


def ghosts(rng: np.random.Generator, image: np.ndarray, down_rows: bool) -> np.ndarray:
    """Faint copies of the brightest along the phase direction, as pulsing fluid, vessels and breathing make them.

    Args:
        rng: source of randomness.
        image: (slices, rows, columns).
        down_rows: whether the phase direction runs from row to row.
    """
    axis = 1 if down_rows else 2
    bright = np.maximum(image - np.float32(np.percentile(image[:, ::4, ::4], rng.uniform(70, 95))), 0)
    step = int(rng.uniform(0.04, 0.4) * image.shape[axis])
    amount = np.float32(rng.uniform(0.02, 0.12))
    for order in (1, 2):
        for sign in (-1, 1):
            image = image + amount / order * np.roll(bright, sign * order * step, axis=axis)
    return image
