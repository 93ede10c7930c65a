"""CTs to learn from: their vertebrae, compared with each other, and the boxes of lesions that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.models import load_bundle
from SpineLib.models.catalogue import vertebra_models
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.counterparts import Compared, compared_vertebrae
from SpineLib.tasks.ct.lesion_regions import surroundings, vertebrae_grid
from SpineLib.tasks.ct.numbering import read_vertebrae
from SpineLib.tasks.ct.vertebrae import segment_vertebrae
from SpineLib.volume import read_volume
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import VERSE_NUMBERS
from SpineLib.volume.resampling import resample_like


@dataclass(frozen=True, eq=False)
class RegionCase:
    """One CT.

    Attributes:
        name: of it.
        image: float32 (z, y, x), HU, of what lies around the vertebrae.
        numbers: uint8, of the vertebrae.
        vertebrae: compared with each other.
        boxes: float (n, 2, 3), low and high corners of known lesions, voxels along (z, y, x).
        slices: sides of the CT's own voxels along (z, y, x), in voxels of ``image``.
    """

    name: str
    image: np.ndarray
    numbers: np.ndarray
    vertebrae: Sequence[Compared]
    boxes: np.ndarray
    slices: tuple[float, float, float] = (1.0, 1.0, 1.0)


def read_case(
    ct: Path, labels: Path | None, boxes: np.ndarray, spacing_mm: float, progress: Progress = silent
) -> RegionCase | None:
    """Read one; None where no vertebra is found, or none that can be compared.

    Args:
        ct: the CT.
        labels: of its vertebrae; None lets the program find them.
        boxes: (n, 2, 3), low and high corners of known lesions, LPS, mm.
        spacing_mm: of the voxels that are compared.
        progress: told at least once a second; may raise ``Cancelled``.

    Raises:
        SpineError: a file cannot be read.
    """
    scan = read_volume(ct, "CT")
    if labels is None:
        found = segment_vertebrae(scan, load_bundle(vertebra_models()[0][0]), progress=part(progress, 0.0, 0.7)).labels
    else:
        found = resample_like(read_vertebrae(labels)[0], scan, nearest=True)
    if not found.array.any():
        return None
    box = surroundings(found)
    grid, numbers = vertebrae_grid(crop(scan, box), crop(found, box), spacing_mm)
    vertebrae = compared_vertebrae(numbers, (VERSE_NUMBERS["S"],), part(progress, 0.7, 1.0))
    if not any(one.counterparts for one in vertebrae):
        return None
    first = np.array(grid.lps((0.0, 0.0, 0.0)))
    corners = (np.asarray(boxes, float).reshape(-1, 2, 3) - first)[..., ::-1] / np.array(grid.spacing)
    return RegionCase(ct.name.split(".")[0], grid.image, numbers, vertebrae, corners, grid.own_sides)
