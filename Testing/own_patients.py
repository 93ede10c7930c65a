"""Patients as a hospital has them, written by nibabel: noise with bright balls, no truth, one binary mask each."""

from __future__ import annotations

import nibabel
import numpy as np

SHAPE, SPACING = (8, 40, 36), (4.0, 1.0, 1.2)  # sagittal slices (left-right), rows (down), columns (to the back)
#: Index of (slice, row, column) to RAS mm: slices from left to right, rows downwards, columns backwards.
AFFINE = np.array([[SPACING[0], 0, 0, -14.0], [0, 0, -SPACING[2], 20.0], [0, -SPACING[1], 0, 60.0], [0, 0, 0, 1.0]])


def balls(centres, radius_mm=6.0) -> np.ndarray:
    """Bool (slices, rows, columns): within the radius of any of the centres (indices)."""
    places = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), -1)
    return np.any(
        [np.linalg.norm((places - np.array(centre)) * SPACING, axis=-1) <= radius_mm for centre in centres], axis=0
    )


def scan(mask: np.ndarray, gain: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (300 + gain * mask + rng.normal(0, 10, SHAPE)).astype(np.float32)


def save(array: np.ndarray, path, affine=AFFINE):
    """Write as NIfTI with nibabel; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


CENTRES = {
    "sub-01": [(2, 10, 10), (5, 28, 12)],
    "sub-02": [(3, 12, 22)],
    "sub-03": [(2, 8, 25), (5, 20, 10), (3, 33, 25)],
}


def write_patients(folder, names=tuple(CENTRES), value=1):
    """A BIDS-like folder of real patients: T1, T2, one mask of one value each."""
    for number, name in enumerate(names):
        mask = balls(CENTRES[name])
        save(scan(mask, -120, number), folder / name / "anat" / f"{name}_T1w.nii.gz")
        save(scan(mask, 150, number + 50), folder / name / "anat" / f"{name}_T2w.nii.gz")
        save(mask.astype(np.uint16) * value, mask_path(folder, name))
    return folder


def mask_path(folder, name):
    return folder / "derivatives" / "labels" / name / "anat" / f"{name}_label-lesion_mask.nii.gz"
