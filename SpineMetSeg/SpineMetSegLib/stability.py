"""Step 8: distance to the spinal canal, Bilsky's grade and SINS of the lesion that is chosen in step 3."""

from dataclasses import replace

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.segments import chosenSegment, fillSegments
from SpinePanel.spineparts import SpinePartsRun, canalFor, columnModelFor, sequenceOf
from SpinePanel.step import StepBase

_KEYS = ("location", "pain", "bone", "alignment", "collapse", "posterolateral")


class StabilityStep(StepBase):
    """Everything of the step; the form is kept with the lesion's segment."""

    TIP = _(
        "Distance to the canal, and what can be proposed, for the lesion chosen in step 3; looks for the canal first"
    )

    def __init__(self, ui, panel):
        from SpineLib.metrics.spine_scores import BILSKY, SINS

        super().__init__(ui, panel, "stability")
        self._combos = {key: getattr(ui, f"sins{key.capitalize()}Combo") for key in _KEYS}
        self._shown = self._canal = None
        self._searched = set()
        for key, combo in self._combos.items():
            self._fill(combo, [(f"{one.label} ({one.points})", one.key) for one in SINS[key].options])
        self._fill(ui.bilskyCombo, [(f"{grade}: {words}", grade) for grade, words in BILSKY.items()])
        self.connect(
            (ui.stabilityConfirmCheckBox, "clicked(bool)", self.onConfirm),
            *((combo, "activated(int)", self._onAnswer) for combo in (*self._combos.values(), ui.bilskyCombo)),
        )

    def clear(self):
        super().clear()
        self._shown = self._canal = None
        self._searched.clear()
        self.widgets.say("")

    def update(self):
        super().update()
        if self._node is None:
            return
        self._updateCanal()
        segmentation, segmentId = self._panel.results.chosen()
        there = segmentation is not None
        for widget in (*self._combos.values(), self.ui.bilskyCombo, self.ui.stabilityConfirmCheckBox):
            widget.enabled = there
        if (segmentation, segmentId) != self._shown:
            self._shown = (segmentation, segmentId)
            self._showForm({})
            if not there:
                self.widgets.say(_("Choose a lesion in step 3."))

    def reason(self):
        """Why nothing can be measured, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        return "" if self._panel.results.chosen()[0] is not None else _("Choose a lesion in step 3.")

    def summary(self):
        """(whether the step is done, a few words)."""
        form = self._form()
        return form.confirmed, _("confirmed") if form.confirmed else ""

    def take(self, parts):
        """Measure from this canal from now on, unless the user has chosen one that a person drew."""
        node = self._panel.parameterNode()
        if canalFor(node.canal, ()) is None:
            node.canal = parts

    def onApply(self, checked=False):
        """Measure and propose; where no canal is chosen, it is looked for first, once in each image."""
        if self.reason():
            return
        wanted = self._toSearch()
        if wanted is None:
            self._propose()
            return
        self._searched.add(wanted[0].GetID())
        run = SpinePartsRun(*wanted, self._node.device.value)
        self._panel.start(self.widgets, run, self._onFound)

    def _toSearch(self):
        """(volume, sequence) in which the canal is looked for; None where there is one, or nothing to look in."""
        if self._canalHere() is not None:
            return None
        volume = self._panel.results.volume()
        asked = [(volume, sequenceOf(volume, self._panel.images()))] if volume is not None else []
        if self._node.stabilityCt is not None:
            asked.append((self._node.stabilityCt, "CT"))
        fit = [one for one in asked if one[0].GetID() not in self._searched and columnModelFor(one[1])]
        return fit[0] if fit else None

    def _canalHere(self):
        """The chosen canal, unless a model found it in another examination than the lesion's."""
        volume, images = self._panel.results.volume(), list(self._panel.images().values())
        return canalFor(self._node.canal, [volume, self._node.stabilityCt, *(images if volume in images else [])])

    def _onFound(self, found):
        segmentation, notes = found
        self._panel.parameterNode().canal = segmentation
        self._panel.whenShown(lambda: self._propose(" ".join(notes)))

    def _propose(self, note=""):
        """Measure, and fill in what can be seen; what the reader has chosen stays."""
        from SpineLib.scene.stability import keep_form, propose

        self._updateCanal()

        segmentation, segmentId = self._panel.results.chosen()
        if segmentation is None:
            return
        canal, former = self._canalHere(), self._form()
        try:
            proposed = propose(
                segmentation, segmentId, canal, chosenSegment(self.ui.canalSegmentCombo), self._node.stabilityCt
            )
        except SpineError as error:
            self._panel.error(self.widgets, str(error))
            return
        sins = {**proposed.form.sins, **{key: answer for key, answer in former.sins.items() if answer}}
        form = replace(proposed.form, sins=sins, bilsky=former.bilsky or proposed.form.bilsky)
        keep_form(segmentation, segmentId, form)
        if canal is None:
            note = _("No spinal canal is chosen and none could be looked for, so no distance is told.")
        self._showForm(proposed.reasons, " ".join(part for part in (proposed.sentence, note) if part))

    def onConfirm(self, checked=False):
        """The reader stands by the answers, or takes that back."""
        form = self._form()
        if checked and form.total is None and not form.bilsky:
            self.ui.stabilityConfirmCheckBox.checked = False
            self._panel.error(self.widgets, _("Answer all of SINS, or choose a grade, before you confirm."))
            return
        self._keep(replace(form, confirmed=bool(checked)))

    def _onAnswer(self, index=0):
        sins = {key: answer for key, combo in self._combos.items() if (answer := chosenSegment(combo))}
        form = replace(self._form(), sins=sins, bilsky=chosenSegment(self.ui.bilskyCombo) or "", confirmed=False)
        self._keep(form)

    def _keep(self, form):
        from SpineLib.scene.stability import keep_form

        segmentation, segmentId = self._panel.results.chosen()
        if segmentation is not None:
            keep_form(segmentation, segmentId, form)
            self._showForm({})

    def _form(self):
        from SpineLib.scene.stability import form_of

        return form_of(*self._panel.results.chosen())

    def _showForm(self, reasons, sentence=""):
        """Bring the widgets in line with the form that the lesion's segment holds."""
        from SpineLib.metrics.spine_scores import sins_class
        from SpineLib.tasks.stability.form import distance_words

        form = self._form()
        for key, combo in self._combos.items():
            self._choose(combo, form.sins.get(key, ""))
        self._choose(self.ui.bilskyCombo, form.bilsky)
        self.ui.stabilityConfirmCheckBox.checked = form.confirmed
        total = form.total
        parts = [sentence or " ".join(distance_words(name, one) for name, one in form.distances.items())]
        if total is not None:
            parts.append(_("SINS {total} of 18: {words}.").format(total=total, words=sins_class(total)))
        parts += [f"{reason}" for reason in reasons.values()]
        if total is not None or form.bilsky:
            parts.append(_("Confirmed.") if form.confirmed else _("Not confirmed: no report holds it yet."))
        self.widgets.say(" ".join(part for part in parts if part))

    def _updateCanal(self):
        from SpineLib.scene.spineparts import canal_segment

        canal, combo = self._node.canal, self.ui.canalSegmentCombo
        fillSegments(combo, canal)
        if canal is not self._canal:
            self._canal = canal
            wanted = canal_segment(canal) if canal is not None else ""
            data = [combo.itemData(index) for index in range(combo.count)]
            if wanted in data:
                combo.currentIndex = data.index(wanted)

    @staticmethod
    def _fill(combo, entries):
        combo.clear()
        combo.addItem(_("to be chosen"), "")
        for text, data in entries:
            combo.addItem(text, data)

    @staticmethod
    def _choose(combo, wanted):
        data = [combo.itemData(index) for index in range(combo.count)]
        blocked = combo.blockSignals(True)
        combo.currentIndex = data.index(wanted) if wanted in data else 0
        combo.blockSignals(blocked)
