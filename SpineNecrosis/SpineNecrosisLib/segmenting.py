"""Steps 1 and 4: segment what the scans show, choose the segment that is meant, correct it by hand."""

from SpineNecrosisLib.models import fittingModels
from SpinePanel.i18n import tr as _
from SpinePanel.levelchoice import LevelChoice
from SpinePanel.modelchoice import ModelChoice
from SpinePanel.runs import SegmentationRun, sourceVolume
from SpinePanel.segments import ALL, SegmentChoice, fillSegments, openInEditor, segmentIds
from SpinePanel.show3d import Show3d
from SpinePanel.spineparts import canalFor
from SpinePanel.step import StepBase

#: Target to the sentences about it.
_WORDS = {
    "metastasis": {
        "tip": _("Segment the metastases; the scene gets a segmentation with one segment for each"),
        "none": _("No metastasis was found."),
        "one": _("{count} metastasis found."),
        "many": _("{count} metastases found."),
        "choose": _("Choose the segmentation of the metastasis, or segment it now."),
        "empty": _("The segmentation of the metastasis holds no segment: draw one, or choose another."),
        "which": _("The segmentation holds {count} segments: choose the treated metastasis."),
    },
    "necrosis": {
        "tip": _("Segment the necrosis; the scene gets a segmentation with one segment for each"),
        "none": _("No necrosis was found."),
        "one": _("{count} necrosis found."),
        "many": _("{count} necroses found."),
        "choose": _("Choose the segmentation of the necrosis, or segment it now."),
        "empty": _("The segmentation of the necrosis holds no segment: draw one, or choose another."),
        "which": _("The segmentation holds {count} segments: choose the necrosis at the treated metastasis."),
    },
}


class Segmenting(StepBase):
    """A step that makes or takes a segmentation, and one segment of it.

    Args:
        ui: widgets of the ``.ui`` by name.
        panel: starts jobs, knows the parameter node.
        target: "metastasis" or "necrosis": widgets and parameters are named by it.
        step: name of the step: "before" or "necrosis".
        scans: callable: sequence name to volume node (or None) of a parameter node.
    """

    def __init__(self, ui, panel, target, step, scans):
        self._target, self._scans, self._words = target, scans, _WORDS[target]
        self._choice = SegmentChoice()
        self.TIP = self._words["tip"]
        super().__init__(ui, panel, step)
        self._combo = getattr(ui, f"{target}SegmentCombo")
        self._edit = getattr(ui, f"edit{target.capitalize()}Button")
        self._show3d = Show3d(getattr(ui, f"{target}Show3dButton"), panel, self._shown)
        self.models = ModelChoice(
            getattr(ui, f"{target}ModelCombo"),
            (getattr(ui, f"{target}BadgeLabel"), getattr(ui, f"{target}BadgeSpacer")),
            getattr(ui, f"{step}Section"),
            f"{target}Model",
            self._fits,
            self._noModel,
            _takeThreshold if target == "necrosis" else None,
        )
        combo = getattr(ui, f"{target}LowestCombo")
        self._lowest = LevelChoice(combo, _("Told by the sacrum"), f"{target}Lowest")
        self.connect(
            (self._combo, "activated(int)", self._onSegment),
            (self._edit, "clicked(bool)", self.onEdit),
        )

    def close(self):
        super().close()
        self._show3d.close()
        self.models.close()
        self._lowest.close()

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        if parameterNode is None:
            self._choice.forget()
        self.models.setParameterNode(parameterNode)
        self._lowest.setParameterNode(parameterNode)

    def refresh(self):
        super().refresh()
        self.models.refresh()

    def update(self):
        """Follow parameter node and job."""
        node = self._node
        self.models.update()
        self._lowest.update()
        super().update()
        if node is None:
            return
        self.widgets.keepFor(getattr(node, self._target))
        segmentation, chosen = getattr(node, self._target), getattr(node, f"{self._target}Segment")
        ids = segmentIds(segmentation)
        wanted = self._choice.wanted(segmentation, chosen)
        if wanted != chosen:
            setattr(node, f"{self._target}Segment", wanted)
        first = ()
        if len(ids) != 1:
            first = ((_("Choose one of {count}").format(count=len(ids)) if ids else _("No segment yet"), ""),)
        if len(ids) > 1:
            first = (*first, (_("All segments together"), ALL))
        fillSegments(self._combo, segmentation, first)
        data = [self._combo.itemData(index) for index in range(self._combo.count)]
        self._combo.currentIndex = data.index(wanted) if wanted in data else 0
        self._edit.enabled = segmentation is not None
        self._show3d.update()

    def _shown(self):
        return getattr(self._node, self._target) if self._node is not None else None

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        volumes = [volume for volume in self._scans(self._node).values() if volume]
        if len(volumes) == 2 and volumes[0] is volumes[1]:
            return _("Both scans are the same volume: choose two volumes, or clear one selector.")
        return self.models.reason()

    def chosen(self):
        """(segmentation node, list of one segment id or None for all of them)."""
        segment = getattr(self._node, f"{self._target}Segment")
        return getattr(self._node, self._target), None if segment == ALL else [segment]

    def missing(self):
        """Why there is nothing to compare yet, "" when there is."""
        segmentation = getattr(self._node, self._target)
        if segmentation is None:
            return self._words["choose"]
        count = len(segmentIds(segmentation))
        if not count:
            return self._words["empty"]
        if not getattr(self._node, f"{self._target}Segment"):
            return self._words["which"].format(count=count)
        return ""

    def summary(self):
        """(whether the step is done, a few words)."""
        if self._node is None or self.missing():
            return False, ""
        segmentation, ids = self.chosen()
        if ids is None:
            return True, _("{count} segments").format(count=len(segmentIds(segmentation)))
        return True, segmentation.GetSegmentation().GetSegment(ids[0]).GetName()

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason():
            return
        node, card = self._node, self.models.card()
        inputs = {name: volume for name, volume in self._scans(node).items() if name in card.inputs}
        threshold = node.threshold if self._target == "necrosis" else None
        run = SegmentationRun(
            inputs,
            card.id,
            threshold=threshold,
            device=node.device.value,
            lowest=getattr(node, f"{self._target}Lowest"),
            anywhere=getattr(node, f"{self._target}Anywhere"),
            anyway=getattr(node, f"{self._target}Anyway"),
        )
        self._panel.start(self.widgets, run, self._onResult)

    def onEdit(self, checked=False):
        """Open the Segment Editor on the segmentation, its image and the chosen segment."""
        segmentation, ids = self.chosen()
        scan = next((volume for volume in self._scans(self._node).values() if volume), None)
        openInEditor(segmentation, ids[0] if ids else None, sourceVolume(segmentation) or scan)

    def _onResult(self, imported):
        node = self._panel.parameterNode()
        modifying = node.StartModify()
        setattr(node, f"{self._target}Segment", "")
        setattr(node, self._target, imported.segmentation)
        if imported.parts is not None and self._target == "metastasis" and canalFor(node.canal, ()) is None:
            node.canal = imported.parts
        node.EndModify(modifying)
        count = len(imported.segment_ids)
        found = self._words["one" if count == 1 else "many" if count else "none"].format(count=count)
        sentence = " ".join([found, *imported.notes])
        self._panel.tell(self.widgets, sentence, warning=not count, about=imported.segmentation)

    def _onSegment(self, index):
        if self._node is not None:
            setattr(self._node, f"{self._target}Segment", self._combo.itemData(index) or "")

    def _fits(self, node):
        chosen = frozenset(name for name, volume in self._scans(node).items() if volume)
        return chosen, lambda: fittingModels(self._target, chosen) if chosen else []

    def _noModel(self, node):
        chosen = [name for name, volume in self._scans(node).items() if volume]
        if not chosen:
            return _("Choose at least one scan above.")
        names = " + ".join(chosen)
        return _(
            "No model for {names} is installed: choose other scans, or import a model (spine models import)."
        ).format(names=names)


def _takeThreshold(node, card):
    """The model's own threshold comes with it."""
    node.threshold = min(max(float(card.threshold), 0.05), 0.95)
