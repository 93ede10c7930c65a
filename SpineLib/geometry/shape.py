"""A mask as the smooth shape that it samples: a level that is positive inside, and its surface as triangles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkFiltersCore import vtkFlyingEdges3D

from SpineLib.geometry.orientation import canonical
from SpineLib.geometry.resample import along, linear
from SpineLib.geometry.triangles import areas_at_points, volume_mm3
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: The level is kept for so many voxels around the mask.
_BORDER = 3
#: Width of the Gaussian that takes off the voxels' stairs, in samples: below it balls are rough, above it edges shrink.
_SMOOTHING = 1.0
#: No voxel's centre changes sides: the level there is at least this (of 1) on its own side.
_KEPT = 0.05
#: Voxels longer than so many times their shortest side are subdivided.
_LONGEST_SIDE = 2.0
#: The level is moved by trying this step, and at most this far.
_STEP, _FARTHEST = 0.05, 0.4
_MOST_SAMPLES = 40_000_000


@dataclass(frozen=True, eq=False)
class Surface:
    """The boundary of a shape.

    Attributes:
        points: (n, 3) float32, LPS mm.
        triangles: (m, 3) int32, indices of points; corners run counterclockwise seen from outside.
    """

    points: np.ndarray
    triangles: np.ndarray

    def areas(self) -> np.ndarray:
        """The area that belongs to each point (n,), mm²: a third of every triangle it is a corner of."""
        return areas_at_points(self.points, self.triangles)

    def volume_ml(self) -> float:
        """What the surface encloses."""
        return abs(volume_mm3(self.points, self.triangles)) / 1000


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask's shape.

    Attributes:
        level: float32, axes (k, j, i), positive inside, 0 at the surface; not a distance.
        to_lps: 4 x 4, from index (i, j, k, 1) of ``level`` to LPS mm.
        volume_ml: of the mask's voxels, which is the shape's own.
        voxel_mm: the mask's spacing along its own axes, sorted, mm.
        box_to_unit: 4 x 4, from LPS mm to the mask's image, whose voxels fill the cube from 0 to 1.
        edges: sides ("left", "right", "anterior", "posterior", "upper", "lower") on which the mask touches the edge of
            its image: there its surface is the edge of the field of view.
    """

    level: np.ndarray
    to_lps: np.ndarray
    volume_ml: float
    voxel_mm: tuple[float, float, float]
    box_to_unit: np.ndarray
    edges: tuple[str, ...]

    def moved(self, matrix: np.ndarray) -> Shape:
        """The shape after all its points went through ``matrix`` (4 x 4, LPS mm)."""
        return replace(
            self,
            to_lps=matrix @ self.to_lps,
            volume_ml=self.volume_ml * abs(float(np.linalg.det(matrix[:3, :3]))),
            box_to_unit=self.box_to_unit @ np.linalg.inv(matrix),
        )

    def at(self, points: np.ndarray) -> np.ndarray:
        """The level at points (n, 3), LPS mm; -1 beyond the samples."""
        from scipy import ndimage

        ijk = points @ np.linalg.inv(self.to_lps)[:3, :3].T + np.linalg.inv(self.to_lps)[:3, 3]
        return ndimage.map_coordinates(self.level, ijk[:, ::-1].T, order=1, cval=-1.0)

    def on_grid(self, to_lps: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """Whether samples of a grid lie inside: bool (k, j, i) for indices (i, j, k, 1) that ``to_lps`` places."""
        from scipy import ndimage

        matrix = np.linalg.inv(self.to_lps) @ to_lps
        values = ndimage.affine_transform(
            self.level, matrix[:3, :3][::-1, ::-1], matrix[:3, 3][::-1], shape, np.float32, order=1, cval=-1.0
        )
        return values > 0

    def seen_on_grid(self, to_lps: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """Whether samples of a grid lie within the mask's image; bool (k, j, i)."""
        matrix = self.box_to_unit @ to_lps
        k, j, i = np.ogrid[tuple(slice(0, count) for count in shape)]
        seen = np.ones(shape, bool)
        for x, y, z, one in matrix[:3]:
            unit = x * i + y * j + z * k + one
            seen &= (unit >= 0) & (unit <= 1)
        return seen

    def surface(self) -> Surface:
        """The triangles where the level is 0; closed, in LPS."""
        ijk, triangles = _triangles(self.level)
        if np.linalg.det(self.to_lps[:3, :3]) < 0:
            triangles = np.ascontiguousarray(triangles[:, ::-1])
        points = ijk @ self.to_lps[:3, :3].T + self.to_lps[:3, 3]
        return Surface(points.astype(np.float32), triangles)


def shape_of(mask: Volume) -> Shape | None:
    """The shape of a mask (not 0 inside), the same whatever the order of its axes; None for an empty one.

    Long voxels (thick slices) are subdivided by linear interpolation of the signed distance to the mask's border
    (shape-based interpolation: Raya and Udupa 1990, IEEE TMI 9(1)). The stairs of the voxels are taken off by a
    Gaussian of one sample; the level is moved until it encloses the volume of the mask's voxels, so that nothing
    shrinks, and every voxel's centre stays on its own side, so that nothing thin is lost.
    """
    from scipy import ndimage

    box = _bounding_box(mask.array)
    if box is None:
        return None
    inside, corner, edges = _cropped(mask, box)
    spacing = np.array(inside.spacing[::-1])
    factors = _subdivisions(spacing, inside.shape)
    binary = inside.array
    if max(factors) == 1:
        fine = binary.astype(np.float32) * 2 - 1
    else:
        fine = (
            ndimage.distance_transform_edt(binary, spacing) - ndimage.distance_transform_edt(~binary, spacing)
        ).astype(np.float32)
        for axis, factor in enumerate(factors):
            if factor > 1:
                count = fine.shape[axis]
                fine = along(fine, linear(count, np.arange((count - 1) * factor + 1) / factor), axis)
        step = float(min(spacing / factors))
        fine = np.clip(fine / step, -1.0, 1.0)
    fine = ndimage.gaussian_filter(fine, _SMOOTHING, mode="nearest", truncate=3.0)
    fine = _with_volume(fine, binary, factors)
    to_lps = inside.ijk_to_lps @ np.diag([*(1 / factor for factor in factors[::-1]), 1.0])
    return Shape(
        fine,
        to_lps,
        float(np.count_nonzero(binary)) * mask.voxel_volume_ml,
        triple(sorted(inside.spacing)),
        corner,
        edges,
    )


def _with_volume(smooth: np.ndarray, binary: np.ndarray, factors: list[int]) -> np.ndarray:
    """The level moved so that it encloses the voxels' volume, with every voxel's centre on its own side."""
    centres = tuple(slice(None, None, factor) for factor in factors)

    def moved(by: float) -> np.ndarray:
        level = smooth + np.float32(by)
        part = level[centres]
        part[...] = np.where(binary, np.maximum(part, _KEPT), np.minimum(part, -_KEPT))
        return level

    wanted = float(np.count_nonzero(binary)) * float(np.prod(factors))
    first, second = (abs(volume_mm3(*_triangles(moved(by)))) for by in (0.0, _STEP))
    slope = (second - first) / _STEP
    return moved(float(np.clip((wanted - first) / slope, -_FARTHEST, _FARTHEST)) if slope > 0 else 0.0)


def _triangles(level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) float64 in indices (i, j, k) and triangles (m, 3) int32 where the level is 0, turned outwards in a
    right-handed space (flying edges: Schroeder et al. 2015)."""
    image = vtkImageData()
    image.SetDimensions(*level.shape[::-1])
    level = np.ascontiguousarray(level)  # vtk reads it where it is
    image.GetPointData().SetScalars(numpy_to_vtk(level.ravel()))
    edges = vtkFlyingEdges3D()
    edges.SetInputData(image)
    edges.SetValue(0, 0.0)
    edges.ComputeNormalsOff()
    edges.ComputeGradientsOff()
    edges.ComputeScalarsOff()
    edges.Update()
    output = edges.GetOutput()
    points = vtk_to_numpy(output.GetPoints().GetData()).astype(np.float64)
    return points, vtk_to_numpy(output.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int32)


def _bounding_box(array: np.ndarray) -> tuple[slice, ...] | None:
    """Where the array (3-D) is not 0; None: nowhere."""
    part, box = array, []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        where = np.flatnonzero(part.any(axis=others))
        if not len(where):
            return None
        box.append(slice(int(where[0]), int(where[-1]) + 1))
        part = part[(slice(None),) * axis + (box[-1],)]
    return tuple(box)


def _cropped(mask: Volume, box: tuple[slice, ...]) -> tuple[Volume, np.ndarray, tuple[str, ...]]:
    """The mask's box with a border of outside, in canonical order; LPS to unit image; sides where it meets an edge."""
    array = np.pad(mask.array[box] != 0, _BORDER)
    start = np.array([part.start for part in box[::-1]])
    origin = (mask.ijk_to_lps @ [*(start - _BORDER), 1.0])[:3]
    unit = np.diag([*(1 / np.array(mask.shape[::-1])), 1.0])
    unit[:3, 3] = 0.5 / np.array(mask.shape[::-1])
    names = (("left", "right"), ("posterior", "anterior"), ("upper", "lower"))
    edges = []
    for axis, part in enumerate(box):
        direction = mask.direction[:, 2 - axis]
        component = int(np.argmax(np.abs(direction)))
        first = direction[component] < 0  # whether index 0 lies at the end of larger LPS
        if part.start == 0:
            edges.append(names[component][0 if first else 1])
        if part.stop == mask.shape[axis]:
            edges.append(names[component][1 if first else 0])
    cropped, _ = canonical(Volume(array, mask.spacing, origin, mask.direction))
    return cropped, unit @ np.linalg.inv(mask.ijk_to_lps), tuple(sorted(edges))


def _subdivisions(spacing: np.ndarray, shape: tuple[int, ...]) -> list[int]:
    """Into how many samples a voxel is divided along each axis."""
    factors = [max(1, int(np.ceil(side / (_LONGEST_SIDE * spacing.min()) - 1e-6))) for side in spacing]
    while np.prod(np.array(shape, float) * factors) > _MOST_SAMPLES and max(factors) > 1:
        factors = [max(1, factor - 1) for factor in factors]
    return factors
