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

from . import ctkwidgets, mrmlwidgets, objects, packages, segmenteditor  # noqa: F401  (the widgets register themselves)
from .application import Application
from .modulepanel import ModulePanel

_OURS = (
    "qt",
    "ctk",
    "slicer.parameterNodeWrapper",
    "slicer.ScriptedLoadableModule",
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
    "reloadScriptedModule",
)


class Desktop:
    """What a test holds: modules are loaded, entered and left here; Python errors in slots are kept in ``errors``."""

    def __init__(self, slicer, application, finder):
        self.slicer, self._application = slicer, application
        self.errors: list[BaseException] = []
        self.selected: str | None = None
        #: ``slicer.packaging``, also before anybody has imported it.
        self.packaging = finder.module
        self._finder = finder
        self.module_panel = ModulePanel()
        self._widgets: dict[str, object] = {}
        self._loaded: set[str] = set()
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
        parent.widgetRepresentation = lambda: self._make(name)
        setattr(self.slicer.modules, name.lower(), parent)
        setattr(self.slicer.moduleNames, name, name)
        self._loaded.add(name)
        return module

    def open_panel(self, name: str):
        """What happens the first time a user of a Slicer just started chooses the module; returns the Python widget."""
        self._finder.forget()
        self._make(name)
        self.select(name)
        return self._widgets[name]._object.script

    def _make(self, name: str):
        """A module's widget, made when it is first asked for; it need not be shown."""
        if name in self._widgets:
            return self._widgets[name]
        module = sys.modules[name]
        parent = objects.find_class("slicer", "qSlicerScriptedLoadableModuleWidget")()
        widget = getattr(module, f"{name}Widget")(parent)
        parent._object.script = widget
        setattr(self.slicer.modules, f"{name}Widget", widget)
        widget.setup()
        self._widgets[name] = parent
        return parent

    def close_panel(self, name: str) -> None:
        """What happens when the application ends."""
        if self.selected == name:
            self._hide()
            self.selected = None
        self._dispose(name)
        node = self.slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLScriptedModuleNode")
        if node is not None:
            self.slicer.mrmlScene.RemoveNode(node)

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
        self.module_panel.take(parent)
        self._gone.append(parent)

    def select(self, name: str) -> None:
        """The user chooses another module: the one that was shown is left and taken out of the panel before."""
        if name not in self._widgets and name in self._loaded:
            self.open_panel(name)
            return
        if name == self.selected:
            return
        self._hide()
        self.selected = name
        if name in self._widgets:
            self.module_panel.put(self._widgets[name]._object)
            self._widgets[name]._object.enter()

    def _hide(self):
        if self.selected in self._widgets:
            self._widgets[self.selected]._object.exit()
            self.module_panel.take(self._widgets[self.selected]._object)

    def show(self, width: int, height: int) -> None:
        """Draw the module panel in this size, pixels, as the window gives it to the module that is chosen."""
        self.module_panel.resize(width, height)
        self.module_panel.show()
        self.wait(lambda: False, 0.3)

    def picture(self):
        """What :meth:`show` has drawn, as a QImage."""
        return self.module_panel.grab().toImage()

    def press(self, widget, key: str) -> None:
        """The user presses a key ("A", "Down") while a widget that :meth:`show` has drawn has the keyboard."""
        from PySide6.QtTest import QTest

        from .objects import unwrap

        target = unwrap((widget,))[0]
        self.module_panel.window().activateWindow()
        target.setFocus()
        self.wait(lambda: target.hasFocus(), 2)
        QTest.keyClick(target, getattr(QtCore.Qt.Key, f"Key_{key}"))
        self.wait(lambda: False, 0.05)

    def edit(self, segmentation, segment_id, mask, volume) -> None:
        """The user edits a segment in the Segment Editor; mask: array (k, j, i) on the grid of the volume."""
        segmenteditor.edit(segmentation, segment_id, mask, volume)

    def save_scene(self, path: Path) -> None:
        """File / Save, as one .mrb."""
        assert self.slicer.util.saveScene(str(path))

    def open_scene(self, path: Path) -> None:
        """File / Open of a saved scene: the scene that is there is closed first, in one batch."""
        properties = {"fileName": str(path), "clear": True}
        assert self.slicer.app.coreIOManager().loadNodes("SceneFile", properties, None)

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
        for name in ("app", "selfTests", "parameterNodeWrapper", "ScriptedLoadableModule", "i18n")
    }
    functions = {name: slicer.util.__dict__.get(name) for name in _PATCHED}
    modules_before, path_before = set(vars(slicer.modules)), list(sys.path)
    loaded_before = set(sys.modules)
    finder = packages.Finder()
    here = Desktop(slicer, application, finder)
    hook, sys.excepthook = sys.excepthook, here._excepthook
    widgets = {name for name, (_, module) in objects.CUSTOM.items() if module == "slicer"}
    slicer.app = Application(slicer.app, application)
    try:
        finder.install()
        slicer.app.add_views(slicer)
        slicer.selfTests = {}
        for name in widgets:
            setattr(slicer, name, objects.find_class("slicer", name))
        _install_modules(slicer, here)
        yield here
    finally:
        headless.close_scene()
        slicer.app.close()
        finder.remove()
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

    from . import parameternode, sampledata, scriptedmodule

    i18n = types.ModuleType("slicer.i18n")
    i18n.tr = lambda text: text
    i18n.translate = lambda context, text: text
    for name, module in (
        ("parameterNodeWrapper", parameternode),
        ("ScriptedLoadableModule", scriptedmodule),
        ("i18n", i18n),
    ):
        sys.modules[f"slicer.{name}"] = module
        setattr(slicer, name, module)
    sys.modules["SampleData"] = sampledata.module(slicer)
    segmenteditor.install(slicer)

    slicer.util.selectModule = here.select
    slicer.util.selectedModule = lambda: here.selected
    slicer.util.modulePath = lambda name: getattr(slicer.modules, name.lower()).path
    slicer.util.settingsValue = lambda key, default, converter=lambda v: v, settings=None: default
    slicer.util.confirmOkCancelDisplay = lambda text, windowTitle=None, parent=None, **kwargs: True
    slicer.util.mainWindow = lambda: None
    slicer.util.reloadScriptedModule = lambda name: here.reload(Path(slicer.util.modulePath(name)))
    slicer.util.delayDisplay = lambda message, autoCloseMsec=1000, parent=None, **kwargs: slicer.app.processEvents()
