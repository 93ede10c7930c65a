"""Puts the stand-in in place of Slicer's desktop and takes it away again."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
import types
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtWidgets

from Testing import headless

from . import api, ctkwidgets, mrmlwidgets, objects  # noqa: F401  (the widgets register themselves)

_OURS = (
    "qt",
    "ctk",
    "slicer.parameterNodeWrapper",
    "slicer.ScriptedLoadableModule",
    "slicer.packaging",
    "slicer.i18n",
    "SampleData",
)
_PATCHED = (
    "selectModule",
    "selectedModule",
    "modulePath",
    "confirmOkCancelDisplay",
    "settingsValue",
    "mainWindow",
    "delayDisplay",
)


class _Emitter(QtCore.QObject):
    startupCompleted = QtCore.Signal()
    aboutToQuit = QtCore.Signal()
    moduleAboutToBeUnloaded = QtCore.Signal(str)


class _Application:
    """``slicer.app``: the headless one, with signals and an event loop."""

    def __init__(self, core, application):
        self._core, self._application, self._emitter = core, application, _Emitter()
        self._slots = []

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

    def openNodeModule(self, node):
        """Select the module that shows nodes of this kind."""
        self.opened = node

    def mrmlScene(self):
        return self._core.mrmlScene()


class Desktop:
    """What a test holds: modules are loaded, entered and left here; Python errors in slots are kept in ``errors``."""

    def __init__(self, slicer, application):
        self.slicer, self._application = slicer, application
        self.errors: list[BaseException] = []
        self.selected: str | None = None
        self._widgets: dict[str, object] = {}
        self._gone: list[QtWidgets.QWidget] = []

    def load_module(self, path: Path):
        """What Slicer does with a module file at start-up: import it, make the module object."""
        name = path.stem
        if str(path.parent) not in sys.path:
            sys.path.insert(0, str(path.parent))
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        parent = types.SimpleNamespace(
            path=str(path),
            name=name,
            title=name,
            categories=[],
            dependencies=[],
            contributors=[],
            helpText="",
            acknowledgementText="",
            icon=None,
            defaultDocumentationLink="",
        )
        parent.module = getattr(module, name)(parent)
        parent.widgetRepresentation = lambda: self._widgets.get(name)
        setattr(self.slicer.modules, name.lower(), parent)
        setattr(self.slicer.moduleNames, name, name)
        return module

    def open_panel(self, name: str):
        """What happens the first time a user chooses the module; returns the Python widget."""
        module = sys.modules[name]
        parent = objects.find_class("slicer", "qSlicerScriptedLoadableModuleWidget")()
        widget = getattr(module, f"{name}Widget")(parent)
        parent._object.script = widget
        setattr(self.slicer.modules, f"{name}Widget", widget)
        widget.setup()
        self._widgets[name] = parent
        self.select(name)
        return widget

    def close_panel(self, name: str) -> None:
        """What happens when the application ends."""
        if self.selected == name:
            self._widgets[name]._object.exit()
            self.selected = None
        self._dispose(name)

    def reload(self, path: Path):
        """The developer's Reload button (slicer.util.reloadScriptedModule)."""
        name = path.stem
        self._dispose(name)
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return self.open_panel(name)

    def _dispose(self, name):
        parent = self._widgets.pop(name)._object
        parent.script.cleanup()
        for combo in parent.findChildren(mrmlwidgets.qMRMLNodeComboBox):
            combo.setMRMLScene(None)  # The real widgets let go of the scene when they are destroyed.
        parent.hide()
        self._gone.append(parent)

    def select(self, name: str) -> None:
        """The user chooses another module."""
        if self.selected in self._widgets:
            self._widgets[self.selected]._object.exit()
        self.selected = name
        if name in self._widgets:
            self._widgets[name]._object.enter()

    def wait(self, condition, seconds: float = 20.0) -> bool:
        """Let events pass until the condition holds; whether it came to hold."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            self._application.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 20)
            time.sleep(0.002)
        return True

    def _excepthook(self, kind, error, traceback):
        self.errors.append(error)
        sys.__excepthook__(kind, error, traceback)


@contextlib.contextmanager
def desktop():
    """The stand-in in place; on leaving, everything is as before. The scene is empty at both ends."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["SlicerApp"])
    slicer = headless.start()
    import slicer.util  # noqa: F811 - loads the submodule

    headless.close_scene()
    before = {name: sys.modules.get(name) for name in _OURS}
    attributes = {
        name: slicer.__dict__.get(name)
        for name in ("app", "selfTests", "packaging", "parameterNodeWrapper", "ScriptedLoadableModule", "i18n")
    }
    functions = {name: slicer.util.__dict__.get(name) for name in _PATCHED}
    modules_before, path_before = set(vars(slicer.modules)), list(sys.path)
    loaded_before = set(sys.modules)
    here = Desktop(slicer, application)
    hook, sys.excepthook = sys.excepthook, here._excepthook
    widgets = {name for name, (_, module) in objects.CUSTOM.items() if module == "slicer"}
    try:
        slicer.app = _Application(slicer.app, application)
        slicer.selfTests = {}
        for name in widgets:
            setattr(slicer, name, objects.find_class("slicer", name))
        _install_modules(slicer, here)
        yield here
    finally:
        headless.close_scene()
        sys.excepthook = hook
        for name, module in before.items():
            sys.modules.pop(name, None) if module is None else sys.modules.__setitem__(name, module)
        for holder, values in ((slicer, attributes), (slicer.util, functions)):
            for name, value in values.items():
                delattr(holder, name) if value is None else setattr(holder, name, value)
        for name in widgets:
            delattr(slicer, name)
        for name in set(vars(slicer.modules)) - modules_before:
            delattr(slicer.modules, name)
        for name in set(sys.modules) - loaded_before:
            if name.split(".")[0].startswith(("SpineMetSeg", "SpineNecrosis", "SpineInpaint", "SpinePanel")):
                del sys.modules[name]
        sys.path[:] = path_before
        objects.forget()


def _install_modules(slicer, here: Desktop) -> None:
    from .loader import QUiLoader

    qt = types.ModuleType("qt")
    qt.QUiLoader = QUiLoader
    qt.__getattr__ = lambda name: objects.find_class("qt", name)
    ctk = types.ModuleType("ctk")
    ctk.__getattr__ = lambda name: objects.find_class("ctk", name)
    sys.modules.update(qt=qt, ctk=ctk)

    from . import packages, parameternode, sampledata, scriptedmodule

    i18n = types.ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    i18n.translate = lambda context, text: text
    for name, module in (
        ("parameterNodeWrapper", parameternode),
        ("ScriptedLoadableModule", scriptedmodule),
        ("packaging", packages.module()),
        ("i18n", i18n),
    ):
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    sys.modules["SampleData"] = sampledata.module(slicer)
    _install_segment_editor(slicer, here)

    slicer.util.selectModule = here.select
    slicer.util.selectedModule = lambda: here.selected
    slicer.util.modulePath = lambda name: getattr(slicer.modules, name.lower()).path
    slicer.util.settingsValue = lambda key, default, converter=lambda v: v, settings=None: default
    slicer.util.confirmOkCancelDisplay = lambda text, windowTitle=None, parent=None, **kwargs: True
    slicer.util.mainWindow = lambda: None
    slicer.util.delayDisplay = lambda message, autoCloseMsec=1000, parent=None, **kwargs: slicer.app.processEvents()


def _install_segment_editor(slicer, here: Desktop) -> None:
    """The Segment Editor module as other modules reach it: ``widgetRepresentation().self().editor``."""
    node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag("SegmentEditor")
        node = slicer.mrmlScene.AddNode(node)
    editor = objects.find_class("slicer", "qMRMLSegmentEditorWidget")()
    editor.setMRMLSegmentEditorNode(node)
    script = types.SimpleNamespace(editor=editor)
    representation = types.SimpleNamespace(self=lambda: script)
    slicer.modules.segmenteditor = types.SimpleNamespace(
        name="SegmentEditor", widgetRepresentation=lambda: representation
    )
