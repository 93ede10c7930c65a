"""Step 3: the table of lesions, what the reader thinks of them, the Segment Editor, the surfaces."""

import math

from SpineLib.errors import SpineError
from SpineLib.volume.review import ACCEPTED, REJECTED, UNSURE
from SpinePanel.i18n import tr as _
from SpinePanel.runs import sourceVolume
from SpinePanel.segments import openInEditor
from SpinePanel.show3d import Show3d
from SpinePanel.step import StepBase
from SpinePanel.tables import Table, swatch

#: The table follows an edit after this pause, milliseconds: while the user paints, nothing is measured.
_PAUSE_MS = 600
_COLUMNS = (_("Lesion"), _("level"), _("?"), _("ml"), _("in plane"), _("3-D"), _("prob."))
_TIPS = (
    _("Segment; the tick shows and hides it (space)"),
    _("Vertebra, where it is known"),
    _("What you think of it: accepted, rejected or unsure (keys A, R, U)"),
    _("Volume in ml"),
    _("Longest diameter within one slice, mm"),
    _("Longest diameter in space, mm"),
    _("Mean probability by the model; empty for a segment drawn by hand"),
)


#: What stands in the table for a review.
_MARKS = {"accepted": "✓", "rejected": "✗", "unsure": "?", "": ""}
_GREY = "#808080"


class ResultsStep(StepBase):
    """Lists and edits the segmentation that the parameter ``result`` names."""

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "results")
        self._segmentation, self._measured, self._seen = None, [], None
        self._stopWatching = lambda: None
        keys = {
            "A": lambda one: self._review(one, ACCEPTED),
            "R": lambda one: self._review(one, REJECTED),
            "U": lambda one: self._review(one, UNSURE),
            "Space": lambda one: self._onEye(one, not self._isShown(one)),
        }
        self._table = Table(
            ui.lesionTable, _COLUMNS, 0, range(3, 7), _TIPS, self._jump, _sameSegment, self._onEye, keys
        )
        self._pause = self.pause(_PAUSE_MS, self.measure)
        self._show3d = Show3d(ui.show3dButton, panel, lambda: self._segmentation)
        self.connect(
            (ui.editButton, "clicked(bool)", self.onEdit),
            (ui.updateButton, "clicked(bool)", self.measure),
            (ui.acceptButton, "clicked(bool)", lambda checked=False: self._reviewChosen(ACCEPTED)),
            (ui.rejectButton, "clicked(bool)", lambda checked=False: self._reviewChosen(REJECTED)),
            (ui.unsureButton, "clicked(bool)", lambda checked=False: self._reviewChosen(UNSURE)),
            (ui.lesionTable, "itemSelectionChanged()", self._onSelected),
        )

    def close(self):
        super().close()
        self._observe(None)
        self._table.close()
        self._show3d.close()

    def clear(self):
        super().clear()
        self._observe(None)
        self._list([], "")

    def update(self):
        """Follow the parameter node."""
        if self._node is None:
            return
        if self._node.result is not self._segmentation:
            self._observe(self._node.result)
            self.measure()
        there = self._segmentation is not None
        self.ui.editButton.enabled = self.ui.updateButton.enabled = there
        self._updateReview()
        self._show3d.update()

    def lookAgain(self):
        if self._stamp() != self._seen:
            self._panel.compare.changed()
            self.measure()

    def summary(self):
        if not self._measured:
            return False, ""
        looked = sum(bool(one.review) for one in self._measured)
        told = _("{count} listed, {looked} reviewed") if looked else _("{count} listed")
        return True, told.format(count=len(self._measured), looked=looked)

    def measure(self, checked=False):
        """Measure all segments, for the panel's table and the scene's; after each run and edit, and on Update table."""
        from SpineLib.scene.tables import measure_segments, update_table

        self._pause.stop()
        if self._node is None:  # It is done on coming back: the images are known then.
            return
        self._seen = self._stamp()
        segmentation, measured, problem = self._segmentation, [], ""
        if segmentation is not None:
            try:
                measured = measure_segments(segmentation, self.volume())
            except SpineError as error:
                problem = str(error)
            for table in _tablesOf(segmentation):
                update_table(table, measured)
        self._list(measured, problem)
        self._panel.later()

    def onEdit(self, checked=False):
        """Open the Segment Editor on the segmentation and the volume it was made from."""
        current = self._table.current()
        openInEditor(self._segmentation, current.segment_id if current is not None else None, self.volume())

    def chosen(self):
        """(segmentation node, segment id) of the chosen lesion; (None, "") without one."""
        current = self._table.current()
        return (None, "") if current is None else (self._segmentation, current.segment_id)

    def volume(self):
        """The volume whose voxels are counted: the segmentation's own source, else what is chosen as input."""
        return sourceVolume(self._segmentation) or next(iter(self._panel.images().values()), None)

    def _stamp(self):
        from SpineLib.scene.changes import stamp_of

        return stamp_of(self._segmentation), stamp_of(self.volume())

    def _observe(self, segmentation):
        """Follow edits of another segmentation."""
        from SpineLib.scene.changes import watch

        self._stopWatching()
        self._table.choose(None)  # ids are counted alike in all segmentations
        self._segmentation = segmentation
        self._stopWatching = watch(segmentation, self._edited)

    def _edited(self):
        """A segment was edited, added, removed, renamed or moved."""
        if self._node is not None:
            self._panel.compare.changed()
            self._pause.start()

    def _list(self, measured, problem):
        self._measured = measured
        segmentation = self._segmentation.GetSegmentation() if self._segmentation is not None else None
        colours = [segmentation.GetSegment(one.segment_id).GetColor() for one in measured]
        self._table.show(
            [_texts(one) for one in measured],
            measured,
            {row: _GREY for row, one in enumerate(measured) if one.review == REJECTED},
            icons={row: swatch(colour) for row, colour in enumerate(colours)},
            checks={row: self._isShown(one) for row, one in enumerate(measured)},
        )
        self._updateReview()
        kept = [one for one in measured if one.review != REJECTED]
        total, count = sum(one.lesion.volume_ml for one in kept if one.lesion is not None), len(kept)
        found = (
            _("{count} segment, {total:.1f} ml in total; diameters in mm.")
            if count == 1
            else (_("{count} segments, {total:.1f} ml in total; diameters in mm."))
        )
        left = len(measured) - count
        out = _("{count} rejected, left out.").format(count=left) if left else ""
        gone = "" if self.volume() is not None else _("The image is not in the scene: its grid was remembered.")
        self.ui.summaryLabel.text = problem or (
            _("No lesions to list yet.")
            if segmentation is None
            else _("The segmentation holds no segment.")
            if not measured
            else " ".join(part for part in (found.format(count=count, total=total), out, gone) if part)
        )

    def _reviewChosen(self, review):
        current = self._table.current()
        if current is not None:
            self._review(current, review)

    def _review(self, measured, review):
        """Note what the reader thinks of a lesion; the same again takes it back."""
        from SpineLib.scene.review import review_of, set_review

        if self._segmentation is not None:
            same = review_of(self._segmentation, measured.segment_id) == review
            set_review(self._segmentation, measured.segment_id, "" if same else review)
            self._panel.compare.changed(surely=True)
            self.measure()

    def _isShown(self, measured):
        from SpineLib.scene.review import is_shown

        return self._segmentation is not None and is_shown(self._segmentation, measured.segment_id)

    def _onEye(self, measured, shown):
        from SpineLib.scene.review import show_segment

        if self._segmentation is not None:
            show_segment(self._segmentation, measured.segment_id, shown)
            self._list(self._measured, "")

    def _onSelected(self):
        """By mouse or arrow keys: the views follow."""
        self._updateReview()
        if (current := self._table.current()) is not None:
            self._jump(current)
        self._panel.later()  # other steps are about the chosen lesion

    def _updateReview(self):
        chosen = self._segmentation is not None and self._table.current() is not None
        for button in (self.ui.acceptButton, self.ui.rejectButton, self.ui.unsureButton):
            button.enabled = chosen

    def _jump(self, measured):
        from SpineLib.scene.views import jump_to

        if measured.lesion is not None:
            jump_to(measured.lesion.centre_ras_mm)


def _texts(measured):
    """A row of the table."""
    lesion, mark = measured.lesion, _MARKS[measured.review]
    if lesion is None:
        return measured.name, "", mark, "", "", "", ""
    probability = lesion.mean_probability
    return (
        measured.name,
        getattr(lesion, "level", "") or "–",
        mark,
        f"{lesion.volume_ml:.2f}",
        f"{lesion.diameter_in_plane_mm:.1f}",
        f"{lesion.diameter_3d_mm:.1f}",
        "" if math.isnan(probability) else f"{probability:.2f}",
    )


def _sameSegment(chosen, measured):
    """The segment chosen before, whatever its row and its size now."""
    return next((row for row, one in enumerate(measured) if one.segment_id == chosen.segment_id), None)


def _tablesOf(segmentation):
    """The scene's lesion tables of a segmentation."""
    import slicer

    from SpineLib.scene.tables import SEGMENTATION_ROLE

    return [
        table
        for table in slicer.util.getNodesByClass("vtkMRMLTableNode")
        if table.GetNodeReferenceID(SEGMENTATION_ROLE) == segmentation.GetID()
    ]
