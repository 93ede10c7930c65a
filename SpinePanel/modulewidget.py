"""The life cycle of a module's widget, as Slicer's template has it."""

from typing import Any

import qt
import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

#: An image that comes while the module is shown is looked at after this time, milliseconds: by then it has its name.
_ARRIVED_MS = 300


class ModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of the modules' widgets: loads ``UI/<module>.ui``, observes scene and parameter node, ends the worker.

    A module says which logic and panel it has (:meth:`makeLogic`, :meth:`makePanel`) and what it chooses by itself in
    a scene (:meth:`chooseInputs`).
    """

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic: Any = None
        self.panel: Any = None
        self._parameterNode: Any = None
        self._parameterNodeGuiTag = None
        self._waiting = False
        self._arrived: set[str] = set()
        self._arrivals: Any = None

    def makeLogic(self):
        """The module's logic."""
        raise NotImplementedError

    def makePanel(self):
        """The parts behind the widgets; they take ``self.ui`` and ``self.logic``."""
        raise NotImplementedError

    def chooseInputs(self, node, arrived):
        """Put what the scene holds into ``node``, by :meth:`takeUp`.

        Args:
            arrived: ids of the nodes that came since this was last called.
        """
        raise NotImplementedError

    @staticmethod
    def takeUp(names, found, arrived, get, put):
        """Choose what was found where the user has chosen nothing.

        Where something is chosen already, only what came since is taken up, and only beside what it would be chosen
        with: images of two patients are never mixed, and what the user has cleared stays so.

        Args:
            names: of all inputs that belong together.
            found: name to node, of all the scene.
            arrived: ids of the nodes that came since.
            get: gets a name, gives the node that is chosen, or None.
            put: gets a name and a node.
        """
        chosen = {name: get(name) for name in names}
        if any(chosen.values()):
            if any(node is not None and found.get(name) is not node for name, node in chosen.items()):
                return
            found = {name: node for name, node in found.items() if not chosen.get(name) and node.GetID() in arrived}
        for name, node in found.items():
            put(name, node)

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.makeLogic()
        self.panel = self.makePanel()
        self._arrivals = qt.QTimer()
        self._arrivals.setSingleShot(True)
        self._arrivals.setInterval(_ARRIVED_MS)
        self._arrivals.connect("timeout()", self.onArrived)
        scene = slicer.mrmlScene
        for event, slot in (
            (scene.NodeAddedEvent, self.onNodeAdded),
            (scene.StartCloseEvent, self.onSceneStartClose),
            (scene.EndCloseEvent, self.onSceneChanged),
            (scene.StartImportEvent, self.onSceneStartImport),
            (scene.EndImportEvent, self.onSceneChanged),
            (scene.EndBatchProcessEvent, self.onSceneEndBatch),
        ):
            self.addObserver(scene, event, slot)
        self.initializeParameterNode()

    def cleanup(self):
        """The application ends or the module is reloaded: the worker ends with it, at once."""
        self.setParameterNode(None)
        self.removeObservers()
        if self._arrivals:
            self._arrivals.stop()
            self._arrivals.disconnect("timeout()", self.onArrived)
        if self.panel:
            self.panel.close()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        """The user opens another module; a running job goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """A run whose images go away has no sense any more."""
        self._arrived.clear()
        self.panel.onSceneClosing()
        self.setParameterNode(None)

    def onSceneStartImport(self, caller, event):
        """A scene is read: the parameter node is modified before the images that it refers to are there.

        What is read from it then is kept by Slicer's wrapper, and what is written into it would replace what was saved.
        """
        self.setParameterNode(None)

    def onSceneChanged(self, caller, event):
        """The scene was closed or read; more of it may follow in the same batch."""
        self._waiting = True
        self._arrived.clear()  # what a scene brings is as it was chosen there
        if not slicer.mrmlScene.IsBatchProcessing():
            self.onSceneEndBatch(caller, event)

    def onSceneEndBatch(self, caller, event):
        """All that belongs together has happened: take the parameter node up again, by a new wrapper."""
        waiting, self._waiting = self._waiting, False
        if waiting and self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Make sure that the parameter node exists and is observed, and that inputs are chosen."""
        self.setParameterNode(self.logic.getParameterNode())
        self.onArrived()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(self, caller, event, node):
        """An image or a segmentation comes; its name and its voxels follow."""
        if node.IsA("vtkMRMLScalarVolumeNode") or node.IsA("vtkMRMLSegmentationNode"):
            self._arrived.add(node.GetID())
            if self._parameterNode:
                self._arrivals.start()

    def onArrived(self):
        """Choose what has come, if the module is shown; otherwise on coming back."""
        if self._parameterNode:
            arrived, self._arrived = self._arrived, set()
            self.chooseInputs(self._parameterNode, arrived)

    def setParameterNode(self, inputParameterNode):
        """Observe another parameter node, or none."""
        if self._parameterNode:
            self._disconnectParameterNode()
        self._parameterNode = inputParameterNode
        if self._parameterNode:
            self._parameterNodeGuiTag = self._parameterNode.connectGui(self.ui)
            self.addObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._update)
        if self.panel:
            self.panel.setParameterNode(self._parameterNode)

    def _disconnectParameterNode(self):
        self._parameterNode.disconnectGui(self._parameterNodeGuiTag)
        self.removeObserver(self._parameterNode, vtk.vtkCommand.ModifiedEvent, self._update)

    def _update(self, caller=None, event=None):
        self.panel.update()
