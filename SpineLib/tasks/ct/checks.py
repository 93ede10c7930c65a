"""What a CT must be like before bone is sought in it, and what the user should know about it."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.checks import check_image
from SpineLib.volume.told import modality_of
from SpineLib.volume.volume import Volume

#: Every CT of a body has fat, marrow, lung or air at or below this; MR, masks and windowed pictures have not.
SOFT_HU = -30.0
#: Share of the voxels that must be at or below :data:`SOFT_HU`; a patch within bone and muscle still has 1 %.
SOFT_SHARE = 1e-3
#: Cortical bone is denser than this, even at 3 mm voxels.
BONE_HU = 150.0
#: Denser than enamel and cortical bone: metal.
METAL_HU = 3000.0
#: Metal of so many ml is told of: less is a tooth filling, a clip or noise.
METAL_ML = 0.02
#: Slices thicker than this blur discs and facet joints (mm).
THICK_MM = 3.0
#: Shear of the voxel grid from which it is refused (degrees); that of rounded direction cosines is far below.
SHEAR_DEGREES = 0.5


def check_ct(ct: Volume) -> list[str]:
    """Refuse what is no CT in Hounsfield units, and tell of what makes the result worse.

    Args:
        ct: the image; voxels in HU.

    Returns:
        Sentences for the user: metal, thick slices, slices far from axial.

    Raises:
        SpineError: what :func:`check_image` refuses; an MR image, a mask or a windowed picture; a sheared grid (gantry
            tilt). Missing slices are noticed when a DICOM series is read.
    """
    check_image(ct, "CT")
    _check_units(ct)
    _check_shear(ct)
    notes = []
    metal_ml = np.count_nonzero(ct.array >= METAL_HU) * ct.voxel_volume_ml
    if metal_ml >= METAL_ML:
        notes.append(
            f"The CT shows {metal_ml:.1f} ml denser than {METAL_HU:.0f} HU (metal); near it check the result with care."
        )
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
    wrong = None
    if np.count_nonzero(ct.array <= SOFT_HU) < SOFT_SHARE * ct.array.size:
        wrong = f"nothing at or below {SOFT_HU:.0f} HU, where fat and air lie"
    elif ct.array.max() < BONE_HU:
        wrong = f"nothing above {BONE_HU:.0f} HU, where bone lies"
    if wrong:
        raise SpineError(
            f"The CT does not hold Hounsfield units ({wrong}); choose the CT as the scanner made it, not "
            "an MR image, a mask or a windowed copy."
        )


def _check_shear(ct: Volume) -> None:
    columns = ct.direction / np.linalg.norm(ct.direction, axis=0)
    cosines = np.abs(columns.T @ columns - np.eye(3)).max()
    shear = float(np.degrees(np.arcsin(min(cosines, 1.0))))
    if shear > SHEAR_DEGREES:
        raise SpineError(
            f"The voxel grid of the CT is sheared by {shear:.0f} degrees (a tilted gantry); resample it "
            "to a straight grid first."
        )
