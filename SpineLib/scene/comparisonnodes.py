"""The nodes of a comparison: tables, the metastasis's surface painted with the margin, a histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

from SpineLib.errors import SpineError
from SpineLib.reports.margin import margin_colours
from SpineLib.scene.surfaces import colour_table, fill_table, in_ras, number, read_polydata
from SpineLib.tasks.followup.margin import MarginSurface, margin_histogram
from SpineLib.tasks.followup.output import MARGIN

#: Names of the parts, and the class of each one's node; the first is the head.
PARTS = {
    "Overlap": "vtkMRMLTableNode",
    "Distance": "vtkMRMLTableNode",
    "Untreated": "vtkMRMLTableNode",
    "Histogram": "vtkMRMLTableNode",
    "Surface": "vtkMRMLModelNode",
    "Series": "vtkMRMLPlotSeriesNode",
    "Chart": "vtkMRMLPlotChartNode",
}
_NAMES = {
    "Overlap": "Comparison overlap",
    "Distance": "Comparison distance",
    "Untreated": "Comparison untreated pieces",
    "Histogram": "Comparison histogram",
    "Surface": "Margin on the metastasis",
    "Series": "Share of the surface",
    "Chart": "Margin histogram",
}
#: The colours of the margin: a node of this name, its range in mm, entries of 0.1 mm so that 0 lies between two.
COLOURS, RANGE_MM, _ENTRIES = "Ablation margin", (-5.0, 10.0), 150
_OVERLAP = (
    ("Metastasis", "metastasis_ml", "ml"), ("Necrosis", "necrosis_ml", "ml"), ("In common", "common_ml", "ml"),
    ("Covered (completeness)", "covered_share", "%"), ("Untreated", "untreated_ml", "ml"),
    ("Necrosis outside the metastasis", "necrosis_outside_ml", "ml"), ("Dice", "dice", "%"),
    ("Jaccard", "jaccard", "%"), ("Not on the scan after", "unseen_ml", "ml"),
)  # fmt: skip
_DISTANCE = (
    ("Smallest margin", "minimum_mm", "mm"), ("Mean margin", "mean_mm", "mm"),
    ("Hausdorff distance", "hausdorff_mm", "mm"), ("95 % Hausdorff distance", "hausdorff95_mm", "mm"),
    ("Average symmetric surface distance", "average_symmetric_mm", "mm"),
    ("Surface of the metastasis", "surface_mm2", "mm²"), ("Surface of the necrosis", "necrosis_surface_mm2", "mm²"),
    ("Registration error", "error_mm", "mm"), ("Surface on which that error decides", "uncertain_share", "%"),
)  # fmt: skip


def fill_comparison(nodes: dict, comparison: Mapping, surface_file: str | Path) -> None:
    """Fill the nodes of a comparison; those that are None are made.

    Args:
        nodes: part to node; changed in place.
        comparison: ``SpineLib.tasks.followup.compare.Comparison.to_dict``.
        surface_file: ``margin.vtp``, LPS.

    Raises:
        SpineError: the file cannot be read; nothing is changed then.
    """
    poly, surface = _read_surface(surface_file)
    for part, kind in PARTS.items():
        if nodes.get(part) is None:
            name = slicer.mrmlScene.GenerateUniqueName(_NAMES[part])
            nodes[part] = slicer.mrmlScene.AddNewNodeByClass(kind, name)
    overlap, distance = comparison["overlap"], comparison["distance"]
    _fill_measures(nodes["Overlap"], overlap_rows(overlap))
    _fill_measures(nodes["Distance"], distance_rows(distance))
    fill_table(
        nodes["Untreated"],
        {
            "Piece": [str(n) for n in range(1, len(overlap["pieces"]) + 1)],
            "Volume (ml)": [piece["volume_ml"] for piece in overlap["pieces"]],
            "Depth (mm)": [number(piece["depth_mm"]) for piece in overlap["pieces"]],
            "Where": [piece["where"] for piece in overlap["pieces"]],
            **{
                f"{axis} (mm)": [piece["centre_ras_mm"][n] for piece in overlap["pieces"]]
                for n, axis in enumerate("RAS")
            },
        },
    )
    _paint(nodes["Surface"], poly)
    _fill_chart(nodes, surface)


def overlap_rows(overlap: Mapping) -> list[tuple[str, float | None, str]]:
    """(name, value, unit) of the volumes; shares in %."""
    return [(name, _in_unit(overlap[key], unit), unit) for name, key, unit in _OVERLAP]


def distance_rows(distance: Mapping) -> list[tuple[str, float | None, str]]:
    """(name, value, unit) of the distances, percentiles and shares by margin; shares in %."""
    rows = [(name, distance[key], unit) for name, key, unit in _DISTANCE]
    rows[2:2] = [
        (f"Margin, {percent} % of the surface below", value, "mm")
        for percent, value in (distance["percentiles_mm"] or {}).items()
    ]
    for one in distance["bins"]:
        low, high = one["low_mm"], one["high_mm"]
        where = f"below {high:g}" if low is None else f"{low:g} and more" if high is None else f"{low:g} to {high:g}"
        rows.append((f"Surface with a margin of {where} mm", one["share"], "%"))
    return [(name, _in_unit(value, unit), unit) for name, value, unit in rows]


def margin_colour_node():
    """The scene's colour node of margins, made when it is not there: red below 0, yellow to green and blue above."""
    return colour_table(COLOURS, RANGE_MM, _ENTRIES, margin_colours)


def _read_surface(path):
    """Poly data in RAS, and the surface for statistics."""
    poly = read_polydata(path)
    margin = poly.GetPointData().GetArray(MARGIN)
    if margin is None or not poly.GetNumberOfPoints():
        raise SpineError("The result of the comparison is incomplete: compare again.")
    points = numpy_support.vtk_to_numpy(poly.GetPoints().GetData())
    triangles = numpy_support.vtk_to_numpy(poly.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    a, b, c = (points[triangles[:, n]] for n in range(3))
    third = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 6
    areas = sum(np.bincount(triangles[:, n], third, minlength=len(points)) for n in range(3))
    surface = MarginSurface(points, triangles, numpy_support.vtk_to_numpy(margin), areas)
    return in_ras(poly), surface


def _paint(model, poly) -> None:
    model.SetAndObservePolyData(poly)
    new = model.GetDisplayNode() is None
    if new:
        model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetActiveScalar(MARGIN, vtk.vtkAssignAttribute.POINT_DATA)
    display.SetAndObserveColorNodeID(margin_colour_node().GetID())
    if not new:
        return
    display.SetScalarVisibility(True)
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(*RANGE_MM)
    display.SetVisibility2D(False)
    legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(model)
    legend.SetTitleText("Margin (mm)")
    legend.SetLabelFormat("%.0f")
    legend.SetNumberOfLabels(4)
    legend.SetVisibility(True)


def _fill_chart(nodes: Mapping, surface: MarginSurface) -> None:
    edges, shares = margin_histogram(surface)
    fill_table(
        nodes["Histogram"],
        {
            "Margin (mm)": [float(value) for value in (edges[:-1] + edges[1:]) / 2],
            "Share of the surface (%)": [100 * float(value) for value in shares],
        },
    )
    series, chart = nodes["Series"], nodes["Chart"]
    series.SetPlotType(series.PlotTypeBar)
    series.SetAndObserveTableNodeID(nodes["Histogram"].GetID())
    series.SetXColumnName("Margin (mm)")
    series.SetYColumnName("Share of the surface (%)")
    series.SetColor(0.32, 0.55, 0.72)
    if not chart.HasPlotSeriesNodeID(series.GetID()):
        chart.AddAndObservePlotSeriesNodeID(series.GetID())
    chart.SetTitle("Margin on the metastasis's surface")
    chart.SetXAxisTitle("signed margin, mm (below 0: tumour outside the necrosis)")
    chart.SetYAxisTitle("share of the surface, %")
    chart.SetLegendVisibility(False)


def _fill_measures(table, rows: Sequence) -> None:
    fill_table(
        table,
        {
            "Measure": [name for name, _, _ in rows],
            "Value": [number(value) for _, value, _ in rows],
            "Unit": [unit for _, _, unit in rows],
        },
    )


def _in_unit(value, unit: str):
    return 100 * value if unit == "%" and value is not None else value
