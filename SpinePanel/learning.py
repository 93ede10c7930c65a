"""The step "Learn from corrections": a training set of the user's own patients, and models that learn from it."""

from __future__ import annotations

import slicer

from SpinePanel.i18n import tr as _
from SpinePanel.learningruns import AddRun, ChoiceRun, TuneRun
from SpinePanel.learningviews import compareRows, trendPixmap, trendText
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

_PATIENTS = (_("Patient"), _("lesions"), _("Dice"), _("added"), _("removed"))
_PATIENT_TIPS = (
    _("Number in your training set; no name, date or identifier is kept"),
    _("Lesions in your correction"),
    _("Dice of the model's first result with your correction; empty where no model had made one"),
    _("Lesions that you added"),
    _("Lesions that you removed"),
)
_COMPARED = (_("Case"), _("ml"), _("former"), _("new"))
_COMPARED_TIPS = (
    _("Means, then lesion by lesion"),
    _("Volume in ml"),
    _("The model from which the training went on"),
    _("The model that was trained; no patient was judged by weights that had seen it"),
)


class LearnStep(StepBase):
    """Everything of the step, the same in every panel that segments lesions.

    Args:
        ui: widgets of the ``.ui`` by name.
        panel: starts jobs, knows the parameter node.
        target: "metastasis" or "necrosis".
        images: gets the parameter node, gives sequence name to volume node (or None).
        segmentation: gets the parameter node, gives the segmentation that was corrected, or None.
        models: :class:`SpinePanel.modelchoice.ModelChoice` of the model in use.
        parameter: name of the parameter that holds that model's id.
    """

    TIP = _("Train a new model from your patients; simulated ones are mixed in, so that nothing is forgotten")

    def __init__(self, ui, panel, target, images, segmentation, models, parameter):
        self._target, self._images, self._segmentation = target, images, segmentation
        self._models, self._parameter = models, parameter
        self._patients, self._state, self._comparison, self._problem = [], None, {}, ""
        super().__init__(ui, panel, "learn")
        self._table = Table(ui.learnPatientsTable, _PATIENTS, 0, range(1, 5), _PATIENT_TIPS, self._onRow)
        self._compared = Table(ui.learnCompareTable, _COMPARED, 0, range(1, 4), _COMPARED_TIPS)
        self.connect(
            (ui.learnAddButton, "clicked(bool)", self.onAdd),
            (ui.learnRemoveButton, "clicked(bool)", self.onRemove),
            (ui.learnAcceptButton, "clicked(bool)", self.onAccept),
            (ui.learnDropButton, "clicked(bool)", self.onDrop),
            (ui.learnBackButton, "clicked(bool)", self.onBack),
        )

    def close(self):
        super().close()
        self._table.close()
        self._compared.close()

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        if parameterNode is not None:
            self._read()

    def update(self):
        """Follow the parameter node and the training set."""
        super().update()
        ui, waiting = self.ui, self.reasonToWait()
        add, tune = self._reasonNotToAdd(), self.reason()
        for button, reason, tip in (
            (ui.learnAddButton, add, _("Keep these images and your correction, without names, dates or texts")),
            (
                ui.learnRemoveButton,
                waiting or ("" if self._table.current() else _("Choose a patient in the table.")),
                _("Remove all files of the chosen patient"),
            ),
            (ui.learnAcceptButton, waiting or self._reasonNotToChoose(), _("Install the new model and use it")),
            (
                ui.learnDropButton,
                waiting or self._reasonNotToChoose(),
                _("Forget the new model; nothing was installed"),
            ),
            (
                ui.learnBackButton,
                waiting or ("" if self._state and self._state.former else _("No new model was accepted yet.")),
                _("Use the former model again and remove the one in use"),
            ),
        ):
            button.enabled = not reason
            button.toolTip = reason or tip
        ui.learnApplyButton.text = _("Go on training") if not tune and self._begun() else _("Fine-tune")
        self._table.show([_patientRow(one) for one in self._patients], [one.patient for one in self._patients])
        ui.learnPatientsLabel.text = self._problem or self._missing() or trendText(self._patients)
        pixmap = trendPixmap(self._patients)
        if pixmap is not None:
            ui.learnTrendLabel.setPixmap(pixmap)
        rows = compareRows(self._comparison)
        self._compared.show(rows)
        ui.learnCompareLabel.text = str(self._comparison.get("promise", "")) if rows else ""
        self.refresh()

    def refresh(self):
        """After the section was opened, which shows all its widgets."""
        super().refresh()
        ui, open_ = self.ui, not self.ui.learnSection.collapsed
        drawn = sum(one.first is not None and one.first.dice is not None for one in self._patients) > 1
        for widget, shown in (
            (ui.learnTrendLabel, drawn),
            (ui.learnPatientsTable, bool(self._patients)),
            (ui.learnRemoveButton, bool(self._patients)),
            (ui.learnCompareLabel, bool(self._comparison)),
            (ui.learnCompareTable, bool(self._comparison)),
            (ui.learnAcceptButton, self._proposed()),
            (ui.learnDropButton, self._proposed()),
            (ui.learnBackButton, bool(self._state and self._state.former)),
        ):
            widget.visible = shown and open_

    def lookAgain(self):
        self._read()

    def summary(self):
        count = len(self._patients)
        return False, _("{count} patients").format(count=count) if count else ""

    def reasonToWait(self):
        """Why nothing at all can be done, "" when it can."""
        return self._missing() or self._panel.reasonNotToStart()

    def reason(self):
        """Why no training can be started."""
        if reason := self.reasonToWait():
            return reason
        if not self._patients:
            return _("Add a corrected patient first.")
        return self._models.reason()

    def onAdd(self, checked=False):
        """Keep the images and the correction; a patient who is there already is replaced only after a question."""
        if not self._reasonNotToAdd():
            self._add(False)

    def onApply(self, checked=False):
        """Train, or go on; a second click while it runs does nothing."""
        if self.reason():
            return
        run = TuneRun(self._folder(), self._models.card().id, float(self.ui.learnMinutesSpin.value))
        self._panel.start(self.widgets, run, self._onTuned)

    def onRemove(self, checked=False):
        patient = self._table.current()
        question = _("Remove all files of {patient} from your training set?").format(patient=patient)
        if patient and slicer.util.confirmOkCancelDisplay(question, self._panel.TITLE):
            self._choose("remove", _("{patient} was removed.").format(patient=patient), patient)

    def onAccept(self, checked=False):
        self._choose("accept", _("The new model is installed and in use."))

    def onDrop(self, checked=False):
        self._choose("drop", _("The new model was dropped; nothing else changed."))

    def onBack(self, checked=False):
        self._choose("back", _("The former model is in use again."))

    def _add(self, again):
        node = self._node
        run = AddRun(self._folder(), self._target, self._images(node), self._segmentation(node), again)
        self._panel.start(self.widgets, run, self._onAdded)

    def _onAdded(self, result):
        if "exists" in result:
            question = _("These images are in your training set already, as {patient}. Replace what is there?")
            if slicer.util.confirmOkCancelDisplay(question.format(patient=result["exists"]), self._panel.TITLE):
                self._panel.whenIdle(lambda: self._add(True))
            else:
                self._panel.tell(self.widgets, _("Nothing was changed."))
            return
        added, first = result["added"], result["added"]["first"]
        told = (
            _("{patient} was added with {count} lesion.")
            if added["lesions"] == 1
            else _("{patient} was added with {count} lesions.")
        )
        sentence = told.format(patient=added["patient"], count=added["lesions"])
        if first and first["dice"] is not None:
            sentence += " " + _("First result: Dice {dice:.2f}, {added} added, {removed} removed.").format(**first)
        self._done(" ".join([sentence, *result.get("notes", [])]))

    def _onTuned(self, result):
        self._done(_("A new model was trained; nothing is installed before you say so."))

    def _choose(self, action, sentence, patient=""):
        if self.reasonToWait():
            return

        def done(result):
            if result.get("model"):
                self._panel.modelsChanged()
                setattr(self._panel.parameterNode(), self._parameter, result["model"])
            self._done(sentence)

        self._panel.start(self.widgets, ChoiceRun(self._folder(), action, patient), done)

    def _done(self, sentence):
        self._read()
        self._panel.tell(self.widgets, sentence)
        self._panel.later()

    def _read(self):
        """The training set as it lies on the disk."""
        from SpineLib.cohort.corrections import read_comparison, read_corrections, read_state
        from SpineLib.errors import SpineError

        self._problem = ""
        try:
            folder = self._folder()
            self._patients, self._state = read_corrections(folder), read_state(folder)
            self._comparison = read_comparison(folder)
        except SpineError as error:
            self._problem = str(error)

    def _folder(self):
        from SpineLib.cohort.corrections import corrections_folder

        return corrections_folder(self._target)

    def _begun(self):
        from SpineLib.cohort.corrections import is_begun

        return is_begun(self._folder())

    def _proposed(self):
        return bool(self._state and self._state.proposed)

    def _missing(self):
        """Why there is no learning at all: the laboratory may have been left out of an installation."""
        from SpineLib.plugins import plugins

        if any(plugin.package == "SpineLab" for plugin in plugins()):
            return ""
        return _("Learning needs the laboratory (SpineLab), which is not installed here: reinstall the extension.")

    def _reasonNotToAdd(self):
        if reason := self.reasonToWait():
            return reason
        if self._segmentation(self._node) is None:
            return _("Segment the images, and correct the segmentation, first.")
        if not any(self._images(self._node).values()):
            return _("Choose the images of the segmentation first.")
        return ""

    def _reasonNotToChoose(self):
        return "" if self._proposed() else _("No new model waits for your word.")

    def _onRow(self, patient):
        self._panel.later()


def _patientRow(one):
    first = one.first
    name = _("{patient} (simulated)").format(patient=one.patient) if one.simulated else one.patient
    if first is None:
        return name, str(one.lesions), "", "", ""
    dice = "" if first.dice is None else f"{first.dice:.2f}"
    return name, str(one.lesions), dice, str(first.added), str(first.removed)
