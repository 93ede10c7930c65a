"""Step 1: choose images and a model, and segment."""

from SpineMetSegLib.models import SEQUENCES, TASK, fittingModels
from SpinePanel.i18n import tr as _
from SpinePanel.inputs import InputRows
from SpinePanel.levelchoice import LevelChoice
from SpinePanel.modelchoice import ModelChoice
from SpinePanel.runs import SegmentationRun
from SpinePanel.step import StepBase


class SegmentStep(StepBase):
    """Everything of the step."""

    TIP = _("Segment the metastases; the scene gets a segmentation with one segment a lesion")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "segment")
        self.inputs = InputRows(ui, ui.segmentForm, panel, TASK, SEQUENCES)
        self.models = ModelChoice(
            ui.modelCombo, (ui.badgeLabel, ui.badgeSpacer), ui.segmentSection, "model", self._fits, self._noModel, _take
        )
        self.lowest = LevelChoice(ui.lowestCombo, _("Told by the sacrum"), "lowest")

    def close(self):
        super().close()
        self.inputs.close()
        self.models.close()
        self.lowest.close()

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        self.inputs.setParameterNode(parameterNode)
        self.models.setParameterNode(parameterNode)
        self.lowest.setParameterNode(parameterNode)

    def update(self):
        self.inputs.update()
        self.models.update()
        self.lowest.update()
        if self._node is not None:
            self.widgets.keepFor(self._node.result)
        super().update()

    def refresh(self):
        super().refresh()
        self.models.refresh()

    def reason(self):
        return self._panel.reasonNotToStart() or self.inputs.reason() or self.models.reason()

    def summary(self):
        """(whether the step is done, a few words): a model has segmented what is listed."""
        from SpineLib.tasks.segmentation.naming import PROVENANCE

        result = self._node.result if self._node is not None else None
        return result is not None and bool(result.GetAttribute(PROVENANCE)), ""

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason():
            return
        node = self._node
        run = SegmentationRun(
            self.inputs.chosen(),
            node.model,
            threshold=node.threshold,
            smallestLesionMl=node.smallestLesion,
            device=node.device.value,
            output=node.output,
            lowest=node.lowest,
            anywhere=node.anywhere,
            anyway=node.anyway,
        )
        self._panel.start(self.widgets, run, self._onResult)

    def _onResult(self, imported):
        self._panel.parameterNode().result = imported.segmentation
        if imported.parts is not None:
            self._panel.stability.take(imported.parts)
        count = len(imported.segment_ids)
        found = (
            _("{count} lesion found.")
            if count == 1
            else _("{count} lesions found.")
            if count
            else _("No lesion was found.")
        )
        found = found.format(count=count)
        sentence = " ".join([found, *imported.notes])
        self._panel.tell(self.widgets, sentence, warning=not count, about=imported.segmentation)
        self._panel.results.measure()

    def _fits(self, node):
        chosen = frozenset(self.inputs.chosen())
        return chosen, lambda: fittingModels(chosen) if chosen else []

    def _noModel(self, node):
        chosen = self.inputs.chosen()
        if not chosen:
            return self.inputs.reason()
        return _(
            "No model for {names} is installed: choose other inputs, or import a model (spine models import)."
        ).format(names=" + ".join(chosen))


def _take(node, card):
    """The model's own threshold and smallest lesion come with it."""
    node.threshold = min(max(float(card.threshold), 0.05), 0.95)
    node.smallestLesion = min(max(float(card.smallest_lesion_ml), 0.0), 5.0)
