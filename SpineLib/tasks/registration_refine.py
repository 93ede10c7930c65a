"""The fine registration of the region: SimpleITK's mutual information, two resolutions, from several starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.preprocess.registration import one_thread
from SpineLib.progress import Progress, silent
from SpineLib.tasks.region import Region
from SpineLib.volume.crop import box_around, crop
from SpineLib.volume.files import from_sitk, to_sitk
from SpineLib.volume.volume import Volume

#: Grid on which both scans are interpolated (cubic B-spline) before anything is sampled: thick slices, sampled only at
#: their own places, hold the optimiser fast at whole slices.
FINE_MM = 1.2
#: Smoothing (mm), points sampled, and first step (mm) of each resolution.
LEVELS = ((1.5, 9000, 1.0), (0.6, 18000, 0.3))
#: Signal is measured against mean and deviation of its surroundings of this size (mm): coils shade an image, and their
#: shade does not move with the patient.
LOCAL_MM = 12.0


def locally_normalised(volume: Volume, size_mm: float) -> Volume:
    """Float32 image less its local mean, divided by its local deviation."""
    from scipy import ndimage

    array = volume.array.astype(np.float32)
    sigma = [size_mm / spacing for spacing in volume.spacing[::-1]]
    mean = ndimage.gaussian_filter(array, sigma, mode="nearest", truncate=2.5)
    array -= mean
    deviation = np.sqrt(ndimage.gaussian_filter(array**2, sigma, mode="nearest", truncate=2.5))
    return volume.with_array(array / (deviation + max(0.1 * float(deviation.mean()), 1e-6)))


def shrunken(volume: Volume, millimetres: float) -> Volume:
    """Means over blocks of at most that size: voxels of at least half of it."""
    import SimpleITK as sitk

    factors = [max(1, int(millimetres / spacing)) for spacing in volume.spacing]
    factors = [min(factor, max(1, size // 8)) for factor, size in zip(factors, volume.shape[::-1])]
    return from_sitk(sitk.BinShrink(sitk.Cast(to_sitk(volume), sitk.sitkFloat32), factors), volume.name)


def smoothed(volume: Volume, sigma_mm: float) -> Volume:
    """Gaussian smoothing."""
    from scipy import ndimage

    sigma = [sigma_mm / spacing for spacing in volume.spacing[::-1]]
    return volume.with_array(ndimage.gaussian_filter(volume.array, sigma, mode="nearest", truncate=3.0))


@dataclass(frozen=True)
class Patch:
    """Both scans around the region, ready to be registered.

    Attributes:
        before, after: locally normalised float32 on grids of :data:`FINE_MM`.
        weight: bool on the grid of ``before``: the voxels that are compared.
        margin_mm: how far the region was grown.
    """

    before: Volume
    after: Volume
    weight: np.ndarray
    margin_mm: float


def cut_patch(before: Volume, after: Volume, region: Region, matrix: np.ndarray, margin_mm: float,
              exclude: bool) -> Patch:
    """Both scans around the region; ``matrix`` (4, 4, before to after, LPS mm) says where the region lies after.

    Args:
        exclude: leave out the region itself (the metastasis, which the ablation changes).
    """
    corners = region.corners()
    fixed = _fine(locally_normalised(_around(before, corners, margin_mm + 2 * LOCAL_MM), LOCAL_MM))
    fixed = _around(fixed, corners, margin_mm + 3)
    moved = corners @ matrix[:3, :3].T + matrix[:3, 3]
    moving = _fine(locally_normalised(_around(after, moved, margin_mm + 3 * LOCAL_MM), LOCAL_MM))
    index = np.indices(fixed.shape).reshape(3, -1)[::-1]
    points = (fixed.ijk_to_lps[:3, :3] @ index).T + fixed.origin
    distance = region.distance(points, margin_mm)
    weight = np.isfinite(distance)
    if exclude:
        weight &= distance > 0
    return Patch(fixed, moving, weight.reshape(fixed.shape), margin_mm)


def refine(patch: Patch, starts: Sequence[np.ndarray], centre: np.ndarray, progress: Progress = silent,
           levels: Sequence[tuple[float, int, float]] = LEVELS) -> list[tuple[np.ndarray, float]]:
    """Each start (4, 4, before to after, LPS mm) moved to the best place near it, and its mutual information.

    Args:
        progress: told at every step; what it raises ends the work.
    """
    import SimpleITK as sitk

    results = []
    with one_thread(sitk):
        mask = sitk.Cast(to_sitk(patch.before.with_array(patch.weight)), sitk.sitkUInt8)
        images = [tuple(to_sitk(smoothed(one, sigma)) for one in (patch.before, patch.after)) for sigma, _, _ in levels]
        for number, start in enumerate(starts):
            transform = _euler(sitk, start, centre)
            for (_, points, step), (fixed, moving) in zip(levels, images):
                share = min(1.0, points / max(int(patch.weight.sum()), 1))
                value = _optimise(sitk, fixed, moving, mask, transform, share, step, number + 1,
                                  lambda: progress(number / len(starts), "Fitting the vertebra"))
            results.append((_matrix(transform), -value))
    return results


def _optimise(sitk, fixed, moving, mask, transform, share: float, step: float, seed: int, tick) -> float:
    """Move ``transform`` to a minimum of the negative mutual information, which is returned."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    if share < 1:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, seed=seed)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step, minStep=0.004, numberOfIterations=60, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-7)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(transform, inPlace=True)
    stopped: list[BaseException] = []

    def tell():
        try:
            tick()
        except BaseException as error:  # ITK must not be left by a Python exception
            stopped.append(error)
            method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, tell)
    try:
        method.Execute(fixed, moving)
        value = method.GetMetricValue()
    except RuntimeError:  # the scans have left each other: no value
        value = 0.0
    if stopped:
        raise stopped[0]
    return value


def _around(volume: Volume, points: np.ndarray, margin_mm: float) -> Volume:
    low, high = points.min(axis=0), points.max(axis=0)
    return crop(volume, box_around(volume, (low + high) / 2, high - low + 2 * margin_mm))


def _fine(volume: Volume) -> Volume:
    import SimpleITK as sitk

    spacing = [min(FINE_MM, one) for one in volume.spacing]
    size = [int((n - 1) * old / new) + 1 for n, old, new in zip(volume.shape[::-1], volume.spacing, spacing)]
    image = sitk.Resample(to_sitk(volume), size, sitk.Transform(), sitk.sitkBSpline, volume.origin, spacing,
                          volume.direction.ravel().tolist(), 0.0)
    return shrunken(from_sitk(image, volume.name), FINE_MM)


def _euler(sitk, matrix: np.ndarray, centre: np.ndarray):
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(matrix[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation((matrix[:3, 3] + matrix[:3, :3] @ centre - centre).tolist())
    return transform


def _matrix(transform) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return matrix
