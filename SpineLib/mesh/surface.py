"""The surface of a mask: sub-voxel, smooth, with the mask's own volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from vtkmodules.vtkFiltersCore import vtkWindowedSincPolyDataFilter

from SpineLib.errors import SpineError
from SpineLib.geometry.shape import shape_of
from SpineLib.geometry.triangles import areas, normals_at_points, volume_mm3, volumes
from SpineLib.mesh.polydata import from_polydata, to_polydata
from SpineLib.mesh.repair import Repairs, repaired_mask
from SpineLib.mesh.topology import merged, shells_of, without_loose_points
from SpineLib.volume.crop import crop
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Iterations of the windowed sinc filter, as Slicer's closed surface.
_ITERATIONS = 20
#: Moves of all points along their normals until the volume is the mask's; each leaves a small share of the difference.
_MOVES = 4
#: The level is at least this (of 1) at each sample, as it is at voxels' centres.
_BESIDE = 0.05


def repaired(
    mask: Volume, bodies: int | None = 1, smallest_island_ml: float = 0.01, largest_cavity_ml: float = 1.0
) -> tuple[Volume, Repairs]:
    """The mask's box with a voxel of outside around it, repaired (:func:`SpineLib.mesh.repair.repaired_mask`).

    A mask that touches the edge of its image is closed there by that voxel.

    Raises:
        SpineError: the mask is empty, or nothing but islands.
    """
    where = [np.flatnonzero(mask.array.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    if not len(where[0]):
        raise SpineError("The mask is empty: segment or choose the vertebra first.")
    part = crop(mask, triple(slice(int(at[0]), int(at[-1]) + 1) for at in where))
    origin = (part.ijk_to_lps @ [-1, -1, -1, 1])[:3]
    inside, repairs = repaired_mask(
        np.pad(part.array != 0, 1), mask.voxel_volume_ml, bodies, smallest_island_ml, largest_cavity_ml
    )
    if not inside.any():
        raise SpineError(
            f"The mask holds only islands smaller than {smallest_island_ml:g} ml: choose a larger mask, "
            "or a smaller limit for islands."
        )
    return replace(part, array=inside, origin=tuple(origin)), repairs


def surface_of(mask: Volume, smoothing: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """The smooth surface of a repaired mask.

    Flying edges on the smoothed signed distance of :func:`SpineLib.geometry.shape.shape_of` (which moves the level
    until
    the volume is the mask's), then a windowed sinc filter (Taubin 1996), and moves of all points along their normals
    that take back the little volume the filter has changed. On the levels of real vertebrae VTK's flying edges and
    skimage's marching cubes find the same triangles, to 0.02 micrometres, and on noise both find manifolds; VTK takes a
    sixth of the time, and Slicer has it.

    Args:
        mask: bool, with outside all around.
        smoothing: 0 (none) to 1, as Slicer's smoothing factor of closed surfaces: the filter's pass band is
            10^(-4 smoothing).

    Returns:
        Points (n, 3) float64, LPS mm, and triangles (m, 3) int32; closed.
    """
    shape = shape_of(mask)
    assert shape is not None
    found = replace(shape, level=_beside_samples(shape.level)).surface()
    points, triangles = merged(found.points.astype(np.float64), found.triangles)
    points, triangles = without_specks(points, triangles, 1000 * mask.voxel_volume_ml)
    if smoothing > 0:
        points = _windowed_sinc(points, triangles, 10 ** (-4 * smoothing))
    return with_volume(points, triangles, 1000 * shape.volume_ml), triangles


def _beside_samples(level: np.ndarray) -> np.ndarray:
    """The level without values near 0: where the surface passes through a sample its triangles are slivers, and those
    of two parts that meet there pass through each other after the least move. Between thick slices no voxel's centre
    keeps it away."""
    return np.where(np.abs(level) < _BESIDE, np.copysign(np.float32(_BESIDE), level), level)


def without_specks(points: np.ndarray, triangles: np.ndarray, mm3: float) -> tuple[np.ndarray, np.ndarray]:
    """The surface without shells that enclose less than ``mm3``: specks of material, bubbles within it."""
    if not len(triangles):
        return points, triangles
    shells = shells_of(triangles, len(points))
    keep = np.abs(volumes(points, triangles, shells)) >= mm3
    keep[np.bincount(shells).argmax()] = True
    return without_loose_points(points, triangles[keep[shells]])


def largest_shells(points: np.ndarray, triangles: np.ndarray, bodies: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The ``bodies`` shells that enclose most, and all cavities (None: everything)."""
    shells = shells_of(triangles, len(points))
    size = volumes(points, triangles, shells)
    outer = np.flatnonzero(size > 0)
    if bodies is None or len(outer) <= bodies:
        return points, triangles
    lost = outer[np.argsort(-size[outer], kind="stable")[bodies:]]
    return without_loose_points(points, triangles[~np.isin(shells, lost)])


def with_volume(points: np.ndarray, triangles: np.ndarray, mm3: float) -> np.ndarray:
    """The points moved along their normals, all by the same small distance, until the surface encloses ``mm3``."""
    for _ in range(_MOVES):
        lacking = mm3 - volume_mm3(points, triangles)
        if abs(lacking) < 1e-5 * mm3:
            break
        points = points + lacking / areas(points, triangles).sum() * normals_at_points(points, triangles)
    return points


def _windowed_sinc(points: np.ndarray, triangles: np.ndarray, pass_band: float) -> np.ndarray:
    smooth = vtkWindowedSincPolyDataFilter()
    smooth.SetInputData(to_polydata(points, triangles))
    smooth.SetNumberOfIterations(_ITERATIONS)
    smooth.SetPassBand(pass_band)
    smooth.NormalizeCoordinatesOn()
    smooth.BoundarySmoothingOff()
    smooth.FeatureEdgeSmoothingOff()
    smooth.NonManifoldSmoothingOn()
    smooth.Update()
    return from_polydata(smooth.GetOutput())[0]
