"""What VTK reads of a model's file: not the writer's other half, so that what both understand is what the file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkFiltersCore import vtkTriangleFilter

_REMARKS_WITHIN = 4096


def by_vtk(reader: Any, path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Points, triangles (larger faces cut into some), and the file's beginning, where remarks stand.

    Raises:
        ValueError: VTK complains of the file, or finds no triangle.
    """
    complaints: list[str] = []
    for one in (reader, reader.GetExecutive()):
        for event in ("ErrorEvent", "WarningEvent"):
            one.AddObserver(event, lambda _, event: complaints.append(event))
    reader.SetFileName(str(path))
    triangulated = vtkTriangleFilter()
    triangulated.SetInputConnection(reader.GetOutputPort())
    triangulated.Update()
    found = triangulated.GetOutput()
    if complaints or not found.GetNumberOfPolys():
        raise ValueError(f"no whole model in the {path.suffix} file")
    points = vtk_to_numpy(found.GetPoints().GetData()).astype(np.float64)
    triangles = vtk_to_numpy(found.GetPolys().GetConnectivityArray()).reshape(-1, 3).astype(np.int64)
    with path.open("rb") as file:
        return points, triangles, file.read(_REMARKS_WITHIN).decode("utf-8", "replace")
