"""The MRML widgets the panels use, on real nodes of the real scene."""

from __future__ import annotations

import vtk
from PySide6 import QtWidgets
from PySide6.QtCore import Property, Signal

from .objects import custom


@custom("slicer")
class qMRMLWidget(QtWidgets.QWidget):
    """A widget that hands its scene to the widgets connected in the ``.ui``."""

    mrmlSceneChanged = Signal(object)
    SIGNATURES = ("mrmlSceneChanged(vtkMRMLScene*)",)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        self._scene = scene
        self.mrmlSceneChanged.emit(scene)


@custom("slicer")
class qSlicerScriptedLoadableModuleWidget(qMRMLWidget):
    """What a scripted module gets as ``parent``: an empty panel that knows whether it is shown."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self.script = None
        self._entered = False
        QtWidgets.QVBoxLayout(self)

    def self(self):
        return self.script

    def enter(self):
        self._entered = True
        self.script.enter()

    def exit(self):
        self._entered = False
        self.script.exit()

    isEntered = Property(bool, lambda self: self._entered)


@custom("slicer")
class qMRMLNodeComboBox(QtWidgets.QWidget):
    """A combo box of the scene's nodes of some classes; follows the scene.

    When the chosen node is deleted the neighbour is chosen, as the real one does with QComboBox's rows.
    """

    currentNodeChanged = Signal(object)
    currentNodeIDChanged = Signal(str)
    nodeAddedByUser = Signal(object)
    nodeAboutToBeRemoved = Signal(object)
    SIGNATURES = (
        "currentNodeChanged(vtkMRMLNode*)",
        "currentNodeChanged(bool)",
        "currentNodeIDChanged(QString)",
        "nodeAddedByUser(vtkMRMLNode*)",
        "nodeAboutToBeRemoved(vtkMRMLNode*)",
    )

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = self._current = None
        self._tags, self._types, self._attributes, self._noneDisplay = [], [], [], "None"
        self._flags = {
            "none": False,
            "add": True,
            "remove": True,
            "rename": False,
            "edit": False,
            "children": True,
            "hidden": False,
            "select": False,
        }
        self._baseName = ""
        self._box = QtWidgets.QComboBox()
        self._box.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self._box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.activated.connect(lambda index: self._choose(self._box.itemData(index)))

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        for tag in self._tags:
            self._scene.RemoveObserver(tag)
        self._scene, self._tags = scene, []
        if scene is not None:
            self._tags = [
                scene.AddObserver(event, self._follow)
                for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent)
            ]
            self._tags.append(scene.AddObserver(scene.NodeAboutToBeRemovedEvent, self._lose))
        self._follow()

    def currentNode(self):
        return self._current

    def setCurrentNode(self, node):
        self._choose(node.GetID() if node is not None else None)

    def setCurrentNodeID(self, node_id):
        self._choose(node_id)

    def addAttribute(self, node_type, name, value=None):
        self._attributes.append((node_type, name, value))
        self._follow()

    def nodeCount(self):
        return len(self._nodes())

    def _nodes(self):
        found = []
        for index in range(self._scene.GetNumberOfNodes() if self._scene else 0):
            node = self._scene.GetNthNode(index)
            fits = any(
                node.IsA(kind) if self._flags["children"] else node.GetClassName() == kind for kind in self._types
            )
            wanted = all(
                node.GetAttribute(name) is not None if value is None else node.GetAttribute(name) == value
                for kind, name, value in self._attributes
                if node.IsA(kind)
            )
            if fits and wanted and (self._flags["hidden"] or not node.GetHideFromEditors()):
                found.append(node)
        return found

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def _lose(self, caller, event, node):
        rows = [None] * self._flags["none"] + self._nodes()
        row = next((row for row, one in enumerate(rows) if one is node), None)
        if row is None or self._scene.IsClosing():
            return
        self.nodeAboutToBeRemoved.emit(node)
        if self._current is node:
            del rows[row]
            neighbour = rows[min(row, len(rows) - 1)] if rows else None
            self._choose(neighbour.GetID() if neighbour is not None else None)

    def _follow(self, caller=None, event=None):
        nodes = self._nodes()
        blocked = self._box.blockSignals(True)
        self._box.clear()
        if self._flags["none"]:
            self._box.addItem(self._noneDisplay, None)
        for node in nodes:
            self._box.addItem(node.GetName(), node.GetID())
        if not self._flags["none"] and not nodes:
            self._box.setPlaceholderText("Select a node")
        self._box.blockSignals(blocked)
        current = self._current if any(node is self._current for node in nodes) else None
        if current is None and nodes and not self._flags["none"]:
            current = nodes[0]
        self._choose(current.GetID() if current is not None else None)

    def _choose(self, node_id):
        node = next((n for n in self._nodes() if n.GetID() == node_id), None) if node_id else None
        index = max(
            (i for i in range(self._box.count()) if self._box.itemData(i) == (node.GetID() if node else None)),
            default=-1,
        )
        self._box.setCurrentIndex(index)
        if node is not self._current:
            self._current = node
            self.currentNodeChanged.emit(node)
            self.currentNodeIDChanged.emit(node.GetID() if node is not None else "")

    def _flag(name):
        return Property(bool, lambda self: self._flags[name], lambda self, on: self._put(name, on))

    def _put(self, name, on):
        self._flags[name] = on
        self._follow()

    def _set_types(self, types):
        self._types = list(types)
        self._follow()

    def _set_none_display(self, text):
        self._noneDisplay = text
        self._follow()

    nodeTypes = Property("QStringList", lambda self: self._types, _set_types)
    noneDisplay = Property(str, lambda self: self._noneDisplay, _set_none_display)
    baseName = Property(str, lambda self: self._baseName, lambda self, text: setattr(self, "_baseName", text))
    currentNodeID = Property(str, lambda self: self._current.GetID() if self._current else "", setCurrentNodeID)
    noneEnabled, addEnabled, removeEnabled = _flag("none"), _flag("add"), _flag("remove")
    renameEnabled, editEnabled, showHidden = _flag("rename"), _flag("edit"), _flag("hidden")
    showChildNodeTypes, selectNodeUponCreation = _flag("children"), _flag("select")
