"""The two tables of a comparison in the panel: measures, and untreated pieces."""

from SpinePanel.i18n import tr as _
from SpinePanel.tables import Table

_PIECES = (_("No."), _("ml"), _("deep, mm"), _("where in the metastasis"))


class MeasureTables:
    """Fills the tables and tells which piece was clicked.

    Args:
        measures, pieces: ``QTableWidget``.
        onPiece: gets the clicked piece's centre, RAS mm, in the space of the scan before.
    """

    def __init__(self, measures, pieces, onPiece):
        self._measures = Table(measures, (_("Measure"), _("Value")), 0, {1})
        self._pieces = Table(pieces, _PIECES, 3, {0, 1, 2}, onClicked=lambda piece: onPiece(piece["centre_ras_mm"]))

    def close(self):
        self._measures.close()
        self._pieces.close()

    def show(self, comparison):
        """Fill both; {} empties them.

        Args:
            comparison: ``SpineLib.tasks.followup.compare.Comparison.to_dict``.
        """
        from SpineLib.metrics.ablation import bin_figures_of, figures_of

        rows, pieces = [], []
        if comparison:
            rows = [*figures_of(comparison), *bin_figures_of(comparison)]
            pieces = comparison["overlap"]["pieces"]
        self._measures.show([(figure.label, figure.text(value)) for figure, value in rows])
        self._pieces.show([_row(number, piece) for number, piece in enumerate(pieces, 1)], pieces)


def _row(number, piece):
    depth = "" if piece["depth_mm"] is None else f"{piece['depth_mm']:.1f}"
    return str(number), f"{piece['volume_ml']:.2f}", depth, piece["where"]
