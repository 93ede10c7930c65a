"""``slicer.app``: the headless one, with signals, an event loop and a layout manager."""

from __future__ import annotations

from PySide6 import QtCore

from . import api, objects
from .layouts import LayoutManager


class _Emitter(QtCore.QObject):
    startupCompleted = QtCore.Signal()
    aboutToQuit = QtCore.Signal()
    moduleAboutToBeUnloaded = QtCore.Signal(str)


class Application:
    """Has the names that the real one has; what a window is needed for is kept here, the rest is the headless one's."""

    def __init__(self, core, application):
        self._core, self._application, self._emitter = core, application, _Emitter()
        self._slots, self._layouts = [], None

    def __getattr__(self, name):
        listed = api.load()
        if listed is not None and name not in listed["python"]["slicer.app"]:
            raise AttributeError(f"qSlicerApplication has no attribute '{name}'")
        return getattr(self._core, name)

    def connect(self, signal, slot):
        call = objects._trimmed(slot)
        self._slots.append((signal, slot, call))
        getattr(self._emitter, signal.split("(")[0]).connect(call)
        return True

    def disconnect(self, signal, slot):
        for entry in self._slots:
            if entry[:2] == (signal, slot):
                getattr(self._emitter, signal.split("(")[0]).disconnect(entry[2])
                self._slots.remove(entry)
                return True
        return False

    def startupCompleted(self):
        self._emitter.startupCompleted.emit()

    def processEvents(self):
        self._application.processEvents()

    def activeModalWidget(self):
        return objects.wrap(self._application.activeModalWidget())

    def openNodeModule(self, node):
        """Select the module that shows nodes of this kind."""
        self.opened = node

    def mrmlScene(self):
        return self._core.mrmlScene()

    def layoutManager(self):
        return self._layouts

    def palette(self):
        return objects.wrap(self._application.palette())

    def add_views(self, slicer):
        """The window's views; a second call does nothing."""
        self._layouts = self._layouts or LayoutManager(slicer)

    def close(self):
        """Let go of the scene."""
        self._layouts.close()
