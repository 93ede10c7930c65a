"""The scanner: point spread, kernel, noise, metal's streaks, the table."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage

from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.fields import smooth_field

#: What 12-bit scanners can tell apart, HU.
LOWEST, HIGHEST = -1024, 3071


@dataclass(frozen=True)
class Kernel:
    """How the scan was reconstructed.

    Attributes:
        name: "soft" or "bone".
        blur_mm: width (sigma) of the point spread in a slice.
        sharpen: share of the edge enhancement (0 for soft kernels).
        noise_hu: standard deviation of the noise in water.
        grain_mm: width (sigma) of the noise's grain.
    """

    name: str
    blur_mm: float
    sharpen: float
    noise_hu: float
    grain_mm: float

    def to_dict(self) -> dict:
        """Its values, ready for JSON."""
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()}


def draw_kernel(rng: np.random.Generator, thickness: float, noise: float | None = None) -> Kernel:
    """Soft or bone kernel; thin slices and bone kernels are noisier."""
    dose = float(np.exp(rng.normal(0, 0.45)))
    thin = (2.0 / max(thickness, 0.6)) ** 0.5
    if rng.random() < 0.55:
        return Kernel("soft", float(rng.uniform(0.45, 0.75)), 0.0, noise or 12 * thin * dose,
                      float(rng.uniform(0.45, 0.8)))  # fmt: skip
    return Kernel("bone", float(rng.uniform(0.28, 0.45)), float(rng.uniform(0, 0.6)), noise or 32 * thin * dose,
                  float(rng.uniform(0.2, 0.4)))  # fmt: skip


def blur(array: np.ndarray, sigma: tuple[float, float, float]) -> np.ndarray:
    """Gaussian blur along (k, j, i) by ``sigma`` voxels; axes below 0.15 stay as they are."""
    for axis, width in enumerate(sigma):
        if width >= 0.15:
            array = ndimage.gaussian_filter1d(array, width, axis=axis, mode="nearest", truncate=2.6)
    return array


def smooth(array: np.ndarray, sigma: float) -> np.ndarray:
    """Blur in the slices by about ``sigma`` voxels, in a time that does not grow with it."""
    size = max(3, int(np.sqrt(6 * sigma**2 + 1)) | 1)  # two boxes have together the variance of the Gaussian
    for axis in (1, 2):
        for _ in range(2):
            array = ndimage.uniform_filter1d(array, size, axis=axis, mode="nearest")
    return array


def acquire(rng: np.random.Generator, hu: np.ndarray, image: Lattice, kernel: Kernel, metal: np.ndarray | None):
    """The scan of ``hu`` (float32, k, j, i) as the scanner gives it: int16.

    Args:
        rng: source of randomness.
        hu: what is there.
        image: its lattice.
        kernel: of the reconstruction.
        metal: bool, where metal is; None without.
    """
    pixel = image.step[2]
    result = blur(hu, (0.0, kernel.blur_mm / pixel, kernel.blur_mm / pixel))
    if kernel.sharpen:
        wide = 1.2 / pixel
        result += np.float32(kernel.sharpen) * (result - smooth(result, wide))
    if metal is not None and metal.any():
        result += _streaks(rng, metal, image)
    noise = rng.standard_normal(hu.shape, dtype=np.float32)
    grain = kernel.grain_mm / pixel
    noise = blur(noise, (0.35, grain, grain))
    if kernel.name == "bone":  # the ramp of a bone kernel leaves little noise in coarse grains
        noise -= 0.8 * smooth(noise, 2.5 * grain + 1)
    # More noise where the body attenuates most, less near the skin.
    shading = 1 + 0.25 * smooth_field(rng, (2, *hu.shape[1:]), (2, 150 / pixel, 150 / pixel))[:1]
    noise *= np.float32(kernel.noise_hu / max(float(noise[:: max(1, len(noise) // 8)].std()), 1e-6)) * shading
    result += noise
    np.clip(result, LOWEST, HIGHEST, out=result)
    return np.rint(result, out=result).astype(np.int16)


def _streaks(rng, metal: np.ndarray, image: Lattice) -> np.ndarray:
    """Bright and dark rays from the metal of each slice, darkest on the line between two pieces."""
    result = np.zeros(metal.shape, np.float32)
    x, y = np.meshgrid(image.xs, image.ys)
    strength = rng.uniform(120, 500)
    for k in np.flatnonzero(metal.any(axis=(1, 2))):
        marks, count = ndimage.label(metal[k])
        centres = [(image.xs[round(c[1])], image.ys[round(c[0])])
                   for c in ndimage.center_of_mass(metal[k], marks, range(1, count + 1))]  # fmt: skip
        for cx, cy in centres[:6]:
            angle, far = np.arctan2(y - cy, x - cx), np.hypot(x - cx, y - cy)
            rays = np.interp(angle, np.linspace(-np.pi, np.pi, 73), rng.standard_normal(73))
            result[k] += strength * rays * np.exp(-far / 35) * (far > 3)
            for ox, oy in centres[:6]:
                if (ox, oy) != (cx, cy):
                    off = np.angle(np.exp(1j * (angle - np.arctan2(oy - cy, ox - cx))))
                    result[k] -= strength * np.exp(-((off / 0.12) ** 2)) * np.exp(-far / 60)
    return result


def draw_table(rng: np.random.Generator, hu: np.ndarray, lattice: Lattice) -> None:
    """Put the scanner's table (two curved shells with foam between) under the back, into ``hu``."""
    body = np.flatnonzero((hu > -300).any(axis=(0, 2)))
    if not len(body) or body[-1] >= len(lattice.ys) - 3:
        return
    x, y, _ = lattice.places()
    top = lattice.ys[body[-1]] + rng.uniform(1, 9)
    curve = np.float32(rng.uniform(0, 0.0011)) * (x - np.mean(lattice.xs)) ** 2
    thick = rng.uniform(18, 50)
    under = y - np.float32(top) + curve
    free = hu < -600
    for depth in (0.0, thick):
        hu[free & (np.abs(under - depth) < 1.3)] = rng.uniform(-350, 50)
    hu[free & (under > 1.3) & (under < thick - 1.3)] = rng.uniform(-990, -900)
