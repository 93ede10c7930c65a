"""What Slicer draws of a plot series: it ignores the column of x for lines and bars."""

from __future__ import annotations


def drawn(series):
    """(x, y) of a series as a plot view draws them, two lists; x are rows' numbers where the column is ignored."""
    table = series.GetTableNode().GetTable()
    count = table.GetNumberOfRows()
    by_row = series.GetPlotType() in (series.PlotTypeLine, series.PlotTypeBar)
    x = None if by_row else table.GetColumnByName(series.GetXColumnName())
    y = table.GetColumnByName(series.GetYColumnName())
    places = range(count) if x is None else [x.GetVariantValue(row).ToDouble() for row in range(count)]
    return [float(place) for place in places], [y.GetVariantValue(row).ToDouble() for row in range(count)]
