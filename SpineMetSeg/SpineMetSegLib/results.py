"""The lower half of the panel: table of lesions, Segment Editor, comparison with a reference."""

import math

import qt

from SpineLib.errors import SpineError
from SpineMetSegLib.run import tablesOf
from SpineMetSegLib.table import LesionTable
from SpinePanel.runs import sourceVolume
from SpinePanel.segments import chosenSegment, fillSegments, openInEditor

#: The table follows an edit after this pause, milliseconds: while the user paints, nothing is measured.
_PAUSE_MS = 600
_ALL = (("All segments", ""),)


class Results:
    """Lists, edits and compares the segmentation that the parameter ``result`` names.

    Args:
        ui: widgets of the ``.ui`` by name.
        showError: gets a sentence for the user.
    """

    def __init__(self, ui, showError):
        self.ui, self._showError = ui, showError
        self._node = self._segmentation = self._stopWatching = None
        self._table = LesionTable(ui.lesionTable, self._jump)
        self._pause = qt.QTimer()
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._connections = (
            (self._pause, "timeout()", self.measure),
            (ui.editButton, "clicked(bool)", self.onEdit),
            (ui.updateButton, "clicked(bool)", self.measure),
            (ui.compareButton, "clicked(bool)", self.onCompare),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    def close(self):
        self._pause.stop()
        self._observe(None)
        self._table.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)

    def setParameterNode(self, parameterNode):
        self._node = parameterNode

    def clear(self):
        """The scene is being closed."""
        self._observe(None)
        self._table.show([], [])
        self.ui.compareLabel.text = ""

    def update(self):
        """Follow the parameter node."""
        if self._node is None:
            return
        if self._node.result is not self._segmentation:
            self._observe(self._node.result)
            self.measure()
        fillSegments(self.ui.referenceSegmentCombo, self._node.reference, _ALL)
        fillSegments(self.ui.comparedSegmentCombo, self._node.result, _ALL)
        there = self._segmentation is not None
        self.ui.editButton.enabled = self.ui.updateButton.enabled = there
        possible = there and self._node.reference is not None and self._volume() is not None
        self.ui.compareButton.enabled = possible

    def measure(self, checked=False):
        """Measure all segments, for the panel's table and the scene's; after each run and edit, and on Update table."""
        from SpineLib.scene.tables import measure_segments, update_table

        self._pause.stop()
        segmentation, measured, problem = self._segmentation, [], ""
        volume = self._volume()
        if segmentation is not None and volume is None:
            problem = (
                "The volume this segmentation was made from is not in the scene: choose it as T1 or T2 to measure."
            )
        elif segmentation is not None:
            try:
                measured = measure_segments(segmentation, volume)
            except SpineError as error:
                problem = str(error)
            for table in tablesOf(segmentation):
                update_table(table, measured)
        inner = segmentation.GetSegmentation() if segmentation is not None else None
        self._table.show(measured, [inner.GetSegment(one.segment_id).GetColor() for one in measured])
        total = sum(one.lesion.volume_ml for one in measured if one.lesion is not None)
        self.ui.summaryLabel.text = problem or (
            "No lesions to list yet."
            if segmentation is None
            else "The segmentation holds no segment."
            if not measured
            else f"{len(measured)} segment{'s' if len(measured) > 1 else ''}, {total:.1f} ml in total; diameters in mm."
        )

    def onEdit(self, checked=False):
        """Open the Segment Editor on the segmentation and the volume it was made from."""
        current = self._table.current()
        openInEditor(self._segmentation, current.segment_id if current is not None else None, self._volume())

    def onCompare(self, checked=False):
        """Dice, true positive rate and true negative rate of the listed segmentation against the reference."""
        from SpineLib.scene.compare import compare_segments

        try:
            overlap = compare_segments(
                (self._node.reference, chosenSegment(self.ui.referenceSegmentCombo)),
                (self._segmentation, chosenSegment(self.ui.comparedSegmentCombo)),
                self._volume(),
            )
        except SpineError as error:
            self._showError(str(error))
            return
        self.ui.compareLabel.text = (
            f"Dice {_percent(overlap.dice)}, TPR {_percent(overlap.tpr)}, TNR {_percent(overlap.tnr, 2)}"
        )

    def _volume(self):
        """The volume whose voxels are counted: the segmentation's own source, else what is chosen as input."""
        node = self._node
        return sourceVolume(self._segmentation) or (node and (node.t1 or node.t2)) or None

    def _observe(self, segmentation):
        """Follow edits of another segmentation."""
        from SpineLib.scene.tables import watch_segments

        if self._stopWatching:
            self._stopWatching()
        self._segmentation = segmentation
        self._stopWatching = watch_segments(segmentation, self._edited) if segmentation is not None else None

    def _edited(self):
        self._pause.start()

    def _jump(self, measured):
        from SpineLib.scene.views import jump_to

        if measured.lesion is not None:
            jump_to(measured.lesion.centre_ras_mm)


def _percent(value, decimals=1):
    return "undefined (nothing there)" if math.isnan(value) else f"{100 * value:.{decimals}f} %"
