"""MR images painted afresh from tissues, so that no two patches have the same contrast."""

from __future__ import annotations

import numpy as np


def paint(tissues: np.ndarray, spacing: tuple[float, float, float], rng: np.random.Generator) -> np.ndarray:
    """An image with a random grey value for each tissue (Billot et al., SynthSeg, Med Image Anal 2023;86:102789).

    Args:
        tissues: uint8 (z, y, x).
        spacing: mm along (z, y, x).
        rng: random numbers.

    Returns:
        float32 (z, y, x).
    """
    means, spread = rng.uniform(0, 1, 256), rng.uniform(0, 0.08, 256)
    return (means[tissues] + spread[tissues] * rng.standard_normal(tissues.shape)).astype(np.float32)
