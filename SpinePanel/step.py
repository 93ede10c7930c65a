"""One step of the panel that runs a job: its buttons, progress and the sentence below them."""

_ERROR, _NOTE, _WARNING = "color: #d0342c;", "", "color: #b26a00;"


class Step:
    """The widgets of one step, found by the step's name.

    Args:
        ui: widgets of the ``.ui`` by name.
        name: "register": the widgets are ``registerApplyButton`` and so on.
        onApply, onCancel: slots.
    """

    def __init__(self, ui, name, onApply, onCancel):
        self.name = name
        self.applyButton, self.cancelButton, self._bar, self._stage, self._status = (
            getattr(ui, name + kind)
            for kind in ("ApplyButton", "CancelButton", "ProgressBar", "StageLabel", "StatusLabel")
        )
        self._section = getattr(ui, name + "Section")
        self._connections = ((self.applyButton, onApply), (self.cancelButton, onCancel))
        for button, slot in self._connections:
            button.connect("clicked(bool)", slot)
        self.update(False, False, "", "")
        self.say("")

    def close(self):
        for button, slot in self._connections:
            button.disconnect("clicked(bool)", slot)

    def update(self, running, cancelling, reason, tip):
        """Bring buttons and progress in line.

        Args:
            running, cancelling: whether this step's job runs, and is being cancelled.
            reason: why it cannot be started, "" when it can.
            tip: what the button does.
        """
        self.applyButton.enabled = not reason
        self.applyButton.toolTip = reason or tip
        self.cancelButton.enabled = running and not cancelling
        self._bar.visible = self._stage.visible = running and not self._section.collapsed

    def progress(self, fraction, text, remaining):
        self._bar.value = round(100 * fraction)
        self._stage.text = f"{text}, {remaining}" if remaining else text

    def say(self, sentence, error=False, warning=False):
        """Show one sentence, in place of the last one."""
        self._status.styleSheet = _ERROR if error else _WARNING if warning else _NOTE
        self._status.text = sentence
        self.refresh()

    def refresh(self):
        """After the section was opened, which shows all its widgets."""
        self._status.visible = bool(self._status.text) and not self._section.collapsed
