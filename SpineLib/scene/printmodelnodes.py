"""The nodes of a printable model: surfaces before and after, what would not print in red, checks and figures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import crossed
from SpineLib.metrics.printing import MODEL_FIGURES, figures_of
from SpineLib.scene.legend import hide_legend, show_legend
from SpineLib.scene.surfaces import colour_table, fill_figures, fill_table, in_ras, read_polydata
from SpineLib.tasks import colours

#: Names of the parts, and the class of each one's node; the first is the head.
PARTS = {
    "Checks": "vtkMRMLTableNode",
    "Figures": "vtkMRMLTableNode",
    "Model": "vtkMRMLModelNode",
    "Before": "vtkMRMLModelNode",
    "Bad": "vtkMRMLModelNode",
}
_NAMES = {
    "Checks": "{} model checks",
    "Figures": "{} model figures",
    "Model": "{} model",
    "Before": "{} model before",
    "Bad": "{} model, does not print",
}
#: Arrays of the surface that job "model" writes.
DISTANCE, THICKNESS, UNCERTAINTY, BAD = "distance_mm", "thickness_mm", "uncertainty_mm", "bad"
#: What a model can be painted with: array, name of its colours, range in mm, title of the legend.
PAINTS = {
    "distance": (DISTANCE, "Distance to the vertebra before", (-5.0, 15.0), "Distance"),
    "thickness": (THICKNESS, "Wall thickness", (0.0, 10.0), "Wall"),
    "uncertainty": (UNCERTAINTY, "Uncertainty of the repair", (0.0, 6.0), "9 of 10 within"),
}
_ENTRIES = 200
_BONE = (0.95, 0.91, 0.83)
_STOPS = {
    "distance": ((-5.0, (0.35, 0.2, 0.65)), (-0.5, (0.75, 0.72, 0.86)), (-0.3, _BONE), (0.3, _BONE),
                 (0.8, (0.66, 0.88, 0.62)), (5.0, (0.1, 0.62, 0.42)), (15.0, (0.02, 0.27, 0.42))),
    "thickness": ((0.0, (0.75, 0.0, 0.1)), (0.8, (0.93, 0.3, 0.12)), (1.5, (0.99, 0.75, 0.25)),
                  (3.0, (0.75, 0.87, 0.55)), (6.0, (0.3, 0.65, 0.75)), (10.0, (0.2, 0.35, 0.65))),
    "uncertainty": ((0.0, _BONE), (0.3, _BONE), (0.8, (0.80, 0.88, 0.93)), (2.0, (0.34, 0.62, 0.80)),
                    (4.0, (0.45, 0.25, 0.62)), (6.0, (0.20, 0.03, 0.30))),
}  # fmt: skip
_SIDES = re.compile(r"([\d.]+) x ([\d.]+) x ([\d.]+)")


def fill_model(nodes: dict, model: Mapping, surface_file: Path | None, before_file: Path | None) -> None:
    """Fill the nodes of a model; those that are None are made, but a model before and bad places only where they are.

    Args:
        nodes: part to node; changed in place.
        model: of ``SpineLib.scene.printmodel.ImportedModel``.
        surface_file, before_file: ``.vtp``, LPS.

    Raises:
        SpineError: the surface cannot be read; nothing is changed then.
    """
    surface = read_polydata(surface_file) if surface_file is not None else vtk.vtkPolyData()
    if not surface.GetNumberOfPoints():
        raise SpineError("The result is incomplete, it holds no surface: build the model again.")
    surface = in_ras(surface)
    before = in_ras(read_polydata(before_file)) if before_file is not None else None
    bad = _bad_places(surface)
    new = nodes.get("Model") is None
    wanted = {"Before": before is not None, "Bad": bad.GetNumberOfCells() > 0}
    for part, kind in PARTS.items():
        if nodes.get(part) is None and wanted.get(part, True):
            name = slicer.mrmlScene.GenerateUniqueName(_NAMES[part].format(model["name"]))
            nodes[part] = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    checks = model["checks"]
    fill_table(
        nodes["Checks"],
        {
            "Check": [one["name"] for one in checks],
            "Passed": ["yes" if one["passed"] else "no" for one in checks],
            "Found": [words(one["value"]) for one in checks],
            "Allowed": [words(one["limit"]) for one in checks],
            "In words": [one["text"] for one in checks],
        },
    )
    fill_figures(nodes["Figures"], figures_of(model["measures"], MODEL_FIGURES))
    _show(nodes["Model"], surface, _BONE)
    if before is not None:
        _show(nodes["Before"], before, colours.BEFORE, opacity=0.35)
    if nodes.get("Bad") is not None:
        _show(nodes["Bad"], bad, colours.BAD)
    if new:
        paint(nodes["Model"], "distance" if before is not None else "thickness")


def paint(node, how: str) -> None:
    """Paint a model: "distance" to the vertebra before, "thickness" of the wall, "uncertainty" of a repair, or "plain".

    A model that lacks the array is left plain.
    """
    display = node.GetDisplayNode()
    array, name, limits, title = PAINTS.get(how, ("", "", (0.0, 1.0), ""))
    if not array or node.GetPolyData().GetPointData().GetArray(array) is None:
        display.SetScalarVisibility(False)
        hide_legend(node)
        return
    modifying = display.StartModify()
    display.SetActiveScalar(array, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetAndObserveColorNodeID(colour_table(name, limits, _ENTRIES, lambda mm: paint_colours(how, mm)).GetID())
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(*limits)
    display.SetScalarVisibility(True)
    display.EndModify(modifying)
    show_legend(node, title, "%+.0f mm" if limits[0] < 0 else "%.0f mm", 5)


def paint_colours(how: str, mm: np.ndarray) -> np.ndarray:
    """Colours (n, 3), 0 to 1, of distances, thicknesses or uncertainties: bone where nothing changed, green to blue
    where bone was added, violet where it was taken; thin walls red, thick ones blue; violet where a place is unsure."""
    places, colours = zip(*_STOPS[how], strict=True)
    return np.stack([np.interp(mm, places, channel) for channel in np.array(colours).T], axis=1)


def words(value) -> str:
    """A check's value or limit as text."""
    if isinstance(value, float):
        return f"{value:.3g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " × ".join(f"{one:.4g}" for one in value)
    # "83.2 x 72.3 x 54.7 mm" takes more room than a panel has.
    return _SIDES.sub(lambda sides: "×".join(f"{float(one):.0f}" for one in sides.groups()), str(value))


def _show(node, poly, colour, opacity: float = 1.0) -> None:
    """Put a surface into a model node; a new one gets its looks, an old one keeps what the user made of them."""
    node.SetAndObservePolyData(poly)
    if node.GetDisplayNode() is None:
        node.CreateDefaultDisplayNodes()
        display = node.GetDisplayNode()
        display.SetColor(*colour)
        display.SetOpacity(opacity)
        display.SetScalarVisibility(False)  # Slicer shows a model's scalars unless it is told not to
        display.SetVisibility2D(False)


def _bad_places(surface):
    """The triangles that a failed check complains about, moved a little outwards so that they are seen."""
    result, marked = vtk.vtkPolyData(), surface.GetCellData().GetArray(BAD)
    if marked is None:
        return result
    which = np.flatnonzero(numpy_support.vtk_to_numpy(marked))
    if not len(which):
        return result
    points = numpy_support.vtk_to_numpy(surface.GetPoints().GetData()).astype(np.float64)
    triangles = numpy_support.vtk_to_numpy(surface.GetPolys().GetConnectivityArray()).reshape(-1, 3)[which]
    corners = points[triangles]
    normals = crossed(points, triangles)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    corners = corners + 0.05 * normals[:, None]
    places, cells = vtk.vtkPoints(), vtk.vtkCellArray()
    places.SetData(numpy_support.numpy_to_vtk(np.ascontiguousarray(corners.reshape(-1, 3)), deep=True))
    cells.SetData(3, numpy_support.numpy_to_vtkIdTypeArray(np.arange(3 * len(which), dtype=np.int64), deep=True))
    result.SetPoints(places)
    result.SetPolys(cells)
    return result
