"""The nodes of a comparison: tables, the metastasis's surface painted with the margin, a histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import slicer
import vtk
from vtk.util import numpy_support

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import areas_at_points
from SpineLib.metrics.ablation import DISTANCE, OVERLAP, bin_figures_of, figures_of
from SpineLib.reports.margin import margin_colours, scale_ends
from SpineLib.scene.legend import show_legend
from SpineLib.scene.surfaces import colour_table, fill_figures, fill_table, in_ras, number, read_polydata
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
#: The colours of the margin: nodes of this name, one for each range; ten entries a mm, so that 0 lies between two.
COLOURS, _ENTRIES_A_MM = "Ablation margin", 10


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
    fill_figures(nodes["Overlap"], figures_of(comparison, OVERLAP))
    fill_figures(nodes["Distance"], [*figures_of(comparison, DISTANCE), *bin_figures_of(comparison)])
    pieces = comparison[OVERLAP]["pieces"]
    fill_table(
        nodes["Untreated"],
        {
            "Piece": [str(n) for n in range(1, len(pieces) + 1)],
            "Volume (ml)": [piece["volume_ml"] for piece in pieces],
            "Depth (mm)": [number(piece["depth_mm"]) for piece in pieces],
            "Where": [piece["where"] for piece in pieces],
            **{f"{axis} (mm)": [piece["centre_ras_mm"][n] for piece in pieces] for n, axis in enumerate("RAS")},
        },
    )
    _paint(nodes["Surface"], poly, scale_ends(surface.margin_mm))
    _fill_chart(nodes, surface)


def margin_colour_node(limits: tuple[float, float]):
    """The scene's colour node of margins between two limits (mm), made when it is not there."""
    return colour_table(_colours_name(limits), limits, round(_ENTRIES_A_MM * (limits[1] - limits[0])), margin_colours)


def _colours_name(limits: Sequence[float]) -> str:
    return f"{COLOURS} {limits[0]:g} to {limits[1]:g} mm"


def _read_surface(path):
    """Poly data in RAS, and the surface for statistics."""
    poly = read_polydata(path)
    margin = poly.GetPointData().GetArray(MARGIN)
    if margin is None or not poly.GetNumberOfPoints():
        raise SpineError("The result of the comparison is incomplete: compare again.")
    points = numpy_support.vtk_to_numpy(poly.GetPoints().GetData())
    triangles = numpy_support.vtk_to_numpy(poly.GetPolys().GetConnectivityArray()).reshape(-1, 3)
    surface = MarginSurface(points, triangles, numpy_support.vtk_to_numpy(margin), areas_at_points(points, triangles))
    return in_ras(poly), surface


def _paint(model, poly, limits: tuple[float, float]) -> None:
    model.SetAndObservePolyData(poly)
    new = model.GetDisplayNode() is None
    if new:
        model.CreateDefaultDisplayNodes()
    display = model.GetDisplayNode()
    display.SetActiveScalar(MARGIN, vtk.vtkAssignAttribute.POINT_DATA)
    if not (new or display.GetColorNode().GetName() == _colours_name(display.GetScalarRange())):
        return  # the user has chosen another range, or other colours
    display.SetAndObserveColorNodeID(margin_colour_node(limits).GetID())
    display.SetScalarRangeFlag(display.UseManualScalarRange)
    display.SetScalarRange(*limits)
    if not new:
        return
    display.SetScalarVisibility(True)
    display.SetVisibility2D(False)
    show_legend(model, "Margin", "%+.0f mm", 4)


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
    series.SetPlotType(series.PlotTypeScatterBar)  # a plain bar chart is drawn over the row numbers
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
