"""Step 3: repair the vertebra, with a picture that sharpens meanwhile."""

from SpineInpaintLib.preview import Preview
from SpineInpaintLib.runs import RepairRun
from SpineLib.errors import SpineError
from SpinePanel.cards import cardHtml, fittingCards, isSimulated
from SpinePanel.i18n import tr as _
from SpinePanel.segments import openInEditor
from SpinePanel.step import StepBase
from SpinePanel.views import SLICES

#: A change is looked at after this pause, milliseconds: while the user paints, nothing is read.
_PAUSE_MS = 800
#: Method: what it is called, and what it does.
METHODS = {
    "completion": (
        _("Completion in 3-D"),
        _(
            "A network that has learned whole vertebrae completes the vertebra in space; it also "
            "looks at the mirrored half and the neighbours."
        ),
    ),
    "templates": (
        _("Mirror image and neighbours"),
        _("The mirrored half and the neighbours are fitted to the bone that is left; no network."),
    ),
    "wgan-gp-tied": (
        _("WGAN-GP, slices tied"),
        _("The paper’s generative inpainting of slices, with neighbouring slices held together."),
    ),
    "wgan-gp": (_("WGAN-GP, as published"), _("The paper’s generative inpainting, slice by slice.")),
    "dcgan-tied": (_("DCGAN, slices tied"), _("The paper’s comparison, with neighbouring slices held together.")),
    "dcgan": (_("DCGAN"), _("The paper’s comparison, slice by slice.")),
}


class RepairStep(StepBase):
    """Everything of the step."""

    TIP = _("Repair the vertebra; the scene gets a segmentation with the vertebra repaired and as it was")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "repair")
        self._key = self._shown = self._lesionKey = self._seen = None
        self.outdated, self._byUser = False, (None, "")
        self.preview = Preview(ui.previewLabel, ui.repairSection)
        for method, (title, *_words) in METHODS.items():
            ui.methodCombo.addItem(title, method)
        self._pause = self.pause(_PAUSE_MS, self.look)
        self.connect(
            (ui.vertebraCombo, "activated(int)", self._onVertebra),
            (ui.methodCombo, "activated(int)", self._onMethod),
            (ui.showRepairButton, "clicked(bool)", self.onShow),
            (ui.editRepairedButton, "clicked(bool)", self.onEdit),
        )
        self._setOutdated(False)

    def clear(self):
        super().clear()
        self._key = self._shown = self._lesionKey = None
        self._byUser = (None, "")
        self._setOutdated(False)
        self.preview.clear()

    def refresh(self):
        super().refresh()
        self.preview.refresh()
        self._setOutdated(self.outdated)

    def update(self):
        """Follow parameter node and job."""
        node, ui = self._node, self.ui
        if node is not None:
            self._fillVertebrae()
            self._showMethod()
        super().update()
        if node is None:
            return
        key = self._made()
        if key != self._key:
            self._key = key
            self.changed()
        self.widgets.keepFor(node.repaired)
        if node.repaired is not self._shown:
            self._shown = node.repaired
            self.look()
        ui.showRepairButton.enabled = ui.editRepairedButton.enabled = node.repaired is not None

    def lookAgain(self):
        if (self._made(), self._node.repaired) != self._seen:
            self.look()

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        if missing := self._panel.vertebrae.missing() or self._panel.lesion.missing():
            return missing
        if not self._node.vertebra:
            return _("Choose the vertebra to repair.")
        if self._card(self._node.method) is None:
            title = METHODS[self._node.method][0]
            return _("No model for “{title}” is installed: choose another method, or import a model.").format(
                title=title
            )
        return ""

    def summary(self):
        """(whether the step is done, a few words)."""
        from SpineLib.scene.repair import repair_of

        if self._node is None or self._node.repaired is None:
            return False, ""
        if self.outdated:
            return False, _("out of date")
        return True, repair_of(self._node.repaired).get("level", self._node.repaired.GetName())

    def onApply(self, checked=False):
        """Start a run; a second click while it runs does nothing."""
        if self.reason():
            return
        node = self._node
        lesion, roi = self._panel.lesion.chosen()
        asked = (
            (node.vertebrae, node.vertebra),
            lesion,
            roi,
            node.ct,
            {"method": node.method, "device": node.device.value},
        )
        self.preview.clear()
        self._panel.start(self.widgets, RepairRun(*asked), self._onResult, self.preview.show)

    def onShow(self, checked=False):
        """Outlines before and after in the slice views, at the place that was repaired."""
        from SpineLib.scene.repair import BEFORE, REPAIRED, part_segment, repair_of
        from SpineLib.scene.views import jump_to, show_outlines

        segmentation = self._node.repaired
        self._panel.views.need(SLICES)
        show_outlines([segmentation])
        for part in (REPAIRED, BEFORE):
            if segment := part_segment(segmentation, part):
                segmentation.GetDisplayNode().SetSegmentVisibility(segment, True)
        if place := repair_of(segmentation).get("centre_ras_mm"):
            jump_to(place)

    def onEdit(self, checked=False):
        """Open the Segment Editor on the repaired vertebra."""
        from SpineLib.scene.repair import REPAIRED, part_segment

        openInEditor(self._node.repaired, part_segment(self._node.repaired, REPAIRED), self._node.ct)

    def changed(self):
        """Something that a repair is made of was changed; it is looked at after a pause."""
        if self._node is not None and self._node.repaired is not None:
            self._pause.start()

    def look(self):
        """Whether the repair still is of what is chosen now."""
        from SpineLib.scene.repair import collect_damage, is_current, repair_of

        self._pause.stop()
        node = self._node
        if node is None:
            return
        self._seen = (self._made(), node.repaired)
        outdated = False
        if repair_of(node.repaired):
            try:
                lesion, roi = self._panel.lesion.chosen()
                damage = collect_damage(
                    node.vertebrae, node.vertebra, lesion, roi, None, {"method": node.method},
                    known=self._panel.vertebrae.found,
                )  # fmt: skip
                outdated = not is_current(node.repaired, damage)
            except SpineError:
                outdated = True
        self._setOutdated(outdated)
        self._panel.later()

    def _onResult(self, imported):
        self.preview.clear()
        node = self._panel.parameterNode()
        node.repaired = imported.segmentation
        sentence = " ".join([self._words(imported.measures), *imported.notes])
        self._panel.tell(self.widgets, sentence, about=imported.segmentation)
        self._panel.whenShown(self.onShow)

    @staticmethod
    def _words(measures):
        """ "Repaired: 31.2 ml before, 38.4 ml after, 7.2 ml added." """
        names = (("volume_before_ml", _("before")), ("volume_after_ml", _("after")), ("added_ml", _("added")))
        parts = [f"{measures[key]:.1f} ml {name}" for key, name in names if key in measures]
        return _("Repaired: {names}.").format(names=", ".join(parts)) if parts else _("Repaired.")

    def _made(self):
        """What a repair is made of, as far as changes show without reading voxels."""
        node = self._node
        return (node.vertebrae, self._panel.vertebrae.found, node.vertebra, node.method, *self._lesion())

    def _lesion(self):
        """What the lesion is, as far as changes show without reading voxels."""
        from SpineLib.scene.changes import stamp_of

        (segmentation, ids), roi = self._panel.lesion.chosen()
        return segmentation, tuple(ids or ("*",)), roi, stamp_of(segmentation if roi is None else roi)

    def _fillVertebrae(self):
        """Offer the vertebrae; the one with most of the lesion is chosen as long as the user has chosen none."""
        combo, node, found = self.ui.vertebraCombo, self._node, self._panel.vertebrae.found
        segments = found.segments if found else []
        entries = [(one.name, one.segment_id) for one in segments] or [(_("No vertebrae yet"), "")]
        if entries != [(combo.itemText(n), combo.itemData(n)) for n in range(combo.count)]:
            blocked = combo.blockSignals(True)
            combo.clear()
            for entry in entries:
                combo.addItem(*entry)
            combo.enabled = len(segments) > 1
            combo.blockSignals(blocked)
        ids = [one.segment_id for one in segments]
        if node.vertebrae is None and node.vertebra:
            node.vertebra = ""  # another segmentation may have the same id
        key, chosen = (found, *self._lesion()), (node.vertebrae, node.vertebra)
        if self._lesionKey is None and node.vertebra in ids and self._affected(found) not in ("", node.vertebra):
            self._byUser = chosen  # and saved with the scene
        if ids and (node.vertebra not in ids or (key != self._lesionKey and chosen != self._byUser)):
            wanted = self._affected(found) or (node.vertebra if node.vertebra in ids else ids[0])
            if wanted != node.vertebra:
                node.vertebra = wanted
        self._lesionKey = key if node.vertebrae is not None else None
        if node.vertebra in ids:
            combo.currentIndex = ids.index(node.vertebra)

    def _affected(self, found):
        from SpineLib.scene.repair import lesion_mask, most_affected

        if self._panel.lesion.missing():
            return ""
        try:
            return most_affected(found, lesion_mask(found.labels, *self._panel.lesion.chosen()))
        except SpineError:
            return ""

    def _showMethod(self):
        node, ui = self._node, self.ui
        if node.method not in METHODS:
            node.method = self._default()
        card = self._card(node.method)
        ui.methodCombo.currentIndex = list(METHODS).index(node.method)
        ui.methodCombo.toolTip = METHODS[node.method][1] + (cardHtml(card) if card else "")
        for one in (ui.methodBadgeLabel, ui.methodBadgeSpacer):
            one.visible = bool(card and isSimulated(card)) and not ui.repairSection.collapsed
            one.toolTip = ui.methodCombo.toolTip

    def _default(self):
        """The method that did best where its model is installed, else one that needs none."""
        from SpineLib.tasks.inpainting.settings import InpaintSettings

        best = InpaintSettings().method
        return best if best in METHODS and self._card(best) is not None else "templates"

    @staticmethod
    def _card(method):
        """Card of the model that a method uses; False where it needs none, None where that is not installed."""
        from SpineLib.tasks.inpainting.settings import METHOD_MODELS

        if method not in METHOD_MODELS:
            return False
        task, name = METHOD_MODELS[method]
        cards = {card.id: card for card in fittingCards(task, lambda card: True)}
        return cards.get(name)

    def _setOutdated(self, outdated):
        self.outdated = outdated
        shown = outdated and self._node is not None and self._node.repaired is not None
        self.ui.repairOutdatedLabel.visible = shown and not self.ui.repairSection.collapsed

    def _onVertebra(self, index):
        if self._node is not None:
            vertebra = self.ui.vertebraCombo.itemData(index) or ""
            self._byUser = (self._node.vertebrae, vertebra)
            self._node.vertebra = vertebra

    def _onMethod(self, index):
        if self._node is not None:
            self._node.method = self.ui.methodCombo.itemData(index)
