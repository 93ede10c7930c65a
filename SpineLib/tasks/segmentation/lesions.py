"""From a probability to separate lesions and their measures."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import Orientation
from SpineLib.volume.places import ras_lps
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Attributes:
        id: 1 for the largest.
        volume_ml: its voxels' volume.
        diameter_in_plane_mm: longest distance within one sagittal slice.
        diameter_3d_mm: longest distance in space.
        centre_ras_mm: centre of gravity of its voxels (r, a, s).
        mean_probability: of its voxels.
        level: "L3", "L3/L4", "sacrum", "vertebra 4 from below"; "" where nobody knows.
    """

    id: int
    volume_ml: float
    diameter_in_plane_mm: float
    diameter_3d_mm: float
    centre_ras_mm: tuple[float, float, float]
    mean_probability: float
    level: str = ""

    def to_dict(self) -> dict:
        """The JSON form."""
        return asdict(self) | {"centre_ras_mm": list(self.centre_ras_mm)}

    @classmethod
    def from_dict(cls, values: dict) -> Lesion:
        """The inverse of :meth:`to_dict`."""
        return cls(**(values | {"centre_ras_mm": tuple(values["centre_ras_mm"])}))


def smoothed_across_slices(probability: np.ndarray, spacing_mm: float, sigma_mm: float) -> np.ndarray:
    """Probabilities averaged with those of the neighbouring sagittal slices: a 2D network looks at each by itself.

    Args:
        probability: (s, y, x), on the prepared grid; beyond the first and last slice it is as in these.
        spacing_mm: between slices.
        sigma_mm: of the Gaussian; 0 changes nothing.
    """
    from scipy.ndimage import gaussian_filter1d

    if not sigma_mm:
        return probability
    return gaussian_filter1d(probability, sigma_mm / spacing_mm, axis=0, mode="nearest")


def calibrated(probability: np.ndarray, slope_and_shift: tuple[float, float]) -> np.ndarray:
    """Probabilities whose logit is stretched and shifted (Platt 1999), so that they mean what they say; float32."""
    slope, shift = slope_and_shift
    if (slope, shift) == (1.0, 0.0):
        return probability
    p = np.clip(probability.astype(np.float32), 1e-6, 1 - 1e-6)
    logit = np.float32(slope) * np.log(p / (1 - p)) + np.float32(shift)
    return 1 / (1 + np.exp(-logit))


def uncalibrated(threshold: float, slope_and_shift: tuple[float, float]) -> float:
    """The network's own probability that :func:`calibrated` turns into ``threshold``."""
    slope, shift = slope_and_shift
    logit = (math.log(threshold / (1 - threshold)) - shift) / slope
    return 1 / (1 + math.exp(-logit))


def find_lesions(
    probability: Volume, threshold: float, smallest_ml: float = 0.0
) -> tuple[Volume, Volume, list[Lesion]]:
    """Mask (uint8), lesion ids (uint16, 0 is none) and lesions, the largest first.

    Voxels that touch, also by an edge or corner (26 neighbours), are one lesion. Diameters are taken between the
    middles of voxel faces, where the lesion's surface lies: exact for the extent along an axis, unbiased for round
    shapes, never zero (as the surface mesh of pyradiomics' Maximum3DDiameter).

    Args:
        probability: 0 to 1.
        threshold: a voxel of at least this probability belongs to a lesion.
        smallest_ml: lesions of a smaller volume are dropped.

    Raises:
        SpineError: more lesions than ids.
    """
    from scipy import ndimage

    components, count = ndimage.label(probability.array >= threshold, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(components.ravel(), minlength=count + 1)
    kept = [n for n in range(1, count + 1) if sizes[n] * probability.voxel_volume_ml >= smallest_ml * (1 - 1e-9)]
    if len(kept) > np.iinfo(np.uint16).max:
        raise SpineError(f"The mask falls into {len(kept)} pieces; raise the threshold or the smallest lesion.")
    boxes = ndimage.find_objects(components)
    matrix = probability.ijk_to_lps
    axes = Orientation.of(probability).axes
    found = []
    for n in kept:
        box = boxes[n - 1]
        inside = components[box] == n
        kji = np.argwhere(inside) + [part.start for part in box]
        place = ras_lps((matrix @ [*kji.mean(axis=0)[::-1], 1.0])[:3])
        found.append((-len(kji), tuple(np.round(place, 4)), n, kji, float(probability.array[box][inside].mean())))
    found.sort(key=lambda one: one[:2])  # equally large ones by their place, whatever the axis order

    new_ids = np.zeros(count + 1, dtype=np.uint16)
    lesions = []
    for number, (negative, centre, n, kji, mean) in enumerate(found, start=1):
        new_ids[n] = number
        lesions.append(
            Lesion(
                id=number,
                volume_ml=-negative * probability.voxel_volume_ml,
                diameter_in_plane_mm=_in_plane(kji, matrix, axes),
                diameter_3d_mm=_longest(_face_middles(kji, matrix, (0, 1, 2))),
                centre_ras_mm=triple(float(value) for value in centre),
                mean_probability=mean,
            )
        )
    labels = probability.with_array(new_ids[components], "lesions")
    return labels.with_array((labels.array > 0).astype(np.uint8), "mask"), labels, lesions


def measure_lesion(mask: Volume, probability: np.ndarray | None = None, number: int = 1) -> Lesion | None:
    """Measure a mask that is one lesion whatever its pieces, e.g. a segment that a user has edited.

    Args:
        mask: not 0 inside.
        probability: of the same grid (k, j, i), for the mean; without it the mean is nan.
        number: the lesion's id.

    Returns:
        The lesion, measured as :func:`find_lesions` does, or None when the mask is empty.
    """
    kji = np.argwhere(mask.array)
    if not len(kji):
        return None
    matrix = mask.ijk_to_lps
    centre = ras_lps((matrix @ [*kji.mean(axis=0)[::-1], 1.0])[:3])
    return Lesion(
        id=number,
        volume_ml=len(kji) * mask.voxel_volume_ml,
        diameter_in_plane_mm=_in_plane(kji, matrix, Orientation.of(mask).axes),
        diameter_3d_mm=_longest(_face_middles(kji, matrix, (0, 1, 2))),
        centre_ras_mm=triple(float(value) for value in np.round(centre, 4)),
        mean_probability=float("nan") if probability is None else float(probability[tuple(kji.T)].mean()),
    )


def _in_plane(kji: np.ndarray, matrix: np.ndarray, axes: tuple[int, int, int]) -> float:
    slices = kji[:, axes[0]]
    return max(_longest(_face_middles(kji[slices == s], matrix, axes[1:])) for s in np.unique(slices))


def _face_middles(kji: np.ndarray, matrix: np.ndarray, axes) -> np.ndarray:
    """Middles, LPS mm, of the voxels' faces across the array axes ``axes``."""
    points = []
    for axis in axes:
        for side in (-0.5, 0.5):
            moved = kji.astype(float)
            moved[:, axis] += side
            points.append(moved)
    return np.concatenate(points)[:, ::-1] @ matrix[:3, :3].T


def _longest(points: np.ndarray) -> float:
    """Longest distance between points (n, 3): exact, the ends lie on the convex hull."""
    from scipy.spatial import ConvexHull
    from scipy.spatial.distance import pdist

    centred = points - points.mean(axis=0)
    values, vectors = np.linalg.eigh(centred.T @ centred)
    flat = centred @ vectors[:, values > 1e-9 * values[-1]]  # points of one slice lie in a plane, which may be oblique
    return float(pdist(flat[ConvexHull(flat).vertices]).max())
