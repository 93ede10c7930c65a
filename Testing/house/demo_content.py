"""What a demo's masks, models and exports hold, as checksums: the same code on the same machine makes the same.

``python -m Testing.house.demo_content FOLDER`` prints them; with a second folder, e.g. of a demo that an earlier
version made on this machine, it lists the files whose content differs and ends with 1. Times and versions are left out:
of images the voxels and the geometry count, of meshes points and triangles, of tables and transforms the bytes.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np


def content(path: Path) -> str:
    """SHA-256 of what counts in a file; empty for what tells times (pages, provenance)."""
    if path.suffix in (".html", ".json"):
        return ""
    if path.suffix == ".vtp":
        return _digest(*_surface(path))
    if path.name.endswith((".nrrd", ".nii.gz")):
        return _digest(*_image(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _image(path: Path) -> tuple[np.ndarray, ...]:
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    geometry = (*image.GetSpacing(), *image.GetOrigin(), *image.GetDirection())
    return SimpleITK.GetArrayFromImage(image), np.array(geometry)


def _surface(path: Path) -> tuple[np.ndarray, ...]:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOXML import vtkXMLPolyDataReader

    reader = vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    surface = reader.GetOutput()
    fields = surface.GetPointData()
    arrays = [vtk_to_numpy(fields.GetArray(number)) for number in range(fields.GetNumberOfArrays())]
    points, cells = surface.GetPoints().GetData(), surface.GetPolys().GetConnectivityArray()
    return (vtk_to_numpy(points), vtk_to_numpy(cells), *arrays)


def _digest(*arrays: np.ndarray) -> str:
    total = hashlib.sha256()
    for array in arrays:
        total.update(f"{array.shape} {array.dtype}".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def checksums(folder: Path) -> dict[str, str]:
    """Of all files of a demo that hold a result."""
    found = {path.name: content(path) for path in sorted(folder.iterdir()) if path.is_file()}
    return {name: value for name, value in found.items() if value}


def main(folders: list[str]) -> int:
    """Print, or compare."""
    first, *others = [checksums(Path(folder)) for folder in folders]
    for other in others:
        differing = sorted(name for name in first.keys() | other.keys() if first.get(name) != other.get(name))
        print(*[f"{name} differs" for name in differing] or [f"{len(first)} files hold the same"], sep="\n")
        if differing:
            return 1
    if not others:
        print(*[f"{value}  {name}" for name, value in first.items()], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
