"""A vertebra's own axes, found from labels of the column even when a part of it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize

from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import at_points, sampled, signed_distance
from SpineLib.volume.crop import crop
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: The grid of a vertebra's frame: voxels along up, back and left, and their side in mm.
FRAME_SHAPE, FRAME_MM = (48, 72, 80), 1.5
#: Vertebrae whose centres lie farther apart are no neighbours; a fragment smaller than this is no vertebra.
_FARTHEST_MM, _SMALLEST_ML = 85.0, 0.5
#: Points of a surface whose mirror images are looked at, and up to which distance they count as off (mm).
_POINTS, _OFF_MM = 1500, 5.0
#: Voxels need not be smaller than this to find the frame.
_ENOUGH_MM = 1.2
#: How far (degrees, degrees, mm) the mirror plane may well lie from the one that the neighbours have.
_SPREAD = np.array([6.0, 5.0, 3.0])


@dataclass(frozen=True, eq=False)
class VertebraFrame:
    """Where a vertebra lies: u to its left, v backwards, w upwards, the plane u = 0 its mirror plane.

    Attributes:
        centre: (3,) LPS mm; of the whole bone, not of the body.
        axes: (3, 3), rows u, v, w in LPS, orthonormal, right-handed.
    """

    centre: np.ndarray
    axes: np.ndarray

    def grid(self, shape: tuple[int, int, int] = FRAME_SHAPE, step_mm: float = FRAME_MM) -> Volume:
        """An empty volume (w, v, u) in this frame, its middle at the centre."""
        corner = -(np.array(shape[::-1]) - 1) / 2 * step_mm
        return Volume(np.zeros(shape, np.uint8), (step_mm,) * 3, tuple(self.centre + corner @ self.axes), self.axes.T)

    def to_local(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3), LPS mm, in the frame (u, v, w), mm."""
        return (points - self.centre) @ self.axes.T

    def to_lps(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 3) of the frame (u, v, w), mm, in LPS."""
        return points @ self.axes + self.centre


@dataclass(frozen=True, eq=False)
class Column:
    """The labelled vertebrae of an image.

    Attributes:
        labels: one number a vertebra, 0 elsewhere.
        boxes: by number, the index box (k, j, i) of each.
        centres: by number, (3,) LPS mm.
    """

    labels: Volume
    boxes: dict[int, tuple[slice, slice, slice]]
    centres: dict[int, np.ndarray]

    @classmethod
    def of(cls, labels: Volume) -> Column:
        """Of a labelmap of whole numbers; fragments are left out."""
        boxes, centres = {}, {}
        for number, box in enumerate(ndimage.find_objects(labels.array.astype(np.int32)), 1):
            if box is None:
                continue
            inside = np.argwhere(labels.array[box] == number)
            if len(inside) * labels.voxel_volume_ml < _SMALLEST_ML:
                continue
            ijk = inside.mean(axis=0)[::-1] + [part.start for part in box[::-1]]
            boxes[number], centres[number] = box, (labels.ijk_to_lps @ [*ijk, 1.0])[:3]
        return cls(labels, boxes, centres)

    def around(self, label: int, margin_mm: float, least_mm: float = 0.0) -> Volume:
        """The labels in the box of one vertebra and a margin, as far as the image goes.

        With ``least_mm`` voxels are left out as long as those that stay are not farther apart than this.
        """
        voxels = [int(np.ceil(margin_mm / side)) for side in self.labels.spacing[::-1]]
        part = crop(
            self.labels,
            triple(
                slice(max(0, part.start - more), min(size, part.stop + more))
                for part, more, size in zip(self.boxes[label], voxels, self.labels.shape)
            ),
        )
        strides = [max(1, int(least_mm / side)) for side in part.spacing]
        return replace(
            part,
            array=part.array[tuple(slice(None, None, stride) for stride in strides[::-1])],
            spacing=triple(side * stride for side, stride in zip(part.spacing, strides)),
        )

    def including(self, label: int, mask: Volume) -> Column:
        """The same with one vertebra's box and centre made to hold a mask (not 0 inside, on the labels' grid) too."""
        found = ndimage.find_objects((np.asarray(mask.array) != 0).astype(np.uint8))
        if not found:
            return self
        box = triple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in zip(self.boxes[label], found[0]))
        inside = np.argwhere((self.labels.array[box] == label) | (np.asarray(mask.array)[box] != 0))
        ijk = inside.mean(axis=0)[::-1] + [part.start for part in box[::-1]]
        centre = (self.labels.ijk_to_lps @ [*ijk, 1.0])[:3]
        return replace(self, boxes=self.boxes | {label: box}, centres=self.centres | {label: centre})

    def neighbours(self, label: int) -> tuple[int | None, int | None]:
        """The numbers of the next vertebra above and below; None where there is none within reach."""
        here, found = self.centres[label], []
        for sign in (1.0, -1.0):
            beyond = {
                number: float(np.linalg.norm(centre - here))
                for number, centre in self.centres.items()
                if number != label and sign * (centre - here)[2] > 5.0
            }
            best = min(beyond, key=beyond.__getitem__, default=None)
            found.append(best if best is not None and beyond[best] <= _FARTHEST_MM else None)
        return found[0], found[1]


def vertebra_frame(
    column: Column, label: int, lesion: Volume | None = None, neighbours: Sequence[VertebraFrame] | None = None
) -> VertebraFrame:
    """The frame of one vertebra.

    Up is the direction between the centres of its neighbours. The mirror plane is where the mirrored known surface lies
    best on the known surface; with much missing, it is where the neighbours' planes are.

    Args:
        column: all labelled vertebrae.
        label: of the vertebra.
        lesion: where the labels are not to be trusted (not 0), on the labels' grid.
        neighbours: the frames of the next vertebrae above and below, where they are known already.

    Raises:
        SpineError: there is no such vertebra.
    """
    if label not in column.boxes:
        raise SpineError(
            f"There is no vertebra {label} among the labels; choose one of "
            f"{', '.join(map(str, column.boxes)) or 'those of another segmentation'}."
        )
    if neighbours is None:
        neighbours = [_own_frame(column, number, None, ()) for number in column.neighbours(label) if number is not None]
    return _own_frame(column, label, lesion, neighbours)


def _own_frame(column: Column, label: int, lesion: Volume | None, priors: Sequence[VertebraFrame]) -> VertebraFrame:
    labels = column.around(label, 12.0, _ENOUGH_MM)
    unknown = np.zeros(labels.shape, bool) if lesion is None else sampled(lesion, labels, 0.0, nearest=True) > 0
    known = (labels.array == label) & ~unknown
    if not known.any():
        raise SpineError(
            "The lesion covers the whole vertebra, so that nothing is left to repair it from; draw it "
            "smaller, or choose another vertebra."
        )
    # With the lesion's part the centre lies nearer to where the whole vertebra's was.
    near = known | (unknown & (signed_distance(labels.with_array(known)).array < 15.0))
    centre = _centre(labels, near)
    start = VertebraFrame(centre, _axes(column, label))
    points = _surface_points(labels, known)
    distance = signed_distance(labels.with_array(known), unknown)
    prior, trust = _prior(start, priors)

    def misfit(values: np.ndarray) -> float:
        frame = _turned(start, values)
        mirrored = frame.to_lps(frame.to_local(points) * [-1.0, 1.0, 1.0])
        away = np.abs(at_points(distance, mirrored))
        if unknown.any():
            away = away[at_points(labels.with_array(unknown.astype(np.float32)), mirrored) < 0.5]
        seen = len(away) / len(points)
        off = float(np.minimum(away, _OFF_MM).mean()) if len(away) else _OFF_MM
        # Where little has a counterpart that is known, a good fit of it says little.
        return seen * off + trust * float((((values - prior) / _SPREAD) ** 2).sum())

    simplex = prior + np.vstack([np.zeros(3), np.diag([4.0, 3.0, 3.0])])
    found = minimize(
        misfit,
        prior,
        method="Nelder-Mead",
        options={"initial_simplex": simplex, "maxfev": 120, "xatol": 0.05, "fatol": 1e-3},
    )
    return _turned(start, found.x)


def _axes(column: Column, label: int) -> np.ndarray:
    above, below = column.neighbours(label)
    top = column.centres[above if above is not None else label]
    bottom = column.centres[below if below is not None else label]
    up = top - bottom if above is not None or below is not None else np.array([0.0, 0.0, 1.0])
    up = up / np.linalg.norm(up)
    back = np.array([0.0, 1.0, 0.0]) - up[1] * up
    back /= np.linalg.norm(back)
    return np.array([np.cross(back, up), back, up])


def _centre(labels: Volume, inside: np.ndarray) -> np.ndarray:
    return (labels.ijk_to_lps @ [*np.argwhere(inside).mean(axis=0)[::-1], 1.0])[:3]


def _surface_points(labels: Volume, known: np.ndarray) -> np.ndarray:
    surface = np.argwhere(known & ~ndimage.binary_erosion(known))
    chosen = surface[:: max(1, len(surface) // _POINTS)]
    matrix = labels.ijk_to_lps
    return chosen[:, ::-1] @ matrix[:3, :3].T + matrix[:3, 3]


def _prior(start: VertebraFrame, frames: Sequence[VertebraFrame]) -> tuple[np.ndarray, float]:
    """Where the neighbours have their mirror plane (turn about w and v in degrees, shift in mm), and its weight."""
    if not frames:
        return np.zeros(3), 0.02
    left = np.mean([frame.axes[0] for frame in frames], axis=0) @ start.axes.T
    left /= np.linalg.norm(left)
    centres = np.array([frame.centre for frame in frames])
    if len(frames) == 2:
        along = (start.centre - centres[1]) @ (centres[0] - centres[1]) / np.sum((centres[0] - centres[1]) ** 2)
        on_plane = centres[1] + along * (centres[0] - centres[1])
    else:
        on_plane = centres[0] + start.axes[2] * ((start.centre - centres[0]) @ start.axes[2])
    shift = (on_plane - start.centre) @ (left @ start.axes)
    return np.array(
        [np.degrees(np.arctan2(left[1], left[0])), np.degrees(np.arcsin(np.clip(-left[2], -1, 1))), shift]
    ), 0.15


def _turned(start: VertebraFrame, values: np.ndarray) -> VertebraFrame:
    """Turned about w, then v (degrees), and shifted along the new u (mm)."""
    a, b = np.radians(values[:2])
    about_w = np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_v = np.array([[np.cos(b), 0, -np.sin(b)], [0, 1, 0], [np.sin(b), 0, np.cos(b)]])
    axes = about_v @ about_w @ start.axes
    return VertebraFrame(start.centre + values[2] * axes[0], axes)
