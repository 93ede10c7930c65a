"""Painted surfaces and tables of figures: reading what a job wrote, colours over a range, columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import slicer
import vtk

from SpineLib.metrics.measure import Figure

#: Columns of these names hold text.
TEXT_COLUMNS = (
    "Measure",
    "Unit",
    "Piece",
    "Where",
    "Check",
    "Passed",
    "Found",
    "Allowed",
    "In words",
    "Reference",
    "Result",
    "Remark",
    "Earlier",
    "Later",
    "Level",
    "Response",
)


def read_polydata(path: str | Path):
    """The poly data of a .vtp file as it is; empty where there is no such file."""
    if not Path(path).is_file():
        return vtk.vtkPolyData()
    reader = vtk.vtkXMLPolyDataReader()
    reader.SetFileName(str(path))
    reader.Update()
    return reader.GetOutput()


def in_ras(poly):
    """A copy of poly data in LPS, as the scene has it: RAS."""
    to_ras = vtk.vtkTransform()
    to_ras.Scale(-1, -1, 1)
    filtered = vtk.vtkTransformPolyDataFilter()
    filtered.SetTransform(to_ras)
    filtered.SetInputData(poly)
    filtered.Update()
    result = vtk.vtkPolyData()
    result.DeepCopy(filtered.GetOutput())
    result.GetFieldData().Initialize()  # it says LPS
    return result


def colour_table(name: str, limits: tuple[float, float], entries: int, colours: Callable[[np.ndarray], np.ndarray]):
    """The scene's colour node of that name, made when it is not there.

    Args:
        limits: values (mm) of its lower and upper end.
        entries: how many colours.
        colours: gives r, g, b (n, 3) from 0 to 1 of values (n,).
    """
    for node in slicer.util.getNodesByClass("vtkMRMLColorTableNode"):
        if node.GetName() == name and node.GetNumberOfColors() == entries:
            return node
    node = slicer.vtkMRMLColorTableNode()  # filled before the scene has it: an empty table is complained about
    node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    node.SetTypeToUser()
    node.SetNumberOfColors(entries)
    step = (limits[1] - limits[0]) / entries
    for index, colour in enumerate(colours(limits[0] + step * (np.arange(entries) + 0.5))):
        node.SetColor(index, f"{limits[0] + step * index:.1f} mm", *map(float, colour), 1.0)
    return slicer.mrmlScene.AddNode(node)


def fill_table(table, columns: Mapping[str, Sequence]) -> None:
    """Replace all columns; one event to whoever watches. Text columns are told by their name."""
    modifying = table.StartModify()
    try:
        table.RemoveAllColumns()
        for name, values in columns.items():
            column = vtk.vtkStringArray() if name in TEXT_COLUMNS else vtk.vtkDoubleArray()
            column.SetName(name)
            for value in values:
                column.InsertNextValue(value)
            table.AddColumn(column)
        table.SetUseColumnTitleAsColumnHeader(True)
    finally:
        table.EndModify(modifying)


def fill_figures(table, figures: Iterable[tuple[Figure, float | None]]) -> None:
    """Replace all rows by figures: what they are called, the number, the unit."""
    rows = list(figures)
    fill_table(
        table,
        {
            "Measure": [figure.label for figure, _ in rows],
            "Value": [number(figure.in_unit(value)) for figure, value in rows],
            "Unit": [figure.unit for figure, _ in rows],
        },
    )


def number(value) -> float:
    """For a column of numbers: what there is not becomes nan."""
    return math.nan if value is None else float(value)
