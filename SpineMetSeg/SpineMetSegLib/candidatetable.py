"""The table of candidates in the panel."""

from __future__ import annotations

import qt

COLUMNS = ("No.", "prob.", "cm²", "ml")
_TIPS = (
    "From the top of the spine downwards; the number beside the point in the views",
    "Likelihood of a metastasis, by the model",
    "Area in the slice that shows most of it, cm²",
    "Volume, ml",
)


class CandidateTable:
    """Fills a ``QTableWidget`` with candidates and tells which one was clicked.

    Args:
        widget: the table.
        onClicked: gets the row's candidate.
    """

    def __init__(self, widget, onClicked):
        self._widget, self._onClicked = widget, onClicked
        self._candidates = []
        widget.setColumnCount(len(COLUMNS))
        widget.setHorizontalHeaderLabels(list(COLUMNS))
        for column, tip in enumerate(_TIPS):
            widget.horizontalHeaderItem(column).setToolTip(tip)
        widget.verticalHeader().visible = False
        widget.verticalHeader().setDefaultSectionSize(24)
        header = widget.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(qt.QHeaderView.Stretch)
        widget.connect("cellClicked(int,int)", self._clicked)

    def close(self):
        """Let go of the widget."""
        self._widget.disconnect("cellClicked(int,int)", self._clicked)

    def show(self, candidates):
        """Replace the rows; the chosen row stays chosen while it exists."""
        self._candidates = list(candidates)
        self._widget.setRowCount(len(self._candidates))
        for row, one in enumerate(self._candidates):
            texts = (str(one.id), f"{one.probability:.2f}", f"{one.area_cm2:.1f}", f"{one.volume_ml:.1f}")
            for column, text in enumerate(texts):
                item = qt.QTableWidgetItem(text)
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
                self._widget.setItem(row, column, item)

    def current(self):
        """The selected row's candidate, or None."""
        row = self._widget.currentRow()
        return self._candidates[row] if 0 <= row < len(self._candidates) else None

    def _clicked(self, row, column):
        if row < len(self._candidates):
            self._onClicked(self._candidates[row])
