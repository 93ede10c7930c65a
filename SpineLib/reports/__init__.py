"""Results for people: tables, pictures, charts and a page that stands alone."""

from SpineLib.reports.charts import Interval, interval_chart
from SpineLib.reports.page import Section, Tile, facts, write_page
from SpineLib.reports.tables import Column, Table
from SpineLib.reports.viewer import Layer, sagittal_index, slice_viewer

__all__ = [
    "Column",
    "Interval",
    "Layer",
    "Section",
    "Table",
    "Tile",
    "facts",
    "interval_chart",
    "sagittal_index",
    "slice_viewer",
    "write_page",
]
