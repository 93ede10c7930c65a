"""What a CT must be like before bone is sought in it, and what the user should know about it."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.tasks.ct.units import BONE_HU, METAL_HU, doubtful_units, wrong_units
from SpineLib.volume.checks import check_image
from SpineLib.volume.told import modality_of, reading_notes
from SpineLib.volume.volume import Volume

#: Metal of so many ml is told of: less is a tooth filling, a clip or noise.
METAL_ML = 0.02
#: A copy for a window of grey values ends within these, HU, and that share of its bone or its voxels lies at the end.
WINDOW_HU, WINDOW_SHARE = (-900.0, 1500.0), 0.02
#: Slices thicker than this blur discs and facet joints (mm).
THICK_MM = 3.0
#: Shear of the voxel grid from which it is refused (degrees); that of rounded direction cosines is far below.
SHEAR_DEGREES = 0.5


def check_ct(ct: Volume) -> list[str]:
    """Refuse what is no CT in Hounsfield units, and tell of what makes the result worse.

    Args:
        ct: the image; voxels in HU.

    Returns:
        Sentences for the user: what was told when it was read, a doubtful scale, metal, a copy for a window of grey
        values, thick slices, slices far from axial.

    Raises:
        SpineError: what :func:`check_image` refuses; an MR image, a mask, a picture of grey values; values whose
            rescale intercept was lost or applied twice, or that were multiplied, divided or inverted; a sheared grid
            (gantry tilt). Missing slices are noticed when a DICOM series is read.
    """
    check_image(ct, "CT")
    _check_units(ct)
    _check_shear(ct)
    notes = reading_notes(ct) + doubtful_units(ct.array)
    metal_ml = np.count_nonzero(ct.array >= METAL_HU) * ct.voxel_volume_ml
    if metal_ml >= METAL_ML:
        notes.append(
            f"The CT shows {metal_ml:.1f} ml denser than {METAL_HU:.0f} HU (metal); near it check the result with care."
        )
    notes += _windowed(ct.array)
    thickest = max(ct.spacing)
    if thickest > THICK_MM + 0.05:
        notes.append(
            f"The voxels of the CT are {thickest:.1f} mm long; surfaces will be coarse, a reconstruction with "
            "slices of 1 mm is better."
        )
    tilt = oblique_degrees(ct)
    if tilt > 20:
        notes.append(
            f"The voxel grid of the CT is turned {tilt:.0f} degrees against the patient's axes; check the "
            "result with care."
        )
    return notes


def oblique_degrees(volume: Volume) -> float:
    """Largest angle between an index axis and the patient's axis that it is nearest to, degrees."""
    columns = volume.direction / np.linalg.norm(volume.direction, axis=0)
    return float(np.degrees(np.arccos(np.clip(np.abs(columns).max(axis=0), 0, 1))).max())


def _check_units(ct: Volume) -> None:
    if modality_of(ct) not in ("", "CT"):
        raise SpineError(f"The image given as CT is of the modality {modality_of(ct)}; choose the CT.")
    wrong = wrong_units(ct.array)
    if wrong:
        raise SpineError(
            f"The CT does not hold Hounsfield units ({wrong}); choose the CT as the scanner made it, not "
            "an MR image, a mask or a windowed copy."
        )


def _windowed(array: np.ndarray) -> list[str]:
    """What a copy made for a window of grey values has lost: many voxels lie at the end of their range."""
    low, high = (float(end) for end in (array.min(), array.max()))
    lost = []
    if low > WINDOW_HU[0] and np.count_nonzero(array == low) > WINDOW_SHARE * array.size:
        lost.append(f"below {low:.0f}")
    if high < WINDOW_HU[1] and np.count_nonzero(array == high) > WINDOW_SHARE * np.count_nonzero(array >= BONE_HU):
        lost.append(f"above {high:.0f}")
    if not lost:
        return []
    return [
        f"The CT holds nothing {' and '.join(lost)} HU, as a copy that was made for a window of grey values: what is "
        "denser or less dense cannot be told apart; give the CT as the scanner made it."
    ]


def _check_shear(ct: Volume) -> None:
    columns = ct.direction / np.linalg.norm(ct.direction, axis=0)
    cosines = np.abs(columns.T @ columns - np.eye(3)).max()
    shear = float(np.degrees(np.arcsin(min(cosines, 1.0))))
    if shear > SHEAR_DEGREES:
        raise SpineError(
            f"The voxel grid of the CT is sheared by {shear:.0f} degrees (a tilted gantry); resample it "
            "to a straight grid first."
        )
