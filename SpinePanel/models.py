"""The section "Models": the installed ones with their cards, and others brought, given away and removed."""

from __future__ import annotations

import os

import qt
import slicer

from SpinePanel.cards import cardHtml
from SpinePanel.i18n import tr as _
from SpinePanel.learningruns import SetRun
from SpinePanel.step import StepBase


class ModelsRun(SetRun):
    """Something done to a model.

    Args:
        action: "import", "export" or "remove".
        model: id, where there is one already.
        file: zip file that is read or written.
    """

    job = "models"

    def __init__(self, action: str, model: str = "", file: str = ""):
        self.action, self.model, self.file = action, model, file

    def parameters(self, folder):
        return {"action": self.action, "model": self.model, "file": self.file}


class ModelsStep(StepBase):
    """Everything of the section.

    Args:
        ui: widgets of the ``.ui`` by name.
        panel: starts jobs.
        tasks: of the models that the module uses, see ``SpineLib.models.card.TASKS``.
    """

    TIP = _("Check a model's zip file and add it to the installed models; nothing is fetched from a network")

    def __init__(self, ui, panel, tasks):
        self._tasks, self._cards = tuple(tasks), []
        super().__init__(ui, panel, "models")
        self._folder = os.path.expanduser("~")
        self.connect(
            (ui.modelsCombo, "activated(int)", self._chosen),
            (ui.modelsExportButton, "clicked(bool)", self.onExport),
            (ui.modelsRemoveButton, "clicked(bool)", self.onRemove),
        )

    def setParameterNode(self, parameterNode):
        super().setParameterNode(parameterNode)
        if parameterNode is not None:
            self._read()

    def update(self):
        """Follow the job and the chosen model."""
        super().update()
        ui, card = self.ui, self.card()
        ui.modelsCardLabel.text = cardHtml(card) if card is not None else _("No model for this module is installed.")
        waiting = self.reason()
        for button, reason, tip in (
            (ui.modelsExportButton, waiting or self._none(), _("Write the model as a zip file, for a colleague")),
            (ui.modelsRemoveButton, waiting or self._none() or self._kept(), _("Remove the model from this computer")),
        ):
            button.enabled = not reason
            button.toolTip = reason or tip
        self.refresh()

    def refresh(self):
        super().refresh()
        running, _cancelling = self._panel.runState(self.widgets)
        self.ui.modelsCancelButton.visible = running and not self.ui.modelsSection.collapsed

    def card(self):
        """The chosen model's card, or None."""
        index = self.ui.modelsCombo.currentIndex
        return self._cards[index] if 0 <= index < len(self._cards) else None

    def onApply(self, checked=False):
        """Ask for a file and import it."""
        if self.reason():
            return
        file = qt.QFileDialog.getOpenFileName(
            self.ui.modelsApplyButton, _("Import a model"), self._folder, _("Models (*.zip)")
        )
        if file:
            self._folder = os.path.dirname(file)
            self._do(ModelsRun("import", file=file), _("The model '{model}' was imported."))

    def onExport(self, checked=False):
        """Ask for a name and write the model."""
        card = self.card()
        if card is None or self.reason():
            return
        file = qt.QFileDialog.getSaveFileName(
            self.ui.modelsExportButton,
            _("Export the model"),
            os.path.join(self._folder, f"{card.id}.zip"),
            _("Models (*.zip)"),
        )
        if file:
            self._folder = os.path.dirname(file)
            self._do(ModelsRun("export", card.id, file), _("The model '{model}' was exported."))

    def onRemove(self, checked=False):
        """Remove the model after a question."""
        card = self.card()
        if card is None or self.reason() or self._kept():
            return
        question = _("Remove the model '{model}' from this computer?").format(model=card.id)
        if slicer.util.confirmOkCancelDisplay(question, self._panel.TITLE):
            self._do(ModelsRun("remove", card.id), _("The model '{model}' was removed."))

    def _do(self, run, sentence):
        def done(result):
            self._panel.modelsChanged()
            self._panel.tell(self.widgets, sentence.format(model=result["model"]))

        self._panel.start(self.widgets, run, done)

    def _read(self):
        """The installed models, the chosen one still chosen."""
        from SpineLib.models import list_bundles

        combo, before = self.ui.modelsCombo, self.card()
        self._cards = [card for _folder, card in list_bundles() if card.task in self._tasks]
        blocked = combo.blockSignals(True)
        combo.clear()
        for card in self._cards:
            combo.addItem(card.title)
        combo.enabled = bool(self._cards)
        ids = [card.id for card in self._cards]
        if before is not None and before.id in ids:
            combo.currentIndex = ids.index(before.id)
        combo.blockSignals(blocked)

    def _none(self):
        return "" if self.card() is not None else _("No model for this module is installed.")

    def _kept(self):
        from SpineLib.models.catalogue import is_imported

        card = self.card()
        if card is None or is_imported(card.id):
            return ""
        return _("This model comes with the extension and stays.")

    def _chosen(self, index):
        self.update()
