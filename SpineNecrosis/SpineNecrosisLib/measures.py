"""The two tables of a comparison in the panel: measures, and untreated pieces."""

import math

import qt

_PIECES = ("No.", "ml", "deep, mm", "where in the metastasis")


class MeasureTables:
    """Fills the tables and tells which piece was clicked.

    Args:
        measures, pieces: ``QTableWidget``.
        onPiece: gets the clicked piece's centre, RAS mm, in the space of the scan before.
    """

    def __init__(self, measures, pieces, onPiece):
        self._measures, self._widget, self._onPiece = measures, pieces, onPiece
        self._pieces = []
        for widget, titles in ((measures, ("Measure", "Value")), (pieces, _PIECES)):
            widget.setColumnCount(len(titles))
            widget.setHorizontalHeaderLabels(list(titles))
            widget.verticalHeader().visible = False
            widget.verticalHeader().setDefaultSectionSize(22)
            header = widget.horizontalHeader()
            header.setHighlightSections(False)
            header.setSectionResizeMode(qt.QHeaderView.ResizeToContents)
            header.setSectionResizeMode(0 if widget is measures else len(titles) - 1, qt.QHeaderView.Stretch)
        pieces.connect("cellClicked(int,int)", self._clicked)

    def close(self):
        self._widget.disconnect("cellClicked(int,int)", self._clicked)

    def show(self, comparison):
        """Fill both; {} empties them.

        Args:
            comparison: ``SpineLib.tasks.followup.compare.Comparison.to_dict``.
        """
        from SpineLib.scene.comparisonnodes import distance_rows, overlap_rows

        rows, self._pieces = [], []
        if comparison:
            rows = [*overlap_rows(comparison["overlap"]), *distance_rows(comparison["distance"])]
            self._pieces = comparison["overlap"]["pieces"]
        self._measures.setRowCount(len(rows))
        for row, (name, value, unit) in enumerate(rows):
            self._put(self._measures, row, (name, _text(value, unit)), {1})
        self._widget.setRowCount(len(self._pieces))
        for row, piece in enumerate(self._pieces):
            depth = "" if piece["depth_mm"] is None else f"{piece['depth_mm']:.1f}"
            texts = (str(row + 1), f"{piece['volume_ml']:.2f}", depth, piece["where"])
            self._put(self._widget, row, texts, {0, 1, 2})

    @staticmethod
    def _put(widget, row, texts, right):
        for column, text in enumerate(texts):
            item = qt.QTableWidgetItem(text)
            if column in right:
                item.setTextAlignment(qt.Qt.AlignRight | qt.Qt.AlignVCenter)
            widget.setItem(row, column, item)

    def _clicked(self, row, column):
        if row < len(self._pieces):
            self._onPiece(self._pieces[row]["centre_ras_mm"])


def _text(value, unit):
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.{2 if unit == 'ml' else 0 if unit == 'mm²' else 1}f} {unit}"
