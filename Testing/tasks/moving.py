"""A simulated patient who lies differently in a second scan, small enough for tests."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import SimpleITK as sitk

from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.volume import Volume
from SpineLib.volume.itk import from_sitk, to_sitk

SETTINGS = PhantomSettings(
    sequences=("T1", "ceT1"),
    matrix=160,
    slices=15,
    spacing=1.1,
    oversampling=1,
    region="lumbar",
    healthy=0.0,
    metastases=(1, 1),
    motion=False,
)


@lru_cache(maxsize=1)
def patient(seed: int = 6):
    """The simulated case: images "T1" and "ceT1", lesions, vertebrae."""
    return simulate(seed, SETTINGS)


def movement(shift=(3.0, -5.0, 7.0), degrees=(4.0, -2.0, 3.0), centre=None) -> np.ndarray:
    """before to after (4, 4), LPS mm: a turn about the metastasis and a shift."""
    centre = lesion_centre() if centre is None else np.asarray(centre, float)
    euler = sitk.Euler3DTransform(centre.tolist(), *np.radians(degrees), shift)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(euler.GetMatrix(), (3, 3))
    matrix[:3, 3] = euler.TransformPoint((0.0, 0.0, 0.0))
    return matrix


def lesion() -> Volume:
    """Mask of the metastasis."""
    labels = patient().lesions
    return labels.with_array((labels.array == 1).astype(np.uint8))


def lesion_centre() -> np.ndarray:
    """Centre of gravity of the metastasis, LPS mm."""
    return points_of(lesion()).mean(axis=0)


def host_points() -> np.ndarray:
    """Voxel centres of the vertebra with the metastasis, LPS mm."""
    vertebrae = patient().vertebrae
    hosts = vertebrae.array[lesion().array > 0]
    return points_of(vertebrae.with_array(vertebrae.array == np.bincount(hosts[hosts > 0]).argmax()))


def points_of(mask: Volume) -> np.ndarray:
    """Voxel centres (n, 3) of a mask, LPS mm."""
    return np.argwhere(mask.array)[:, ::-1] @ mask.ijk_to_lps[:3, :3].T + mask.origin


def moved(volume: Volume, before_to_after: np.ndarray) -> Volume:
    """The image as a scanner at rest sees the patient who has moved."""
    back = np.linalg.inv(before_to_after)
    transform = sitk.AffineTransform(3)
    transform.SetMatrix(back[:3, :3].ravel().tolist())
    transform.SetTranslation(back[:3, 3].tolist())
    image = sitk.Cast(to_sitk(volume), sitk.sitkFloat32)
    return from_sitk(sitk.Resample(image, image, transform, sitk.sitkBSpline, float(volume.array.min())), volume.name)


def error_mm(after_to_before: np.ndarray, before_to_after: np.ndarray, points: np.ndarray) -> float:
    """Mean target registration error at points of the scan before."""
    wrong = after_to_before @ before_to_after
    return float(np.linalg.norm(points @ (wrong[:3, :3] - np.eye(3)).T + wrong[:3, 3], axis=1).mean())
