"""What a model of the spine was not made for, told before it runs: plane, body part, contrast of the sequence."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import canonical
from SpineLib.sequences import SEQUENCES, MrSequence
from SpineLib.tasks.column.find import Column
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.parts import BODY, CANAL
from SpineLib.volume.acquisition import Acquisition
from SpineLib.volume.black import black_level
from SpineLib.volume.told import acquisition_of
from SpineLib.volume.volume import Volume

#: Slices so many times as thick as the voxels' sides in them were acquired in their plane, and are not sagittal.
_SLICES = 1.5
#: Sagittal slices may be turned so far, degrees: along a scoliosis, not along a sacroiliac joint.
_TURNED = 35.0
#: Median of the dural sac over that of the bodies. Of T1 and enhanced T1 it is about 0.5 to 1.1, of T2 and STIR 1.5
#: and more (eight real scans and the simulated ones): beyond these limits it is another sequence.
_SAC_OF_T1, _SAC_OF_T2 = 1.35, 1.05
#: Echo times, s, that are too long for T1 and too short for T2.
_ECHO_OF_T1_S, _ECHO_OF_T2_S = 0.045, 0.022
#: Sequences whose models have seen no suppressed fat.
_FAT_IS_BRIGHT = ("T1", "T2")
#: Less in height or depth, mm, and the image is a piece cut out, in which nothing is looked for.
_LEAST_MM = 110.0
#: Slices that reach less far from left to right, mm, do not hold a vertebral body (40 to 50 mm).
_LEAST_WIDTH_MM = 30.0
NO_COLUMN_MODEL = "No model of the column on MR is installed, so vertebrae were not looked for"
#: Sac and bodies of less than this are too small to be measured, ml.
_LEAST_ML = 2.0
INSIST = "choose another series, or insist with --anyway (in the panel: 'Use it anyway')."


def plane_doubt(image: Volume, name: str) -> str | None:
    """A sentence when an image has no sagittal slices; None where it has, or where its voxels are cubes."""
    base, _ = canonical(image)
    thick = max(range(3), key=lambda axis: base.spacing[2 - axis])
    if thick != 0 and base.spacing[2 - thick] > _SLICES * base.spacing[2]:
        plane = "axial" if thick == 1 else "coronal"
        return f"{name} has {plane} slices, and the models were made for sagittal ones: {INSIST}"
    angle = float(np.degrees(np.arccos(min(1.0, abs(float(base.direction[0, 2]))))))
    thin = sorted(base.spacing)[1]
    if angle > _TURNED and base.spacing[2] > _SLICES * thin:
        return (
            f"The slices of {name} are turned {angle:.0f} degrees from sagittal, which no model was made for: {INSIST}"
        )
    return None


def header_doubt(image: Volume, name: str) -> str | None:
    """A sentence when the header tells of another weighting than that of the sequence an image was given as.

    Models of T1 and T2 know fat as bright; those of STIR know it as dark, by inversion or saturation, and those of
    enhanced T1 know both. A header that tells nothing, or an image without one, raises no doubt.

    Args:
        image: as it was read, with what its file told.
        name: "T1", "T2", "STIR", "ceT1".
    """
    told, sequence = acquisition_of(image), SEQUENCES.get(name)
    if told is None or sequence is None:
        return None
    said = _contradiction(told, sequence)
    return f"The header of the image given as {name} {said}: {INSIST}" if said else None


def _contradiction(told: Acquisition, sequence: MrSequence) -> str:
    """What a header tells that does not go with a sequence, "" where all does."""
    weighted_t1 = (sequence.plain or sequence.name) == "T1"
    echo = f"tells an echo time of {1000 * (told.echo_s or 0):.0f} ms"
    if told.echo_s and weighted_t1 and told.echo_s > _ECHO_OF_T1_S:
        return f"{echo}, long as on T2"
    if told.echo_s and sequence.name == "T2" and told.echo_s < _ECHO_OF_T2_S:
        return f"{echo}, short as on T1"
    if told.fat_suppressed and sequence.name in _FAT_IS_BRIGHT:
        return "tells that fat was suppressed, which its models do not know"
    if sequence.fat_suppressed and not told.fat_suppressed and told.inverted is False:
        return "tells neither of an inversion nor of suppressed fat"
    if told.contrast_agent and sequence.name == "T1":
        return "names a contrast agent, which can hide metastases"
    return ""


def shows_a_spine(image: Volume) -> bool:
    """Whether an image is large enough to look for a column in it: two vertebrae with what lies around them."""
    base, _ = canonical(image)
    return all(count * step >= _LEAST_MM for count, step in zip(base.shape[1:], base.spacing[1::-1]))


def small_note(image: Volume, name: str) -> str:
    """The beginning of a sentence on an image in which no column is looked for."""
    base, _ = canonical(image)
    height, depth = (count * step for count, step in zip(base.shape[1:], base.spacing[1::-1]))
    return (
        f"{name} shows only {height:.0f} mm from above to below and {depth:.0f} mm from front to back, if its voxels "
        "are as large as its file says, and vertebrae are not looked for in so small a piece"
    )


def narrow_note(image: Volume, name: str) -> list[str]:
    """A sentence where the slices do not reach over a vertebral body; none where they do."""
    base, _ = canonical(image)
    width = base.shape[0] * base.spacing[2]
    if width >= _LEAST_WIDTH_MM:
        return []
    return [
        f"The slices of {name} reach over {width:.0f} mm from left to right, less than a vertebral body: what lies "
        "beside them is not seen; if more of the patient was scanned, the file tells a wrong distance between slices."
    ]


def overlaid_doubt(image: Volume, column: Column, name: str) -> str | None:
    """:func:`sequence_doubt` of another image on the grid of the one that the column was found in."""
    if not image.same_grid(column.grid.source):
        raise ValueError("an image on another grid than the column's")
    doubt = sequence_doubt(ColumnGrid.of(image, column.grid.spacing).image, column, name)
    return None if doubt is None else doubt.replace(f": {INSIST}", f", or it does not lie over the others: {INSIST}")


def sequence_doubt(image: np.ndarray, column: Column, name: str) -> str | None:
    """A sentence when the dural sac's brightness is not that of the sequence an image was given as.

    Args:
        image: on the column's grid, (z, y, x).
        column: with its canal and bodies.
        name: "T1", "T2", "STIR", "ceT1".
    """
    ml = float(np.prod(column.grid.spacing)) / 1000
    sac, bodies = column.parts == CANAL, column.parts == BODY
    if min(sac.sum(), bodies.sum()) * ml < _LEAST_ML or name not in SEQUENCES:
        return None
    image = image - black_level(image)
    # Compared slab by slab, since the coil is brighter in the middle than at its ends.
    ratios = []
    for z in np.flatnonzero(sac.any((1, 2)) & bodies.any((1, 2))):
        ratios.append(float(np.median(image[z][sac[z]])) / max(float(np.median(image[z][bodies[z]])), 1e-6))
    if not ratios:
        return None
    ratio = float(np.median(ratios))
    weighted = "T1" if (SEQUENCES[name].plain or name) == "T1" else "T2"
    if weighted == "T1" and ratio > _SAC_OF_T1:
        return (
            f"On the image given as {name} the dural sac is bright ({ratio:.1f} times the bodies), as on T2: {INSIST}"
        )
    if weighted == "T2" and ratio < _SAC_OF_T2:
        return f"On the image given as {name} the dural sac is dark ({ratio:.1f} times the bodies), as on T1: {INSIST}"
    return None


def spine_doubt(vertebrae: int, name: str) -> str | None:
    """A sentence when no column was found."""
    from SpineLib.tasks.column.mr import LEAST_VERTEBRAE

    if vertebrae >= LEAST_VERTEBRAE:
        return None
    return f"No vertebral column was found on {name}: {INSIST}"


def refuse(doubt: str | None, insisted: bool) -> list[str]:
    """The doubt as a note when the user insists, nothing where there is none.

    Raises:
        SpineError: there is a doubt and the user does not insist.
    """
    if doubt is None:
        return []
    if not insisted:
        raise SpineError(doubt)
    return [doubt.removesuffix(f": {INSIST}") + "; it was used all the same."]
