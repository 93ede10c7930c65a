"""Triangles as VTK's data and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk, numpy_to_vtkIdTypeArray, vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkDoubleArray, vtkPoints, vtkStringArray
from vtkmodules.vtkCommonDataModel import vtkCellArray, vtkPolyData
from vtkmodules.vtkFiltersCore import vtkImplicitPolyDataDistance
from vtkmodules.vtkIOXML import vtkXMLPolyDataWriter


def to_polydata(points: np.ndarray, triangles: np.ndarray):
    """A ``vtkPolyData`` of points (n, 3) and triangles (m, 3); both are copied."""
    corners, cells, data = vtkPoints(), vtkCellArray(), vtkPolyData()
    corners.SetData(numpy_to_vtk(np.ascontiguousarray(points), deep=True))
    cells.SetData(3, numpy_to_vtkIdTypeArray(np.asarray(triangles, np.int64).ravel(), deep=True))
    data.SetPoints(corners)
    data.SetPolys(cells)
    return data


def from_polydata(data) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) float64 and triangles (m, 3) int32 of a ``vtkPolyData`` that holds triangles only."""
    if not data.GetNumberOfPolys():
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    corners = vtk_to_numpy(data.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    return vtk_to_numpy(data.GetPoints().GetData()).astype(np.float64), corners.astype(np.int32)


def distances_to_triangles(places: np.ndarray, points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Signed distance (n,) in mm of places (n, 3) to the nearest point of a closed surface, negative inside; exact.

    :func:`SpineLib.metrics.surface.distances_to` is faster but looks at the triangles around the nearest corners only,
    which on a decimated surface, with its large triangles, may be the wrong ones.
    """
    distance, result = vtkImplicitPolyDataDistance(), vtkDoubleArray()
    distance.SetInput(to_polydata(points, triangles))
    distance.FunctionValue(numpy_to_vtk(np.ascontiguousarray(places, np.float64), deep=True), result)
    return vtk_to_numpy(result).copy()


def write_vtp(
    points: np.ndarray,
    triangles: np.ndarray,
    path: Path,
    at_points: Mapping[str, np.ndarray] | None = None,
    at_triangles: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Write a VTK file, LPS mm, with a remark that it is LPS, which Slicer reads.

    Args:
        points: (n, 3).
        triangles: (m, 3).
        path: written at once; the caller sees to it that it is all or nothing.
        at_points: arrays (n,) by name; the first is the one that is shown.
        at_triangles: arrays (m,) by name.

    Raises:
        OSError: the disk is full or not reachable.
    """
    data = to_polydata(points, triangles)
    for arrays, holder in ((at_points or {}, data.GetPointData()), (at_triangles or {}, data.GetCellData())):
        for number, (name, values) in enumerate(arrays.items()):
            array = numpy_to_vtk(np.ascontiguousarray(values), deep=True)
            array.SetName(name)
            holder.SetScalars(array) if number == 0 else holder.AddArray(array)
    space = vtkStringArray()  # what Slicer writes and reads to tell RAS from LPS
    space.SetName("SPACE")
    space.InsertNextValue("LPS")
    data.GetFieldData().AddArray(space)
    writer = vtkXMLPolyDataWriter()
    writer.SetInputData(data)
    writer.SetFileName(str(path))
    if not writer.Write() or writer.GetErrorCode():
        raise OSError("the surface could not be written completely")
