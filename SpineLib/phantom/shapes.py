"""Shapes of real vertebrae, out of label maps of whole spines: simulated patients may be built of them.

The maps are a folder of the user's; none comes with the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.levels import VERSE, level_name
from SpineLib.volume.triples import triple

#: Distance between the samples of a shape, mm.
STEP_MM = 1.0
#: What is sampled around a vertebra's centre: to the sides, in front, behind, below and above, mm.
_REACH = (55.0, 45.0, 75.0, 55.0, 40.0)
#: A vertebra of fewer voxels, or cut by the image's edge, is no shape to build of.
_LEAST_ML = 5.0


@dataclass(frozen=True)
class VertebraShape:
    """One real vertebra in its own frame: u to the left, v backwards, w upwards, mm from the centre of its body.

    Attributes:
        number: VerSe's number.
        whole: signed distance to its surface, mm, negative inside; (w, v, u), float32.
        back: v of the plane between body and arch, mm.
        start: (u, v, w) of the first sample, mm; samples lie :data:`STEP_MM` apart.
        half: half width, half depth, half height of the body, mm.
        canal: v of the middle of the vertebral foramen, its half width and half depth, mm.
    """

    number: int
    whole: np.ndarray
    back: float
    start: tuple[float, float, float]
    half: tuple[float, float, float]
    canal: tuple[float, float, float]

    @property
    def level(self) -> str:
        """ "L3"."""
        return level_name(self.number)

    def distance(self, u: np.ndarray, v: np.ndarray, w: np.ndarray, half=None, mirrored: bool = False) -> np.ndarray:
        """Signed distance (mm) at local points of a vertebra whose body has the half sizes ``half``.

        Args:
            u, v, w: coordinates in the frame of the vertebra that is built, mm; all of one shape.
            half: half width, depth and height of its body; None keeps the shape's own.
            mirrored: whether left and right are exchanged.
        """
        stretch = np.ones(3) if half is None else np.asarray(half, float) / self.half
        sign = -1.0 if mirrored else 1.0
        index = [
            (np.asarray(p, np.float32) * np.float32(f / s) - np.float32(o)) / np.float32(STEP_MM)
            for p, f, s, o in zip((w, v, u), (1.0, 1.0, sign), stretch[::-1], self.start[::-1])
        ]
        found = ndimage.map_coordinates(self.whole, np.broadcast_arrays(*index), order=1, mode="nearest")
        return found * np.float32(stretch.mean())


def read_shapes(folder: str | Path) -> list[VertebraShape]:
    """The shapes of all label maps (``*msk*`` or ``*mask*``, VerSe's numbers) in a folder.

    Raises:
        SpineError: there is no such map.
    """
    paths = sorted(p for p in Path(folder).glob("*.nii.gz") if "msk" in p.name or "mask" in p.name)
    shapes = [shape for path in paths for shape in shapes_of(read_volume(path))]
    if not shapes:
        raise SpineError(
            f"'{Path(folder).name}' holds no label map of vertebrae; give a folder with *_msk.nii.gz files."
        )
    return shapes


def shapes_of(labels: Volume) -> list[VertebraShape]:
    """The whole vertebrae of a label map, from above to below."""
    boxes = ndimage.find_objects(labels.array.astype(np.int32))
    matrix = labels.ijk_to_lps
    centres: dict[int, np.ndarray] = {}
    for number, box in enumerate(boxes, start=1):
        if box is None or number not in VERSE or number > 24 or _is_cut(box, labels.shape):
            continue
        kji = np.argwhere(labels.array[box] == number)
        if len(kji) * labels.voxel_volume_ml >= _LEAST_ML:
            middle = kji.mean(axis=0) + [part.start for part in box]
            centres[number] = (matrix @ [*middle[::-1], 1.0])[:3]
    numbers = sorted(centres)
    shapes = []
    for place, number in enumerate(numbers):
        upper, lower = numbers[max(place - 1, 0)], numbers[min(place + 1, len(numbers) - 1)]
        if len(numbers) < 3:
            break
        axes = _axes(centres[upper] - centres[lower])
        shape = _shape(labels, number, centres[number], axes)
        if shape is not None:
            shapes.append(shape)
    return shapes


def _is_cut(box, shape) -> bool:
    return any(part.start == 0 or part.stop == size for part, size in zip(box, shape))


def _axes(upwards: np.ndarray) -> np.ndarray:
    """Rows: u, v, w in LPS of a vertebra whose column runs ``upwards``."""
    w = upwards / np.linalg.norm(upwards)
    u = np.array([1.0, 0, 0]) - w[0] * w
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w])


def _sampled(labels: Volume, number: int, centre, axes) -> tuple[np.ndarray, np.ndarray]:
    """Share of each sample within the vertebra, (w, v, u), and (u, v, w) of the first sample from ``centre``."""
    side, front, behind, below, above = _REACH
    start = np.array([-side, -front, -below])
    places = [np.arange(a, b + 0.1, STEP_MM) for a, b in ((-below, above), (-front, behind), (-side, side))]
    w, v, u = np.meshgrid(*places, indexing="ij")
    points = np.stack([u, v, w], -1) @ axes + centre
    inverse = np.linalg.inv(labels.ijk_to_lps)
    index = points @ inverse[:3, :3].T + inverse[:3, 3]
    kji = np.moveaxis(index[..., ::-1], -1, 0)
    box = ndimage.find_objects((labels.array == number).view(np.uint8))[0]
    mask = np.pad((labels.array[box] == number).astype(np.float32), 1)
    local = [axis - (part.start - 1) for axis, part in zip(kji, box)]
    return ndimage.map_coordinates(mask, local, order=1, mode="constant"), start


def _shape(labels: Volume, number: int, centre, axes) -> VertebraShape | None:
    share, start = _sampled(labels, number, centre, axes)
    inside = ndimage.gaussian_filter(share, 0.7) > 0.5
    # Seen along the column, the vertebral foramen is the hole in the vertebra's shadow.
    shadow = inside.sum(axis=0) >= 3
    holes, count = ndimage.label(ndimage.binary_fill_holes(shadow) & ~shadow)
    if not count:
        return None
    sizes = np.bincount(holes.ravel())[1:]
    hole = np.argwhere(holes == int(sizes.argmax()) + 1)  # (v, u)
    middle_u = np.abs(hole[:, 1] - np.median(hole[:, 1])) < 4
    back = float(np.median(hole[middle_u, 0])) - (np.ptp(hole[middle_u, 0]) + 1) / 2
    body = inside.copy()
    body[:, round(back) :] = False
    found = np.argwhere(body)
    if sizes.max() < 40 or len(found) < 2000:
        return None
    middle = np.rint((found.min(axis=0) + found.max(axis=0)) / 2).astype(int)
    if body[tuple(slice(n - 4, n + 5) for n in middle)].mean() < 0.95:  # a body with holes was not labelled well
        return None
    low, high = np.percentile(found, 0.5, axis=0), np.percentile(found, 99.5, axis=0)
    half = (high - low + 1)[::-1] / 2 * STEP_MM
    middle = ((low + high) / 2)[::-1] * STEP_MM + start
    outside = ndimage.distance_transform_edt(~inside) - ndimage.distance_transform_edt(inside)
    smooth = ndimage.gaussian_filter(outside.astype(np.float32), 0.6) * np.float32(STEP_MM)
    edge = start[1] + back * STEP_MM - middle[1]
    deep = (float(np.ptp(hole[middle_u, 0])) + 1) / 2 * STEP_MM
    wide = float(np.percentile(hole[:, 1], 98) - np.percentile(hole[:, 1], 2) + 1) / 2 * STEP_MM
    return VertebraShape(
        number,
        smooth,
        float(edge),
        triple(float(x) for x in start - middle),
        triple(float(x) for x in half),
        (float(edge + deep), wide, deep),
    )
