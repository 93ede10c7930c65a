"""The fine registration of the region: SimpleITK's mutual information, two resolutions, from several starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from SpineLib.preprocess.registration import one_thread
from SpineLib.progress import Progress, silent
from SpineLib.tasks.registration.region import Region
from SpineLib.volume.crop import box_around, crop
from SpineLib.volume.itk import from_sitk, to_sitk
from SpineLib.volume.places import to_lps
from SpineLib.volume.volume import Volume

#: Smoothing (mm), points sampled, and first step (mm) of each resolution.
LEVELS = ((1.5, 6000, 1.0), (0.6, 12000, 0.3))
#: More of the scans is prepared than compared, so that what is compared knows its surroundings.
_SURROUNDINGS_MM = 25.0


def locally_normalised(volume: Volume, size_mm: float) -> Volume:
    """Float32 image less its local mean, divided by its local deviation: coils shade an image, and their shade does not
    move with the patient."""
    array = volume.array.astype(np.float32)
    sigma = [size_mm / spacing for spacing in volume.spacing[::-1]]
    mean = ndimage.gaussian_filter(array, sigma, mode="nearest", truncate=2.5)
    array -= mean
    deviation = np.sqrt(ndimage.gaussian_filter(array**2, sigma, mode="nearest", truncate=2.5))
    return volume.with_array(array / (deviation + max(0.1 * float(deviation.mean()), 1e-6)))


def shrunken(volume: Volume, millimetres: float) -> Volume:
    """Means over blocks of at most that size: voxels of at least half of it."""
    factors = [max(1, int(millimetres / spacing)) for spacing in volume.spacing]
    factors = [min(factor, max(1, size // 8)) for factor, size in zip(factors, volume.shape[::-1])]
    return from_sitk(sitk.BinShrink(sitk.Cast(to_sitk(volume), sitk.sitkFloat32), factors), volume.name)


def smoothed(volume: Volume, sigma_mm: float) -> Volume:
    """Gaussian smoothing."""
    sigma = [sigma_mm / spacing for spacing in volume.spacing[::-1]]
    return volume.with_array(ndimage.gaussian_filter(volume.array, sigma, mode="nearest", truncate=3.0))


def cut_patches(
    before: Volume,
    after: Volume,
    region: Region,
    matrix: np.ndarray,
    margin_mm: float,
    prepare: Callable[[Volume], Volume],
    grid_mm: float,
) -> tuple[Volume, Volume]:
    """Both scans around the region, interpolated.

    Args:
        matrix: (4, 4), before to after, LPS mm: about where the region lies after.
        margin_mm: how far around the region voxels will be compared.
        prepare: makes the signal of a scan comparable, before it is interpolated.
        grid_mm: both scans are interpolated (cubic B-spline) to about this spacing before anything is sampled: thick
            slices, sampled only at their own places, would hold an optimiser fast at whole slices.
    """
    corners = region.corners()
    patches = []
    for volume, points, more in ((before, corners, 2.0), (after, corners @ matrix[:3, :3].T + matrix[:3, 3], 8.0)):
        wide = prepare(_around(volume, points, margin_mm + _SURROUNDINGS_MM))
        patches.append(_fine(_around(wide, points, margin_mm + more), grid_mm))
    return patches[0], patches[1]


def near_region(volume: Volume, region: Region, margin_mm: float) -> np.ndarray:
    """Which voxels (k, j, i) of a patch lie within the margin around the region."""
    index = np.indices(volume.shape).reshape(3, -1).T
    return np.isfinite(region.distance(to_lps(index, volume), margin_mm)).reshape(volume.shape)


def refine(
    fixed: Volume,
    moving: Volume,
    weight: np.ndarray,
    starts: Sequence[np.ndarray],
    centre: np.ndarray,
    progress: Progress = silent,
) -> list[tuple[np.ndarray, float]]:
    """Each start (4, 4, before to after, LPS mm) moved to the best place near it, and its mutual information.

    Args:
        fixed, moving: patches of :func:`cut_patches`.
        weight: bool, the voxels of ``fixed`` that are compared.
        progress: told at every step; what it raises ends the work.
    """
    results = []
    with one_thread():
        mask = to_sitk(fixed.with_array(weight))
        images = [[to_sitk(smoothed(one, sigma)) for one in (fixed, moving)] for sigma, _, _ in LEVELS]
        for number, start in enumerate(starts):
            transform = _euler(start, centre)
            for (_, points, step), (still, moved) in zip(LEVELS, images):
                share = min(1.0, points / max(int(weight.sum()), 1))
                value = _optimise(
                    still,
                    moved,
                    mask,
                    transform,
                    share,
                    step,
                    number + 1,
                    lambda done=number / len(starts): progress(done, "Fitting the vertebra"),
                )
            results.append((_matrix(transform), -value))
    return results


def _optimise(fixed, moving, mask, transform, share: float, step: float, seed: int, tick) -> float:
    """Move ``transform`` to a minimum of the negative mutual information, which is returned."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    if share < 1:
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(share, seed=seed)
    method.SetMetricFixedMask(mask)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=step, minStep=0.004, numberOfIterations=60, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-7
    )
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


def _fine(volume: Volume, millimetres: float) -> Volume:
    spacing = [min(millimetres, one) for one in volume.spacing]
    size = [int((n - 1) * old / new) + 1 for n, old, new in zip(volume.shape[::-1], volume.spacing, spacing)]
    image = sitk.Resample(
        to_sitk(volume),
        size,
        sitk.Transform(),
        sitk.sitkBSpline,
        volume.origin,
        spacing,
        volume.direction.ravel().tolist(),
        0.0,
    )
    return shrunken(from_sitk(image, volume.name), millimetres)


def _euler(matrix: np.ndarray, centre: np.ndarray):
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
