"""The life cycle of a module's widget, as Slicer's template has it."""

import slicer
import vtk
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin


class ModuleWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Base of the modules' widgets: loads ``UI/<module>.ui``, observes scene and parameter node, ends the worker.

    A module says which logic and panel it has (:meth:`makeLogic`, :meth:`makePanel`) and what it chooses by itself in
    a scene (:meth:`chooseInputs`).
    """

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None
        self._waiting = False

    def makeLogic(self):
        """The module's logic."""
        raise NotImplementedError

    def makePanel(self):
        """The parts behind the widgets; they take ``self.ui`` and ``self.logic``."""
        raise NotImplementedError

    def chooseInputs(self, node):
        """Put what the scene holds into ``node``, where the user has chosen nothing."""
        raise NotImplementedError

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath(f"UI/{self.moduleName}.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = self.makeLogic()
        self.panel = self.makePanel()
        scene = slicer.mrmlScene
        for event, slot in (
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
        if self.panel:
            self.panel.close()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        """The user opens another module; a running job goes on."""
        self.setParameterNode(None)

    def onSceneStartClose(self, caller, event):
        """A run whose images go away has no sense any more."""
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
        self.chooseInputs(self._parameterNode)

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
