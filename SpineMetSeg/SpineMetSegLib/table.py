"""The table of lesions in the panel."""

from __future__ import annotations

import math

import qt

COLUMNS = ("Lesion", "ml", "in plane", "3-D", "prob.")
_TIPS = (
    "Segment",
    "Volume in ml",
    "Longest diameter within one slice, mm",
    "Longest diameter in space, mm",
    "Mean probability by the model; empty for a segment drawn by hand",
)


class LesionTable:
    """Fills a ``QTableWidget`` with measured segments and tells which one was clicked.

    Args:
        widget: the table.
        onClicked: gets the row's ``SpineLib.scene.tables.MeasuredSegment``.
    """

    def __init__(self, widget, onClicked):
        self._widget, self._onClicked = widget, onClicked
        self._measured = []
        widget.setColumnCount(len(COLUMNS))
        widget.setHorizontalHeaderLabels(list(COLUMNS))
        for column, tip in enumerate(_TIPS):
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.verticalHeader().visible = False
        widget.verticalHeader().setDefaultSectionSize(24)
        header = widget.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        header.setSectionResizeMode(0, qt.QHeaderView.Stretch)
        widget.connect("cellClicked(int,int)", self._clicked)

    def close(self):
        """Let go of the widget."""
        self._widget.disconnect("cellClicked(int,int)", self._clicked)

    def show(self, measured, colours):
        """Replace the rows.

        Args:
            measured: list of ``SpineLib.scene.tables.MeasuredSegment``.
            colours: (r, g, b), 0 to 1, for each of them.
        """
        self._measured = list(measured)
        self._widget.setRowCount(len(self._measured))
        for row, (one, colour) in enumerate(zip(self._measured, colours, strict=True)):
            lesion = one.lesion
            texts = (
                [one.name, "", "", "", ""]
                if lesion is None
                else [
                    one.name,
                    f"{lesion.volume_ml:.2f}",
                    f"{lesion.diameter_in_plane_mm:.1f}",
                    f"{lesion.diameter_3d_mm:.1f}",
                    "" if math.isnan(lesion.mean_probability) else f"{lesion.mean_probability:.2f}",
                ]
            )
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                else:
                    item.setIcon(_swatch(colour))
                self._widget.setItem(row, column, item)

    def current(self):
        """The selected row's measured segment, or None."""
        row = self._widget.currentRow()
        return self._measured[row] if 0 <= row < len(self._measured) else None

    def _clicked(self, row, column):
        if row < len(self._measured):
            self._onClicked(self._measured[row])


def _swatch(colour):
    """A small square of the segment's colour (r, g, b, 0 to 1)."""
    pixmap = qt.QPixmap(12, 12)
    pixmap.fill(qt.QColor(*[round(255 * part) for part in colour]))
    return qt.QIcon(pixmap)
