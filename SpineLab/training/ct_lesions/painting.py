"""Lesions painted into real CTs of spines without any, so that a detector sees real bone, noise and neighbours too."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLab.training.cases import is_current
from SpineLab.training.ct_lesions.cases import (
    SliceCase,
    mask_boxes,
    open_case,
    write_slices,
)
from SpineLib.cohort.ct import CtCase
from SpineLib.errors import SpineError
from SpineLib.preprocess.ct_slices import SlicePreparation, axial_slices
from SpineLib.progress import Progress, silent
from SpineLib.volume import Volume, read_volume

KINDS = ("lytic", "sclerotic", "mixed")
#: Half axes of a lesion, mm, and the least volume of one and of a vertebra that gets one, ml.
_HALF_AXES, _SMALLEST_ML, _VERTEBRA_ML = (4.0, 14.0), 0.25, 5.0
#: Lesions of a painted case at most; share of the lytic and mixed ones that break through the cortex, by how far, mm.
_MOST, _BREACH, _BEYOND_MM = 3, 0.4, 6.0


def paint(ct: Volume, vertebrae: Volume, rng: np.random.Generator) -> tuple[Volume, Volume]:
    """A CT with one to three lesions in different vertebrae, and their numbers on its grid.

    A lesion is an ellipsoid with an uneven surface, within its vertebra but for a breach. Lytic ones have the density
    of soft tissue, sclerotic ones more than the bone they lie in, mixed ones both in patches; the image's noise stays.

    Args:
        ct: HU, without lesions.
        vertebrae: labels on the same grid.
        rng: says where and what.

    Raises:
        SpineError: no vertebra is large enough.
    """
    counts = np.bincount(vertebrae.array.ravel())
    labels = [label for label in range(1, len(counts)) if counts[label] * ct.voxel_volume_ml >= _VERTEBRA_ML]
    if not labels:
        raise SpineError("No vertebra of the CT to paint lesions into is larger than 5 ml; choose another CT.")
    image, lesions = ct.array.astype(np.float32), np.zeros(ct.shape, np.uint8)
    chosen = rng.choice(labels, min(len(labels), int(rng.integers(1, _MOST + 1))), replace=False)
    for number, label in enumerate(chosen, start=1):
        _paint_one(image, lesions, vertebrae, int(label), number, rng)
    return ct.with_array(np.rint(image).astype(np.int16)), ct.with_array(lesions, "lesion")


def _paint_one(
    image: np.ndarray, lesions: np.ndarray, vertebrae: Volume, label: int, number: int, rng: np.random.Generator
) -> None:
    spacing = np.array(vertebrae.spacing[::-1])
    margin = np.ceil(1.5 * _HALF_AXES[1] / spacing).astype(int)
    where = ndimage.find_objects((vertebrae.array == label).astype(np.uint8))[0]
    box = tuple(slice(max(part.start - more, 0), part.stop + more) for part, more in zip(where, margin))
    bone, part = vertebrae.array[box] == label, image[box]
    depth = ndimage.distance_transform_edt(bone, spacing)
    away = ndimage.distance_transform_edt(~bone, spacing)
    inner = np.argwhere(depth >= min(2.0, 0.5 * depth.max()))
    kind = KINDS[rng.integers(len(KINDS))]
    reach = _BEYOND_MM if kind != "sclerotic" and rng.random() < _BREACH else 0.0

    def patches(mm: float) -> np.ndarray:
        """Smooth noise of unit deviation."""
        noise = ndimage.gaussian_filter(rng.standard_normal(bone.shape).astype(np.float32), mm / spacing)
        return noise / max(float(noise.std()), 1e-6)

    for _ in range(20):
        centre = inner[rng.integers(len(inner))]
        turn = np.linalg.qr(rng.standard_normal((3, 3)))[0] / rng.uniform(*_HALF_AXES, 3)[None]
        offset = (np.stack([*np.indices(bone.shape)], -1) - centre) * spacing
        inside = (np.linalg.norm(offset @ turn, axis=-1) + 0.15 * patches(4.0) < 1) & (away <= reach)
        if np.count_nonzero(inside) * vertebrae.voxel_volume_ml >= _SMALLEST_ML:
            break
    smooth = ndimage.gaussian_filter(part, 1.5 / spacing)
    detail = part - smooth
    lytic = rng.uniform(10, 80) + 0.5 * detail
    dense = smooth + rng.uniform(200, 700) * (0.8 + 0.2 * patches(3.0)) + detail
    new = {"lytic": lytic, "sclerotic": dense, "mixed": np.where(patches(3.0) > 0, dense, lytic)}[kind]
    share = ndimage.gaussian_filter(inside.astype(np.float32), 0.6 / spacing)
    part += share * (np.minimum(new, 1600.0) - part)
    lesions[box][inside] = number


def prepare_painted(
    cases: Sequence[CtCase], each: int, preparation: SlicePreparation, folder: Path, *, progress: Progress = silent
) -> list[SliceCase]:
    """Painted versions of CTs without lesions, ``each`` of every one, prepared in ``folder`` unless they are there.

    Raises:
        SpineError: a CT cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number, case in enumerate(cases):
        names = [f"{case.name}-painted-{version:03d}" for version in range(1, each + 1)]
        missing = [name for name in names if not is_current(folder / name)]
        ct, vertebrae = (read_volume(path) for path in (case.ct, case.vertebrae)) if missing else (None, None)
        for name in missing:
            assert ct is not None and vertebrae is not None
            progress(number / len(cases), f"Painting lesions, {name}")
            seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
            painted, lesions = paint(ct, vertebrae, np.random.default_rng(seed))
            slices = axial_slices(painted, preparation)
            inside = slices.of_mask(vertebrae.array)
            # Slices without a labelled vertebra may show ones that nobody looked at: they are not learned from.
            write_slices(
                folder,
                name,
                slices.images,
                mask_boxes(slices, lesions),
                np.argwhere(inside)[::257].astype(np.int32),
                np.any(inside, axis=(1, 2)),
                {},
            )
        made += [open_case(folder / name) for name in names]
    return made
