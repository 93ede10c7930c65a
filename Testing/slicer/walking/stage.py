"""The application as the walk handles it: steps with a limit and a picture, events, modules, scenes, edits."""

import faulthandler
import logging
import os
import sys
import time
import traceback

import qt
import slicer

from walking import dressing
from walking.record import FAILED, PASSED, SKIPPED

#: A window that waits for an answer is closed after this time, seconds: nobody is there to answer it.
_PATIENCE = 60.0


class Skipped(Exception):
    """A step that cannot be taken here; its text says why."""


class Stage:
    """Runs steps, and what they need of the application.

    Args:
        record: :class:`walking.record.Record`.
        limit: seconds that a step may wait for something.
        data: "sample" or "phantom".
    """

    def __init__(self, record, limit, data):
        self.record, self.limit, self.data = record, limit, data
        self.asked, self._errors = [], []
        self._dump = open(os.path.join(record.folder, "hang.txt"), "w", encoding="utf-8")  # noqa: SIM115
        self._hook, sys.excepthook = sys.excepthook, self._caught
        self._handler = _Errors(self._errors)
        logging.getLogger().addHandler(self._handler)
        self._functions = {}
        for name in ("confirmOkCancelDisplay", "confirmYesNoDisplay", "confirmRetryCloseDisplay"):
            self._answer(name, True)
        for name in ("errorDisplay", "warningDisplay", "infoDisplay", "messageBox"):
            self._answer(name, None)
        record.facts.update(dressing.facts())
        self._asking, self._since = None, 0.0
        self._guard = qt.QTimer()
        self._guard.setInterval(500)
        self._guard.connect("timeout()", self._unblock)
        self._guard.start()

    def close(self):
        """Give the application back what was taken over."""
        faulthandler.cancel_dump_traceback_later()
        self._guard.stop()
        self._guard.disconnect("timeout()", self._unblock)
        sys.excepthook = self._hook
        logging.getLogger().removeHandler(self._handler)
        for name, function in self._functions.items():
            setattr(slicer.util, name, function)
        self._dump.close()

    def dress(self, size, panel, theme):
        """Size of the window, width of the panel, theme; "" leaves each as it is."""
        self.record.module = "Slicer"
        if size:
            self.step(f"window of {size}", lambda: dressing.resize(size))
        if panel:
            self.step(f"panel of {panel} pixels", lambda: dressing.set_panel_width(int(panel)))
        if theme:
            self.step(f"{theme} theme", lambda: dressing.set_theme(theme))

    def step(self, name, do, picture=True):
        """Take one step: whatever it raises is its failure, and the walk goes on.

        Args:
            name: a sentence, what a user sees or does.
            do: callable; what it returns, if anything, is kept as words.
            picture: whether to keep a picture of what is seen after it.

        Returns:
            Whether it passed.
        """
        row, begun = self.record.begin(name), time.monotonic()
        self._errors.clear()
        self.asked.clear()
        faulthandler.dump_traceback_later(2 * self.limit + 60, exit=True, file=self._dump)
        status, words = PASSED, ""
        try:
            words = do() or ""
        except Skipped as reason:
            status, words = SKIPPED, str(reason)
        except Exception as error:
            status, words = FAILED, f"{_place()}{type(error).__name__}: {error}"
        faulthandler.cancel_dump_traceback_later()
        if self._errors and status == PASSED:
            status = FAILED
        asked = [f"asked: {question}" for question in self.asked]
        words = "\n".join([str(words), *asked, *self._errors]).strip()
        file = self._picture(name) if picture and status != SKIPPED else ""
        self.record.end(row, status, time.monotonic() - begun, words, file)
        return status == PASSED

    def pass_time(self, seconds=0.2):
        """Let events pass."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            slicer.app.processEvents()
            time.sleep(0.01)

    def wait(self, condition, what, seconds=None):
        """Let events pass until a condition holds.

        Raises:
            AssertionError: it did not come to hold within the limit.
        """
        end = time.monotonic() + (self.limit if seconds is None else seconds)
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain: {what}")
            self.pass_time(0.1)

    def expect(self, condition, what):
        """Raises AssertionError where a condition does not hold."""
        if not condition:
            raise AssertionError(what)

    def taken_up(self, ui, wanted):
        """Expect that a panel chooses nodes by itself; what it does not choose is chosen by hand, for the next steps.

        Args:
            ui: widgets of the panel by name.
            wanted: selector's name to node.
        """
        try:
            for name, node in wanted.items():
                self.wait(lambda name=name, node=node: getattr(ui, name).currentNode() is node, f"{name} is chosen", 3)
        finally:
            for name, node in wanted.items():
                getattr(ui, name).setCurrentNode(node)
            self.pass_time(0.5)

    def select(self, module):
        """The user chooses a module."""
        slicer.util.selectModule(module)
        self.pass_time(0.3)

    def leave(self):
        """An empty scene, and none of the modules shown."""
        self.select("Data")
        slicer.mrmlScene.Clear(0)
        self.pass_time(0.5)

    def widget(self, module):
        """The Python widget of a module."""
        return slicer.util.getModuleWidget(module)

    def _answer(self, name, value):
        def answer(text, *arguments, **options):
            self.asked.append(str(text))
            return value

        if hasattr(slicer.util, name):
            self._functions[name] = getattr(slicer.util, name)
            setattr(slicer.util, name, answer)

    def _unblock(self):
        """Close a window that nobody answers; the step that it came up in has failed."""
        window, now = slicer.app.activeModalWidget(), time.monotonic()
        if window is None or window != self._asking:
            self._asking, self._since = window, now
        elif now - self._since > min(_PATIENCE, self.limit):
            self._errors.append(f"nobody answered: {window.windowTitle} {getattr(window, 'text', '')}".strip())
            self._asking = None
            (window.reject if hasattr(window, "reject") else window.close)()

    def _caught(self, kind, error, trace):
        self._errors.append("".join(traceback.format_exception(kind, error, trace)))
        self._hook(kind, error, trace)

    def _picture(self, name):
        file = self.record.picture_name(name)
        try:
            return file if dressing.picture(os.path.join(self.record.folder, file)) else ""
        except Exception as error:
            print(f"         no picture: {error}", flush=True)
            return ""


class _Errors(logging.Handler):
    """Keeps what is logged as an error while a step runs."""

    def __init__(self, kept):
        super().__init__(logging.ERROR)
        self._kept = kept

    def emit(self, record):
        self._kept.append(record.getMessage())


def _place():
    """Line of the step's own file where it failed."""
    frames = [frame for frame in traceback.extract_tb(sys.exc_info()[2]) if "walking" in frame.filename]
    frames = [frame for frame in frames if not frame.filename.endswith("stage.py")]
    return f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}: " if frames else ""
