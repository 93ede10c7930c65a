"""The section Detect: search an image, list suspicious places, segment or refine one of them."""

import traceback

from SpineLib.errors import SpineError
from SpineMetSegLib.candidatetable import CandidateTable
from SpineMetSegLib.detectors import detectors, noteOn, sequenceOf
from SpineMetSegLib.detectruns import DetectionRun, RefineRun, SegmentCandidateRun
from SpineMetSegLib.models import fittingModels
from SpineMetSegLib.run import SEQUENCES
from SpinePanel.cards import cardHtml
from SpinePanel.jobs import JobRunner
from SpinePanel.packages import installOptional
from SpinePanel.runs import sourceVolume

#: What the active contour needs and Slicer does not bring.
_CONTOUR = ("scikit-image>=0.22", "skimage")


class Detect:
    """Everything of the section; the rest of the panel tells it what else runs.

    Args:
        ui: widgets of the ``.ui`` by name.
        parameterNode: callable that gives the module's parameter node also while the module is hidden.
        showNote, showError: get a sentence for the user; the latter also details for the log.
        onSegment: called when a segment came to the segmentation that the parameter ``result`` names.
        otherReason: callable: why no job can start now, "" when it can.
        onStateChanged: called when a job of this section begins or ends.
    """

    def __init__(self, ui, parameterNode, showNote, showError, onSegment, otherReason, onStateChanged):
        self.ui, self._anyNode = ui, parameterNode
        self._showNote, self._showError, self._onSegment = showNote, showError, onSegment
        self._otherReason = otherReason
        self._node = self._run = self._key = self._listed = self._overlay = None
        self._cards, self._candidates, self._closing = [], [], False
        self._table = CandidateTable(ui.candidateTable, self._jump)
        self.jobs = JobRunner(self._onProgress, self._onResult, self._onError, self._onCancelled, onStateChanged)
        self._connections = (
            (ui.detectSelector, "nodeAboutToBeRemoved(vtkMRMLNode*)", self._onNodeRemoved),
            (ui.detectButton, "clicked(bool)", self.onDetect),
            (ui.detectCancelButton, "clicked(bool)", self.onCancel),
            (ui.segmentCandidateButton, "clicked(bool)", self.onSegmentCandidate),
            (ui.refineButton, "clicked(bool)", self.onRefine),
            (ui.detectModelCombo, "activated(int)", self._onModelChosen),
            (ui.candidateTable, "itemSelectionChanged()", self._updateButtons),
        )
        for widget, signal, slot in self._connections:
            widget.connect(signal, slot)

    def close(self):
        """End the worker, give the views back what they showed, let go of the widgets."""
        self.jobs.close()
        self._forgetRun()
        self._show(None)
        self._table.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)

    def setParameterNode(self, parameterNode):
        self._node, self._key = parameterNode, None

    def clear(self):
        """The scene is being closed: a job whose image goes away has no sense any more."""
        self._closing = self.jobs.busy
        self.jobs.cancel()
        self._show(None)
        self._list(None)

    def update(self):
        """Follow parameter node and job."""
        ui, node, busy = self.ui, self._node, self.jobs.busy
        ui.detectProgressBar.visible = ui.detectStageLabel.visible = busy
        ui.detectCancelButton.enabled = busy and not self.jobs.cancelling
        for widget in (ui.detectSelector, ui.detectModelCombo, ui.candidateSlider, ui.areaSlider, ui.columnCheckBox):
            widget.enabled = node is not None
        if node is not None:
            self._updateModels()
            self._follow()
        self._updateButtons()

    def onDetect(self, checked=False):
        """Search the image; a second click while it runs does nothing."""
        if self._reasonNotToDetect():
            return
        node = self._node
        self._start(
            DetectionRun(
                node.detectImage,
                self._card(),
                threshold=node.candidateThreshold,
                smallestCm2=node.smallestArea,
                column=node.columnOnly,
                device=node.device.value,
            )
        )

    def onCancel(self, checked=False):
        self.ui.detectStageLabel.text = "Cancelling"
        self.jobs.cancel()

    def onSegmentCandidate(self, checked=False):
        """Segment what lies at the chosen place on T1 and (or) T2; without a model for them, by its boundary."""
        candidate = self._table.current()
        if candidate is None or self._reasonNotToStart():
            return
        node = self._node
        inputs = {name: volume for name, volume in zip(SEQUENCES, (node.t1, node.t2), strict=True) if volume}
        models = [card.id for dimensions in (node.network.value, 2, 3) for card in fittingModels(inputs, dimensions)]
        model = node.model if node.model in models else next(iter(models), None)
        if not inputs or model is None:
            why = "No T1 or T2 is chosen" if not inputs else f"No model for {' + '.join(inputs)} is installed"
            self._refine(candidate, f"{why}, so the boundary was found on the searched image.")
            return
        target = self._target(next(iter(inputs.values())))
        threshold = node.threshold if model == node.model else None
        self._start(
            SegmentCandidateRun(inputs, model, candidate, threshold=threshold, device=node.device.value, output=target)
        )

    def onRefine(self, checked=False):
        """Fit the boundary of the chosen place to the edges of the searched image."""
        candidate = self._table.current()
        if candidate is not None and not self._reasonNotToStart():
            self._refine(candidate)

    def _refine(self, candidate, note=""):
        image = sourceVolume(self._node.likelihood)
        try:
            if image is None:
                raise SpineError("The searched image is not in the scene any more: load it and press Detect again.")
            installOptional(*_CONTOUR, "Refine boundary")
        except SpineError as error:
            self._showError(str(error))
            return
        self._start(
            RefineRun(
                image, self._node.likelihood, self._node.candidateThreshold, candidate, output=self._target(image)
            ),
            note,
        )

    def _start(self, run, note=""):
        self._showNote(note)
        try:
            self.jobs.start(run.job, run.steps(), run.parameters, run.meanwhile())
            self._run = run
        except SpineError as error:
            self._onError(str(error), "")

    def _target(self, volume):
        """Where a segment goes: the chosen output, else the listed segmentation if it is of this volume, else new."""
        node = self._node
        listed = node.result if node.result is not None and sourceVolume(node.result) is volume else None
        return node.output or listed

    def _updateModels(self):
        """Fill the combo for the chosen image; read anew only when that has changed."""
        node, combo = self._node, self.ui.detectModelCombo
        sequence = sequenceOf(node.detectImage) if node.detectImage else None
        key = (node.detectImage, sequence)
        if key != self._key:
            self._key, self._cards = key, detectors(sequence)
            blocked = combo.blockSignals(True)
            combo.clear()
            for card in self._cards or [None]:
                combo.addItem(card.title if card else "No detector is installed")
            combo.enabled = bool(self._cards)
            combo.blockSignals(blocked)
            if self._cards and (sequence or node.detectModel not in [card.id for card in self._cards]):
                self._take(self._cards[0])
        card = self._card()
        if card is not None:
            combo.currentIndex = self._cards.index(card)
            combo.toolTip = cardHtml(card)
        text = noteOn(sequence, card) if node.detectImage else ""
        self.ui.detectNoteLabel.text = text
        self.ui.detectNoteLabel.visible = bool(text) and not self.ui.detectSection.collapsed

    def _card(self):
        return next((card for card in self._cards if self._node and card.id == self._node.detectModel), None)

    def _take(self, card):
        """One change of the node for model, threshold and area, so that observers see them together."""
        node = self._node
        if node.detectModel == card.id:
            return
        modifying = node.StartModify()
        node.detectModel = card.id
        node.candidateThreshold = min(max(float(card.threshold), 0.05), 0.99)
        node.smallestArea = min(max(float(card.preparation.get("smallest_area_cm2", node.smallestArea)), 0.0), 10.0)
        node.EndModify(modifying)

    def _onModelChosen(self, index):
        if self._node is not None and 0 <= index < len(self._cards):
            self._take(self._cards[index])

    def _follow(self):
        """List the places of the likelihood for threshold and area, at once; show it or not."""
        node = self._node
        wanted = (node.likelihood, node.candidateThreshold, node.smallestArea)
        if wanted != self._listed:
            self._list(node)
        self._show(node.likelihood if node.showLikelihood else None)

    def _list(self, node):
        from SpineLib.scene.detection import list_candidates, update_candidates

        likelihood = None if node is None else node.likelihood
        self._listed = None if node is None else (likelihood, node.candidateThreshold, node.smallestArea)
        self._candidates, problem = [], ""
        if likelihood is not None:
            try:
                self._candidates = list_candidates(likelihood, node.candidateThreshold, node.smallestArea)
                if node.candidates is not None:
                    update_candidates(node.candidates, self._candidates)
            except SpineError as error:
                problem = str(error)
        self._table.show(self._candidates)
        count = len(self._candidates)
        self.ui.candidatesLabel.text = problem or (
            "Nothing has been searched yet."
            if likelihood is None
            else "No place reaches this threshold."
            if not count
            else f"{count} suspicious place{'s' if count > 1 else ''}, from the top downwards."
        )

    def _show(self, likelihood):
        """Let this likelihood lie over the image, or none."""
        from SpineLib.scene.detection import LikelihoodOverlay

        if self._overlay is not None and self._overlay.node is not likelihood:
            self._overlay.hide()
            self._overlay = None
        if likelihood is not None and self._overlay is None:
            self._overlay = LikelihoodOverlay(likelihood)
            self._overlay.show()

    def _jump(self, candidate):
        from SpineLib.scene.views import jump_to

        jump_to(candidate.centre_ras_mm)

    def _updateButtons(self):
        ui, reason = self.ui, self._reasonNotToDetect()
        ui.detectButton.enabled = not reason
        ui.detectButton.toolTip = reason or "Search the image for places that look like metastases"
        reason = self._reasonNotToStart()
        if not reason and self._table.current() is None:
            reason = "Choose a place in the table first."
        for button, text in (
            (ui.segmentCandidateButton, "Segment what lies at this place on T1 and T2; adds a segment"),
            (ui.refineButton, "Fit the region's boundary to the image's edges (active contour); adds a segment"),
        ):
            button.enabled = not reason
            button.toolTip = reason or text

    def _reasonNotToStart(self):
        if self.jobs.busy:
            return "A run is going on: wait until it has ended, or cancel it."
        return self._otherReason()

    def _reasonNotToDetect(self):
        reason = self._reasonNotToStart()
        if reason:
            return reason
        if not self._node.detectImage:
            return "Choose an image to search: STIR, or T2."
        if self._card() is None:
            return "No detector is installed: import one (spine models import)."
        return ""

    def _onNodeRemoved(self, node):
        """Slicer's selector chooses the neighbour of a deleted node; nothing must be searched that nobody wanted."""
        if self.ui.detectSelector.currentNode() is node:
            self.ui.detectSelector.setCurrentNode(None)

    def _onProgress(self, fraction, text, remaining):
        self.ui.detectProgressBar.value = round(100 * fraction)
        self.ui.detectStageLabel.text = f"{text}, {remaining}" if remaining else text

    def _onResult(self, result, folder):
        try:
            imported = self._run.finish(result, folder)
        except SpineError as error:
            self._onError(str(error), "")
            return
        except Exception:  # nobody else would hear of it: this is called by a signal
            self._onError(
                "The result could not be brought into the scene: the log holds the details.", traceback.format_exc()
            )
            return
        self._forgetRun()
        if imported is None:
            return
        node = self._anyNode()  # The module may be hidden now.
        if hasattr(imported, "likelihood"):
            modifying = node.StartModify()
            node.likelihood, node.candidates = imported.likelihood, imported.candidates
            node.EndModify(modifying)
            self._showNote(" ".join(["The search is done.", *imported.notes]))
        else:
            node.result = imported.segmentation
            name = imported.segmentation.GetSegmentation().GetSegment(imported.segment_id).GetName()
            self._showNote(" ".join([f"{name} was added.", *imported.notes]))
            self._onSegment()

    def _onError(self, sentence, details):
        self._forgetRun()
        self._showError(sentence, details)

    def _onCancelled(self):
        self._forgetRun()
        closing, self._closing = self._closing, False
        self._showNote(
            "The scene was closed, so the run was cancelled." if closing else "Cancelled; the scene is as it was."
        )

    def _forgetRun(self):
        run, self._run = self._run, None
        if run:
            run.release()
