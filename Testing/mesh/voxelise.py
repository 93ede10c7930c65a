"""Meshes of vertebrae as one label file, for ``spine evaluate inpaint --masks``.

``python -m Testing.mesh.voxelise -o labels.nii.gz --turn y,-x,z --scale 1000 20=L1.obj 22=L3.obj`` reads meshes in
metres whose x points forwards, y to the left and z up.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from SpineLib.mesh.files import read_mesh
from SpineLib.mesh.polydata import to_polydata
from SpineLib.volume import Volume, write_volume

_AROUND_MM = 8.0


def voxels_inside(points: np.ndarray, triangles: np.ndarray, grid: Volume) -> np.ndarray:
    """Voxels (k, j, i) of a grid along the axes whose centres lie inside a closed surface, points in LPS mm."""
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkImagingStencil import vtkImageStencilToImage, vtkPolyDataToImageStencil

    size = grid.shape[::-1]
    stencil = vtkPolyDataToImageStencil()
    stencil.SetInputData(to_polydata(points, triangles))
    stencil.SetOutputSpacing(grid.spacing)
    stencil.SetOutputOrigin(grid.origin)
    stencil.SetOutputWholeExtent(0, size[0] - 1, 0, size[1] - 1, 0, size[2] - 1)
    image = vtkImageStencilToImage()
    image.SetInputConnection(stencil.GetOutputPort())
    image.SetInsideValue(1)
    image.SetOutsideValue(0)
    image.SetOutputScalarTypeToUnsignedChar()
    image.Update()
    return vtk_to_numpy(image.GetOutput().GetPointData().GetScalars()).reshape(grid.shape) > 0


def turned(points: np.ndarray, turn: str) -> np.ndarray:
    """Points whose L, P and S are, in this order, the axes that ``turn`` names: "y,-x,z"."""
    columns = []
    for name in turn.split(","):
        column = points[:, "xyz".index(name[-1])]
        columns.append(-column if name.startswith("-") else column)
    return np.stack(columns, axis=1)


def main() -> None:
    """Write the labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("meshes", nargs="+", metavar="NUMBER=FILE", help="VerSe number and mesh of each vertebra")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--turn", default="x,y,z", help="which axes are L, P and S")
    parser.add_argument("--scale", type=float, default=1.0, help="to mm")
    parser.add_argument("--voxel", type=float, default=1.0, help="mm")
    arguments = parser.parse_args()
    meshes = {}
    for text in arguments.meshes:
        number, file = text.split("=", 1)
        mesh = read_mesh(Path(file))
        meshes[int(number)] = turned(arguments.scale * mesh.points, arguments.turn), mesh.triangles
    corners = np.concatenate([points for points, _ in meshes.values()])
    first = corners.min(axis=0) - _AROUND_MM
    size = np.ceil((corners.max(axis=0) + _AROUND_MM - first) / arguments.voxel).astype(int)
    grid = Volume(np.zeros(size[::-1], np.uint8), (arguments.voxel,) * 3, tuple(first))
    labels = grid.array.copy()
    for number, (points, triangles) in meshes.items():
        labels[voxels_inside(points, triangles, grid)] = number
    write_volume(grid.with_array(labels), arguments.output)
    print(
        f"{arguments.output}: {labels.shape}, "
        + ", ".join(
            f"{number} {np.count_nonzero(labels == number) * arguments.voxel**3 / 1000:.1f} ml" for number in meshes
        )
    )


if __name__ == "__main__":
    main()
