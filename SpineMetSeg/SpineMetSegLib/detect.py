"""Step 2: search an image, list suspicious places, segment or refine one of them."""

import numpy as np

from SpineLib.errors import SpineError
from SpineMetSegLib.detectors import detectors, noteOn, sequenceOf
from SpineMetSegLib.detectruns import DetectionRun, RefineRun, SegmentCandidateRun
from SpineMetSegLib.models import fittingModels
from SpinePanel.i18n import tr as _
from SpinePanel.modelchoice import ModelChoice
from SpinePanel.runs import sourceVolume
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

#: What the active contour needs and Slicer does not bring.
_COLUMNS = (_("No."), _("level"), _("prob."), _("cm²"), _("ml"))
_TIPS = (
    _("From the top of the spine downwards; the number beside the point in the views"),
    _("Vertebra, where it is known"),
    _("Likelihood of a metastasis, by the model"),
    _("Area in the slice that shows most of it, cm²"),
    _("Volume, ml"),
)


class DetectStep(StepBase):
    """Everything of the step."""

    TIP = _("Search the image for places that look like metastases")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "detect")
        self._listed = self._overlay = None
        self._table = Table(ui.candidateTable, _COLUMNS, 1, (0, 2, 3, 4), _TIPS, self._jump, samePlace)
        self.models = ModelChoice(
            ui.detectModelCombo, (), ui.detectSection, "detectModel", _fits,
            lambda node: _("No detector is installed: import one (spine models import)."), _take,
            _("No detector is installed"),
        )  # fmt: skip
        self.connect(
            (ui.segmentCandidateButton, "clicked(bool)", self.onSegmentCandidate),
            (ui.refineButton, "clicked(bool)", self.onRefine),
            (ui.candidateTable, "itemSelectionChanged()", self._updateButtons),
        )

    def close(self):
        """Also give the views back what they showed."""
        super().close()
        self._show(None)
        self._table.close()
        self.models.close()

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        self.models.setParameterNode(parameterNode)

    def clear(self):
        super().clear()
        self._show(None)
        self._list(None)

    def refresh(self):
        super().refresh()
        self._note()

    def update(self):
        """Follow parameter node and job."""
        if self._node is not None:
            self.models.update()
            self.widgets.keepFor(self._node.likelihood)
            self._follow()
        super().update()
        self._note()
        self._updateButtons()

    def reason(self):
        if reason := self._panel.reasonNotToStart():
            return reason
        if not self._node.detectImage:
            return _("Choose an image to search: STIR, or T2.")
        return self.models.reason()

    def summary(self):
        count = self.ui.candidateTable.rowCount
        return self._listed is not None and self._listed[0] is not None, _("{count} listed").format(
            count=count
        ) if count else ""

    def onApply(self, checked=False):
        """Search the image; a second click while it runs does nothing."""
        if self.reason():
            return
        node = self._node
        run = DetectionRun(
            node.detectImage,
            self.models.card(),
            threshold=node.candidateThreshold,
            smallestCm2=node.smallestArea,
            column=node.columnOnly,
            device=node.device.value,
            lowest=node.lowest,
            anyway=node.anyway,
        )
        self._panel.start(self.widgets, run, self._onFound)

    def onSegmentCandidate(self, checked=False):
        """Segment what lies at the chosen place on the images of step 1; without a model, by its boundary."""
        candidate = self._table.current()
        if candidate is None or self._panel.reasonNotToStart():
            return
        node, images = self._node, self._panel.images()
        models = [card.id for card in fittingModels(images)]
        model = node.model if node.model in models else next(iter(models), None)
        if not images or model is None:
            why = (
                _("No T1 or T2 is chosen")
                if not images
                else _("No model for {names} is installed").format(names=" + ".join(images))
            )
            self._refine(candidate, _("{why}, so the boundary was found on the searched image.").format(why=why))
            return
        target = self._target(next(iter(images.values())))
        threshold = node.threshold if model == node.model else None
        run = SegmentCandidateRun(
            images, model, candidate, threshold=threshold, device=node.device.value, output=target
        )
        self._panel.start(self.widgets, run, self._onAdded)

    def onRefine(self, checked=False):
        """Fit the boundary of the chosen place to the edges of the searched image."""
        candidate = self._table.current()
        if candidate is not None and not self._panel.reasonNotToStart():
            self._refine(candidate)

    def _refine(self, candidate, note=""):
        node, image = self._node, sourceVolume(self._node.likelihood)
        if image is None:
            sentence = _("The searched image is not in the scene any more: load it and press Detect again.")
            self._panel.error(self.widgets, sentence)
            return
        if not self._panel.installed(self.widgets, "skimage"):
            return
        run = RefineRun(image, node.likelihood, node.candidateThreshold, candidate, output=self._target(image))
        if self._panel.start(self.widgets, run, lambda imported: self._onAdded(imported, note)):
            self.widgets.say(note)

    def _target(self, volume):
        """Where a segment goes: the chosen output, else the listed segmentation if it is of this volume, else new."""
        node = self._node
        listed = node.result if node.result is not None and sourceVolume(node.result) is volume else None
        return node.output or listed

    def _onFound(self, imported):
        node = self._panel.parameterNode()
        modifying = node.StartModify()
        node.likelihood, node.candidates = imported.likelihood, imported.candidates
        node.EndModify(modifying)
        sentence = " ".join([_("The search is done."), *imported.notes])
        self._panel.tell(self.widgets, sentence, about=imported.likelihood)

    def _onAdded(self, imported, note=""):
        self._panel.parameterNode().result = imported.segmentation
        name = imported.segmentation.GetSegmentation().GetSegment(imported.segment_id).GetName()
        parts = [_("{name} was added.").format(name=name), note, *imported.notes]
        self._panel.tell(self.widgets, " ".join(part for part in parts if part))
        self._panel.results.measure()

    def _follow(self):
        """List the places of the likelihood for threshold and area, at once; show it or not."""
        node = self._node
        if (node.likelihood, node.candidateThreshold, node.smallestArea) != self._listed:
            self._list(node)
        self._show(node.likelihood if node.showLikelihood else None)

    def _list(self, node):
        from SpineLib.scene.detection import list_candidates, update_candidates

        likelihood = None if node is None else node.likelihood
        self._listed = None if node is None else (likelihood, node.candidateThreshold, node.smallestArea)
        candidates, problem = [], ""
        if likelihood is not None:
            try:
                candidates = list_candidates(likelihood, node.candidateThreshold, node.smallestArea)
                if node.candidates is not None:
                    update_candidates(node.candidates, candidates)
            except SpineError as error:
                problem = str(error)
        self._table.show(
            [
                (str(one.id), one.level, f"{one.probability:.2f}", f"{one.area_cm2:.1f}", f"{one.volume_ml:.1f}")
                for one in candidates
            ],
            candidates,
        )
        count = len(candidates)
        found = (
            _("{count} suspicious place, from the top downwards.")
            if count == 1
            else (_("{count} suspicious places, from the top downwards."))
        )
        self.ui.candidatesLabel.text = problem or (
            _("Nothing has been searched yet.")
            if likelihood is None
            else _("No place reaches this threshold.")
            if not count
            else found.format(count=count)
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

    def _note(self):
        """What the user should know before this image is searched with this model."""
        image, label = self._node.detectImage if self._node is not None else None, self.ui.detectNoteLabel
        label.text = noteOn(sequenceOf(image), self.models.card()) if image is not None else ""
        label.visible = bool(label.text) and not self.ui.detectSection.collapsed

    def _jump(self, candidate):
        from SpineLib.scene.views import jump_to

        jump_to(candidate.centre_ras_mm)

    def _updateButtons(self):
        reason = self._panel.reasonNotToStart()
        if not reason and self._table.current() is None:
            reason = _("Choose a place in the table first.")
        for button, text in (
            (self.ui.segmentCandidateButton, _("Segment what lies at this place on T1 and T2; adds a segment")),
            (
                self.ui.refineButton,
                _("Fit the region's boundary to the image's edges (active contour); adds a segment"),
            ),
        ):
            button.enabled = not reason
            button.toolTip = reason or text


def samePlace(chosen, candidates):
    """Index of the candidate at the place of one listed with another threshold, or None.

    Regions of a higher threshold lie within those of a lower one, so one's centre lies in the other's bounds; of
    several the nearest is meant.
    """
    places = [
        (float(np.linalg.norm(np.subtract(one.centre_lps_mm, chosen.centre_lps_mm))), row)
        for row, one in enumerate(candidates)
        if _within(one.centre_lps_mm, chosen.bounds_lps_mm) or _within(chosen.centre_lps_mm, one.bounds_lps_mm)
    ]
    return min(places)[1] if places else None


def _within(place, bounds):
    return bool(np.all(np.greater_equal(place, bounds[0])) and np.all(np.less_equal(place, bounds[1])))


def _fits(node):
    sequence = sequenceOf(node.detectImage) if node.detectImage else None
    return (node.detectImage, sequence), lambda: detectors(sequence)


def _take(node, card):
    """The detector's own threshold and area come with it."""
    node.candidateThreshold = min(max(float(card.threshold), 0.05), 0.99)
    node.smallestArea = min(max(float(card.preparation.get("smallest_area_cm2", node.smallestArea)), 0.0), 10.0)
