"""Step 4: compare the listed segmentation with a reference, all together and lesion by lesion."""

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.segments import chosenSegment, fillSegments
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

_ALL = ((_("All segments"), ""),)
_COLUMNS = (_("Lesion"), _("Dice"), _("TPR"), _("mean mm"), _("95 % mm"))
_TIPS = (
    _("Lesion of the reference, and what is compared with it"),
    _("Dice coefficient"),
    _("True positive rate: share of the reference that was found"),
    _("Average distance of the surfaces, mm"),
    _("95 % Hausdorff distance of the surfaces, mm"),
)


class CompareStep(StepBase):
    """Everything of the step."""

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "compare")
        self._compared = self._reference = self._seen = None
        self._table = None
        self._stop = lambda: None
        self._rows = Table(ui.agreementTable, _COLUMNS, 0, range(1, 5), _TIPS, self._jump)
        self._tell([])
        self.connect(
            (ui.compareButton, "clicked(bool)", self.onCompare),
            (ui.referenceSegmentCombo, "activated(int)", self._onChosen),
            (ui.comparedSegmentCombo, "activated(int)", self._onChosen),
        )

    def close(self):
        super().close()
        self._stop()
        self._rows.close()

    def clear(self):
        super().clear()
        self._stop()
        self._compared = self._reference = self._table = None
        self._tell([])

    def refresh(self):
        super().refresh()
        self.ui.agreementTable.visible = self.ui.agreementTable.rowCount > 0 and not self.ui.compareSection.collapsed

    def update(self):
        from SpineLib.scene.changes import watch

        node, ui = self._node, self.ui
        if node is None:
            return
        if node.reference is not self._reference:
            self._stop()
            self._reference, self._stop = node.reference, watch(node.reference, self._edited)
        fillSegments(ui.referenceSegmentCombo, node.reference, _ALL)
        fillSegments(ui.comparedSegmentCombo, node.result, _ALL)
        there = node.result is not None and node.reference is not None
        ui.compareButton.enabled = there and self._panel.results.volume() is not None
        self._onChosen()

    def changed(self, surely=False):
        """One of the two was edited, or something noted on it: what was said of it may not hold any more."""
        if self._compared is not None and (surely or self._stamp() != self._seen):
            self._compared = None
            self._tell([])

    def lookAgain(self):
        self.changed()

    def onCompare(self, checked=False):
        """The listed segmentation against the reference: overlap and distances, in the panel and as a table node."""
        from SpineLib.scene.compare import compare_segments, fill_agreement

        reference, compared = self._chosen()
        try:
            rows = compare_segments(reference, compared, self._panel.results.volume())
        except SpineError as error:
            self._panel.error(self.widgets, str(error))
            return
        self._table = fill_agreement(rows, reference[0], compared[0], self._table)
        self._compared, self._seen = self._chosen(), self._stamp()
        self._tell(rows)

    def _tell(self, rows):
        """The sentence of all together, and a line for each lesion; none empties both."""
        from SpineLib.metrics.agreement import AGREEMENT_MEASURES as MEASURES
        from SpineLib.tasks.segmentation.agreement import words

        shown = rows[1:] if len(rows) > 2 else []
        self._rows.show([_texts(row) for row in shown], shown)
        if not rows:
            self.widgets.say("")
            self.refresh()
            return
        told = {key: measure.text(rows[0].values[key]) for key, measure in MEASURES.items()}
        text = _(
            "Dice {dice}, TPR {tpr}, TNR {tnr}; distance of the surfaces {average_symmetric_mm} on average, "
            "{hausdorff95_mm} at 95 % (Hausdorff). {found}. The table '{table}' holds all of it."
        ).format(**told, found=words(rows), table=self._table.GetName())
        self._panel.tell(self.widgets, text)
        self.refresh()

    @staticmethod
    def _jump(row):
        from SpineLib.scene.views import jump_to

        if row.centre_ras_mm is not None:
            jump_to(row.centre_ras_mm)

    def _edited(self):
        """The reference was edited."""
        self.changed()
        self._panel.later()

    def _stamp(self):
        from SpineLib.scene.changes import stamp_of

        return stamp_of(self._node.reference), stamp_of(self._node.result)

    def _chosen(self):
        """(segmentation node, segment id or None) of the reference, and of what is compared with it."""
        return (
            (self._node.reference, chosenSegment(self.ui.referenceSegmentCombo)),
            (self._node.result, chosenSegment(self.ui.comparedSegmentCombo)),
        )

    def _onChosen(self, index=0):
        """What was said of other segments goes."""
        if self._node is not None and self._compared not in (None, self._chosen()):
            self.changed(surely=True)


def _texts(row):
    """A line of the table."""
    from SpineLib.metrics.agreement import AGREEMENT_MEASURES as MEASURES

    name = row.reference or row.result
    name = f"{name} – {row.remark}" if row.remark else name if row.result == name else f"{name} / {row.result}"
    keys = "dice", "tpr", "average_symmetric_mm", "hausdorff95_mm"
    return name, *("" if row.remark else MEASURES[key].shown(row.values[key]) for key in keys)
