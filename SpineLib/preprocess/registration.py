"""Rigid co-registration of one sequence to another of the same patient (Hille 2020, section 2.2)."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.progress import Progress, silent
from SpineLib.volume.itk import to_sitk
from SpineLib.volume.volume import Volume

#: A patient does not move further than this between two sequences; a registration that says so went astray.
MOST_SHIFT_MM, MOST_TURN_DEGREES = 20.0, 10.0
#: Less common space than this share of the reference is no pair of images of one place.
LEAST_OVERLAP = 0.1


def align(
    fixed: Volume,
    moving: Volume,
    fixed_name: str,
    moving_name: str,
    progress: Progress = silent,
    *,
    always: bool = False,
) -> tuple[np.ndarray, list[str]]:
    """The moving image on the fixed image's grid, rigidly registered by mutual information.

    Unless ``always``, images on one grid are taken as they lie: patients hardly move between two sequences that were
    planned together, and a scanner's own alignment is seldom bettered.

    Returns:
        float32 array of the fixed image's shape, and sentences on what was done.

    Raises:
        SpineError: the two hardly overlap in space, or one is flipped.
    """
    if not always and fixed.same_grid(moving, tolerance_mm=0.01):
        _refuse_flipped(fixed, moving, fixed_name, moving_name)
        return moving.array.astype(np.float32), [
            f"{moving_name} and {fixed_name} share one grid: {moving_name} was not co-registered."
        ]
    overlap = common_share(fixed, moving)
    if overlap < LEAST_OVERLAP:
        raise SpineError(
            f"{moving_name} and {fixed_name} do not show the same place ({100 * overlap:.0f} % in common): "
            "choose two sequences of the same patient and examination."
        )
    _refuse_flipped(fixed, moving, fixed_name, moving_name)
    progress(0.1, f"Co-registering {moving_name} to {fixed_name}")
    transform, sentence = register(fixed, moving, progress)
    progress(0.9, f"Resampling {moving_name}")
    return _on_grid(fixed, moving, transform), [f"{moving_name} to {fixed_name}: {sentence}"]


def common_share(fixed: Volume, moving: Volume) -> float:
    """Share of the fixed image's box (0 to 1) that lies within the moving image's box."""
    samples = np.stack(np.meshgrid(*[(np.arange(24) + 0.5) / 24] * 3, indexing="ij"), -1).reshape(-1, 3)
    ijk = samples * np.array(fixed.shape[::-1]) - 0.5
    lps = np.c_[ijk, np.ones(len(ijk))] @ fixed.ijk_to_lps.T
    inside = (lps @ np.linalg.inv(moving.ijk_to_lps).T)[:, :3]
    return float(((inside >= -0.5) & (inside <= np.array(moving.shape[::-1]) - 0.5)).all(axis=1).mean())


def register(fixed: Volume, moving: Volume, progress: Progress = silent):
    """The rigid transform (``SimpleITK.Euler3DTransform``, fixed to moving points, LPS mm) and a sentence about it."""
    coarse_fixed, coarse_moving = _coarse(fixed), _coarse(moving)
    identity = sitk.Euler3DTransform()
    centre = np.array(fixed.shape[::-1]) / 2 - 0.5
    identity.SetCenter((fixed.ijk_to_lps @ [*centre, 1.0])[:3].tolist())
    cancelled: list[BaseException] = []

    def tell():
        try:
            progress(0.5, "Co-registering")
        except BaseException as error:  # ITK must not be left by a Python exception
            cancelled.append(error)
            method.StopRegistration()

    with one_thread():
        method = _method()  # made in here: it takes the number of threads when it is made
        method.AddCommand(sitk.sitkIterationEvent, tell)
        try:
            start = _metric(coarse_fixed, coarse_moving, identity)
            transform = sitk.Euler3DTransform(identity)
            method.SetInitialTransform(transform, inPlace=True)
            method.Execute(coarse_fixed, coarse_moving)
            end = _metric(coarse_fixed, coarse_moving, transform)
        except RuntimeError:
            if cancelled:
                raise cancelled[0] from None
            return identity, "co-registration failed; the images were laid over each other by their positions alone."
    if cancelled:
        raise cancelled[0]
    shift = float(np.linalg.norm(transform.GetTranslation()))
    turn = np.degrees(np.arccos(np.clip((np.trace(np.reshape(transform.GetMatrix(), (3, 3))) - 1) / 2, -1, 1)))
    found = f"shift {shift:.1f} mm, turn {turn:.1f} degrees"
    if shift > MOST_SHIFT_MM or turn > MOST_TURN_DEGREES:
        return identity, (
            f"co-registration went astray ({found}) and was discarded: their positions as given were used; look "
            "whether they show one patient and lie over each other, or use one of them alone."
        )
    if end >= start:
        return identity, "co-registration found no better position than the images' own, which was used."
    return transform, f"co-registered rigidly ({found})."


def _method():
    """Mutual information by gradient descent, two resolutions; the seed makes its sampling the same each time."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.5, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(
        learningRate=2.0, minStep=0.01, numberOfIterations=60, relaxationFactor=0.6, gradientMagnitudeTolerance=1e-6
    )
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([2, 1])
    method.SetSmoothingSigmasPerLevel([2.0, 0.0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    return method


def _refuse_flipped(fixed: Volume, moving: Volume, fixed_name: str, moving_name: str) -> None:
    """Raise SpineError when the images share far more with one of them turned upside down or front to back.

    Mutual information in one real pair was 0.95, and 0.25 and 0.17 when flipped; mirrored left and right it was 0.52,
    for a body is nearly symmetric: that flip cannot be told and is not looked for.
    """
    with one_thread():
        coarse = _coarse(fixed, 5.0)
        if coarse.GetNumberOfPixels() < 1000:
            return
        try:
            values = [
                -_metric(coarse, _coarse(replace(moving, array=array), 5.0), sitk.Euler3DTransform())
                for array in (moving.array, moving.array[:, ::-1], moving.array[:, :, ::-1])
            ]
        except RuntimeError:  # too little in common to compute it
            return
    if max(values[1:]) > max(1.5 * values[0], values[0] + 0.15):
        way = "upside down" if values[1] > values[2] else "front to back"
        raise SpineError(f"{moving_name} seems to be flipped {way} against {fixed_name}; export both again.")


def _coarse(volume: Volume, millimetres: float = 2.0):
    """About 2 mm in the plane: enough for a rigid transform, and fast."""
    image = sitk.Cast(to_sitk(volume), sitk.sitkFloat32)
    factors = [max(1, int(millimetres / spacing)) for spacing in volume.spacing]
    factors = [min(factor, max(1, size // 8)) for factor, size in zip(factors, image.GetSize())]
    return sitk.BinShrink(image, factors)


def _metric(fixed, moving, transform) -> float:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetInitialTransform(transform)
    return method.MetricEvaluate(fixed, moving)


def _on_grid(fixed: Volume, moving: Volume, transform) -> np.ndarray:
    image = sitk.Cast(to_sitk(moving), sitk.sitkFloat32)
    lowest = float(moving.array.min())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(fixed.shape[::-1])
    resampler.SetOutputSpacing(fixed.spacing)
    resampler.SetOutputOrigin(fixed.origin)
    resampler.SetOutputDirection(fixed.direction.ravel().tolist())
    resampler.SetTransform(transform)
    resampler.SetInterpolator(sitk.sitkBSpline)
    resampler.SetDefaultPixelValue(lowest)
    array = sitk.GetArrayFromImage(resampler.Execute(image))
    return np.clip(array, lowest, float(moving.array.max()))  # splines overshoot at edges


@contextmanager
def one_thread():
    """Sums over threads depend on their number: one thread gives the same transform on every machine."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
