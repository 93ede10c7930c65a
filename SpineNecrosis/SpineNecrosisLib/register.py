"""Step 3: lay the scan after on the scan before, look whether it fits, correct it by hand."""

import logging

import slicer

from SpineLib.errors import SpineError
from SpineLib.sequences import PAIRS
from SpineNecrosisLib.runs import RegisterRun
from SpinePanel import style
from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase

#: The checkerboard follows a change after this pause, milliseconds.
_PAUSE_MS = 500


class Register(StepBase):
    """Everything of the step."""

    TIP = _("Find the transform that moves the scan after onto the scan before around the treated metastasis")

    def __init__(self, ui, panel):
        from SpineLib.scene.blend import SliceBlend

        super().__init__(ui, panel, "register")
        self._transform = self._tag = self._moved = None
        self._watched, self._stops = (), []
        self._pairs, self._warning = [], False
        self.blend = SliceBlend()
        self._pause = self.pause(_PAUSE_MS, self._renewBoard)
        self.connect(
            (ui.pairCombo, "activated(int)", self._onPair),
            (ui.roiSelector, "nodeAddedByUser(vtkMRMLNode*)", self._onRoiAdded),
            (ui.beforePointsSelector, "nodeAddedByUser(vtkMRMLNode*)", self._placeBefore),
            (ui.afterPointsSelector, "nodeAddedByUser(vtkMRMLNode*)", self._placeAfter),
            (ui.acceptCheckBox, "clicked(bool)", self.onAccept),
            (ui.handlesButton, "clicked(bool)", self.onHandles),
            (ui.transformsButton, "clicked(bool)", self.onTransforms),
            (ui.fadeCheckBox, "clicked(bool)", self.onFade),
            (ui.checkerCheckBox, "clicked(bool)", self.onChecker),
            (ui.fadeSlider, "valueChanged(double)", self._onOpacity),
        )

    def close(self):
        super().close()
        self._follow(None)
        self._watch(())
        self.blend.off()

    def clear(self):
        super().clear()
        self._follow(None)
        self._watch(())
        self._moved = None
        self.blend.forget()
        self._showBlend()

    def update(self):
        """Follow parameter node and job."""
        node, ui = self._node, self.ui
        super().update()
        if node is None:
            return
        self.widgets.keepFor(node.transform)
        self._updatePairs()
        if node.transform is not self._transform:
            self._follow(node.transform)
        self._move()
        self._watch(self._after(node))
        self._tell()
        there = self._transform is not None
        ui.moveCheckBox.enabled = ui.handlesButton.enabled = ui.transformsButton.enabled = there
        both = self._volumes() != (None, None) and None not in self._volumes()
        ui.fadeCheckBox.enabled = ui.checkerCheckBox.enabled = both
        if self.blend.on and not both:
            self.blend.off()
            self._showBlend()

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        before, after = self._volumes()
        if before is None or after is None:
            return _("Choose a scan from before and one from after the ablation, in steps 1 and 2.")
        sides = self._panel.scansBefore(self._node), self._panel.scansAfter(self._node)
        scans = [{volume for volume in side.values() if volume} for side in sides]
        if scans[0] & scans[1]:
            return _("Before and after are the same volume: choose two different scans.")
        if self._node.roi is None and (missing := self._panel.metastasis.missing()):
            return _("{missing} Or choose a region of interest.").format(missing=missing)
        return ""

    def summary(self):
        """(whether the step is done, a few words)."""
        from SpineLib.scene.registration import registration_record, trust

        if self._transform is None:
            return False, ""
        if not registration_record(self._transform):
            return True, _("own transform")
        error, trusted = trust(self._transform)
        return trusted, _("error {error:.1f} mm").format(error=error) if trusted and error is not None else _(
            "check the fit"
        )

    def onApply(self, checked=False):
        """Ask what is in doubt, then start a run; a second click while it runs does nothing."""
        if self.reason():
            return
        node = self._node
        before, after = self._volumes()
        if not self._panel.agreed(before, after):
            return
        # Read now: by the time the scans are written the user may have chosen otherwise.
        chosen = self._panel.metastasis.chosen()
        points = node.beforePoints, node.afterPoints
        run = RegisterRun(before, after, chosen, node.roi, *points, registration=node.transform)
        self._panel.start(self.widgets, run, self._onResult)

    def onAccept(self, checked=False):
        """The user looked, and the scans fit: the comparison may rely on it."""
        from SpineLib.scene.registration import accept

        if self._transform is not None:
            accept(self._transform, checked)
            self._panel.update()
            self._panel.compare.changed()

    def onHandles(self, checked=False):
        """Show or hide handles in the views that shift and turn the transform."""
        transform = self._transform
        if transform is None:
            return
        if transform.GetDisplayNode() is None:
            transform.CreateDefaultDisplayNodes()
        if checked:
            self._centre(transform)
        display = transform.GetDisplayNode()
        display.SetEditorScalingEnabled(False)
        display.SetEditorScalingSliceEnabled(False)
        display.SetEditorVisibility(checked)
        display.SetEditorVisibility3D(checked)
        display.SetEditorSliceIntersectionVisibility(checked)
        if checked:
            display.UpdateEditorBounds()

    def _centre(self, transform):
        """Turn about the metastasis: about the origin, a turn by 5 degrees would shift it by millimetres."""
        import numpy as np

        from SpineLib.scene.segmentvolumes import segments_volume
        from SpineLib.volume.places import to_lps

        if self._panel.metastasis.missing():
            return
        try:
            mask = segments_volume(*self._panel.metastasis.chosen(), "metastasis")
        except SpineError:  # the handles are there all the same
            return
        place = to_lps(np.argwhere(mask.array), mask).mean(axis=0) * (-1, -1, 1)
        matrix = slicer.util.arrayFromTransformMatrix(transform, toWorld=True)
        transform.SetCenterOfTransformation(*(np.linalg.inv(matrix) @ [*place, 1.0])[:3])

    def onTransforms(self, checked=False):
        """Open the module Transforms with the transform chosen."""
        try:
            slicer.util.selectModule("Transforms")
        except RuntimeError:
            logging.info("The module Transforms is not shown: there is no main window.")
            return
        self._panel.chooseTransform(self._transform)

    def onFade(self, checked=False):
        """Fade both scans into each other, or give the views back."""
        self._look(checked, lambda before, after: self.blend.fade(before, after, self._node.fade))

    def onChecker(self, checked=False):
        """A checkerboard of both, or the views as before."""
        self._look(checked, self.blend.check)

    def changed(self):
        """The transform moved: what is drawn from it follows."""
        if self.blend.checkerboard:
            self._pause.start()
        self._tell()
        self._panel.titles()

    def _look(self, wanted, show):
        try:
            if wanted and self._node is not None:
                show(*self._volumes())
            else:
                self.blend.off()
        except SpineError as error:
            self._panel.error(self.widgets, str(error))
        self._showBlend()

    def _showBlend(self):
        self.ui.fadeCheckBox.checked = self.blend.on and not self.blend.checkerboard
        self.ui.checkerCheckBox.checked = self.blend.checkerboard

    def _onOpacity(self, value):
        if self.blend.on and not self.blend.checkerboard and None not in self._volumes():
            self.blend.fade(*self._volumes(), value)

    def _renewBoard(self):
        if self.blend.checkerboard and self._node is not None and None not in self._volumes():
            self._look(True, self.blend.check)

    def _onResult(self, imported):
        from SpineLib.scene.registration import is_untouched

        node = self._panel.parameterNode()
        former, node.transform = node.transform, imported.transform
        self._follow(imported.transform)
        self._move()
        if former is not None and former is not imported.transform and is_untouched(former):
            slicer.mrmlScene.RemoveNode(former)  # a run made it, nobody has changed it, and this one is in its place
        self._tell()
        self._panel.tell(self.widgets, " ".join(imported.notes) or _("Registered."), about=imported.transform)

    def _follow(self, transform):
        """Watch another transform."""
        if self._transform is not None and self._tag is not None:
            self._transform.RemoveObserver(self._tag)
        self._transform, self._tag = transform, None
        if transform is not None:
            event = slicer.vtkMRMLTransformableNode.TransformModifiedEvent
            self._tag = transform.AddObserver(event, self._onTransformModified)
        display = transform.GetDisplayNode() if transform is not None else None
        self.ui.handlesButton.checked = bool(display and display.GetEditorVisibility())

    def _onTransformModified(self, caller, event):
        self.changed()
        self._panel.compare.changed()

    def _move(self):
        """Put the scans after (and what belongs to them) under the transform, or take them off, as the tick says."""
        from SpineLib.scene.scans import put_under, take_off

        node, transform = self._node or self._panel.parameterNode(), self._transform
        nodes = self._after(node)
        key = (transform, node.moveAfter, *nodes)
        if key == self._moved:
            return
        earlier, self._moved = self._moved, key
        if earlier is not None and earlier[0] is not None and earlier[0] is not transform:
            take_off(earlier[0], nodes)
        if transform is None:
            return
        if not node.moveAfter:
            take_off(transform, nodes)
        elif left := put_under(transform, nodes):
            self.widgets.say(
                _("{count} of the nodes from after lie under another transform, and were not moved.").format(
                    count=len(left)
                ),
                warning=True,
            )

    @staticmethod
    def _after(node):
        """What belongs to the scan from after."""
        return [one for one in (node.afterCeT1, node.afterT2, node.necrosis, node.afterPoints) if one is not None]

    def attention(self):
        return self._warning or super().attention()

    def takenAway(self):
        """A sentence where something that was put under the transform lies there no longer; "" else."""
        from SpineLib.scene.scans import taken_away

        node = self._node
        gone = taken_away(self._transform, self._after(node)) if node is not None and node.moveAfter else []
        if not gone:
            return ""
        return _(
            "Not under this transform any more, as it was hardened or moved by hand: {names}. Choose None as transform "
            "where it was hardened; otherwise put it under the transform again in the module Data."
        ).format(names=", ".join(one.GetName() for one in gone))

    def _watch(self, nodes):
        """Hear of it when a node is hardened, or moved from under the transform."""
        from SpineLib.scene.changes import watch

        if tuple(nodes) == tuple(self._watched):
            return
        for stop in self._stops:
            stop()
        self._watched, self._stops = tuple(nodes), [watch(one, self._panel.later) for one in nodes]

    def _tell(self):
        """Quality in words, in red where it is a warning; the tick to accept only where it is needed."""
        from SpineLib.scene.registration import quality_text, registration_record

        label, box = self.ui.qualityLabel, self.ui.acceptCheckBox
        label.text, warning = quality_text(self._transform)
        if gone := self.takenAway():
            label.text, warning = gone, True
        self._warning = warning and bool(label.text)
        label.styleSheet = style.sentence("error" if warning else "note")
        shown = not self.ui.registerSection.collapsed
        label.visible = bool(label.text) and shown
        record = registration_record(self._transform)
        box.visible = bool(record) and not record["quality"]["trusted"] and shown
        box.checked = bool(record.get("accepted"))

    def _updatePairs(self):
        """The pairs of sequences that can be registered."""
        pairs = [pair for pair in PAIRS if all(self._volumesOf(pair))]
        combo, texts = (
            self.ui.pairCombo,
            [_("{before} before with {after} after").format(before=before, after=after) for before, after in pairs],
        )
        if pairs != self._pairs or combo.count == 0:
            self._pairs = pairs
            blocked = combo.blockSignals(True)
            combo.clear()
            for text in texts or [_("Choose scans in steps 1 and 2 first")]:
                combo.addItem(text)
            combo.enabled = bool(pairs)
            combo.blockSignals(blocked)
        if pairs:
            combo.currentIndex = pairs.index(self._pair())

    def _onRoiAdded(self, roi):
        """Around the metastasis where there is one; otherwise the user places it."""
        from SpineLib.scene.registration import fit_roi
        from SpineLib.scene.segmentvolumes import segments_volume

        roi.CreateDefaultDisplayNodes()
        if self._node is None or self._panel.metastasis.missing():
            self._place(roi, False)
            return
        try:
            fit_roi(roi, segments_volume(*self._panel.metastasis.chosen(), "metastasis"))
        except SpineError as error:
            self._panel.error(self.widgets, str(error))

    def _placeBefore(self, markups):
        from SpineLib.tasks.colours import LANDMARKS_BEFORE

        self._landmarks(markups, self._volumes()[0], LANDMARKS_BEFORE, "b%d")

    def _placeAfter(self, markups):
        from SpineLib.tasks.colours import LANDMARKS_AFTER

        self._landmarks(markups, self._volumes()[1], LANDMARKS_AFTER, "a%d")

    def _landmarks(self, markups, volume, colour, labels):
        """Points that are told from those of the other scan, on the scan that they belong to."""
        markups.CreateDefaultDisplayNodes()
        markups.GetDisplayNode().SetSelectedColor(*colour)
        markups.GetDisplayNode().SetColor(*colour)
        markups.SetControlPointLabelFormat(labels)
        if volume is not None and not self.blend.on:
            slicer.util.setSliceViewerLayers(background=volume)
        self._place(markups)

    def _place(self, markups, persistent=True):
        """Let the user place points at once, until the right mouse button ends it."""
        markups.CreateDefaultDisplayNodes()
        logic = slicer.modules.markups.logic()
        logic.SetActiveList(markups)
        logic.StartPlaceMode(persistent)

    def _onPair(self, index):
        if self._node is not None and 0 <= index < len(self._pairs):
            self._node.pair = " ".join(self._pairs[index])

    def _volumes(self):
        """The two scans that are registered and shown; (None, None) without a pair."""
        return self._volumesOf(self._pair()) if self._node is not None and self._pairs else (None, None)

    def _pair(self):
        """What the user chose while it is there, else the best of those that are there by now."""
        chosen = tuple(self._node.pair.split())
        return chosen if chosen in self._pairs else self._pairs[0]

    def _volumesOf(self, pair):
        before, after = self._panel.scansBefore(self._node), self._panel.scansAfter(self._node)
        return before.get(pair[0]), after.get(pair[1])
