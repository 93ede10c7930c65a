"""One step of a panel: its buttons, its progress, the sentence below them, and what every step does alike."""

from __future__ import annotations

import qt

from SpinePanel import style


class StatusLine:
    """The sentence of a step that runs no job.

    Args:
        ui: widgets of the ``.ui`` by name.
        name: "ct": the widgets are ``ctSection`` and ``ctStatusLabel``.
    """

    def __init__(self, ui, name):
        self.name, self._kind, self._about = name, "note", None
        self._section, self._status = getattr(ui, f"{name}Section"), getattr(ui, f"{name}StatusLabel")
        self.say("")

    def close(self):
        """Let go of the widgets."""

    def say(self, sentence, error=False, warning=False, about=None):
        """Show one sentence, in place of the last one.

        Args:
            about: node that the sentence is about; see :meth:`keepFor`.
        """
        self._kind, self._about = "error" if error else "warning" if warning else "note", about
        self._status.text = sentence
        self.refresh()

    def keepFor(self, node):
        """Let the sentence go if it is about another node than this."""
        if self._about not in (None, node):
            self.say("")

    def said(self):
        """The sentence that stands there."""
        return self._status.text

    def warns(self):
        """Whether a warning or an error stands there."""
        return self._kind != "note" and bool(self._status.text)

    def refresh(self):
        """After the section was opened, which shows all its widgets, and after the application changed its theme."""
        self._status.styleSheet = style.sentence(self._kind)
        self._status.visible = bool(self._status.text) and not self._section.collapsed


class JobWidgets(StatusLine):
    """The widgets of a step that runs a job.

    Args:
        ui: widgets of the ``.ui`` by name.
        name: "register": the widgets are ``registerApplyButton`` and so on.
        onApply, onCancel: slots.
    """

    def __init__(self, ui, name, onApply, onCancel):
        self.applyButton, self.cancelButton, self._bar, self._stage = (
            getattr(ui, name + kind) for kind in ("ApplyButton", "CancelButton", "ProgressBar", "StageLabel")
        )
        self._running = False
        super().__init__(ui, name)
        self._connections = ((self.applyButton, onApply), (self.cancelButton, onCancel))
        for button, slot in self._connections:
            button.connect("clicked(bool)", slot)
        self.update(False, False, "", "")

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
        self._running = running
        self.applyButton.enabled = not reason
        self.applyButton.toolTip = reason or tip
        self.cancelButton.enabled = running and not cancelling
        self.refresh()

    def progress(self, fraction, text, remaining):
        """Show how far the job is."""
        self._bar.value = round(100 * fraction)
        self._stage.text = f"{text}, {remaining}" if remaining else text

    def refresh(self):
        super().refresh()
        shown = self._running and not self._section.collapsed
        self._bar.visible = self._stage.visible = self.cancelButton.visible = shown  # one Cancel: that of what runs


class StepBase:
    """What every step does alike: a :class:`SpinePanel.protocols.Step` without what it is there for.

    Args:
        ui: widgets of the ``.ui`` by name.
        panel: :class:`SpinePanel.steppanel.StepPanel`; starts jobs, knows the parameter node and the other steps.
        name: of the step's widgets.

    Attributes:
        TIP: what Apply does; None for a step without a job.
        widgets: :class:`JobWidgets`, or :class:`StatusLine` for a step without a job.
    """

    TIP = None

    def __init__(self, ui, panel, name):
        self.ui, self._panel, self._node = ui, panel, None
        self._connections, self._timers = [], []
        self.widgets = StatusLine(ui, name) if self.TIP is None else JobWidgets(ui, name, self.onApply, panel.onCancel)

    def connect(self, *connections):
        """Connect (widget, signal, slot)s until :meth:`close`."""
        for widget, signal, slot in connections:
            widget.connect(signal, slot)
        self._connections += connections

    def pause(self, milliseconds, slot):
        """A timer that calls the slot once, this long after its last ``start()``; it ends with the step."""
        timer = qt.QTimer()
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        self.connect((timer, "timeout()", slot))
        self._timers.append(timer)
        return timer

    def close(self):
        """Let go of the widgets."""
        self._stopTimers()
        self.widgets.close()
        for widget, signal, slot in self._connections:
            widget.disconnect(signal, slot)
        self._connections = []

    def setParameterNode(self, parameterNode):
        """Another parameter node, or none while the module is hidden or the scene closes."""
        self._node = parameterNode
        self.widgets.refresh()

    def update(self):
        """Follow parameter node and job; a subclass adds what it shows."""
        if self.TIP is not None:
            self.widgets.update(*self._panel.runState(self.widgets), self.reason(), self.TIP)

    def lookAgain(self):
        """The module is shown again, and what the step depends on may have been edited meanwhile."""

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        return self._panel.reasonNotToStart()

    def summary(self):
        """(whether the step is done, a few words)."""
        return False, ""

    def attention(self):
        """Whether the step says something that nobody may miss: then it does not fold."""
        return self.widgets.warns()

    def clear(self):
        """The scene is being closed."""
        self._stopTimers()

    def refresh(self):
        """After the section was opened, which shows all its widgets."""
        self.widgets.refresh()

    def onApply(self, checked=False):
        """Start the step's job."""
        raise NotImplementedError

    def _stopTimers(self):
        for timer in self._timers:
            timer.stop()
