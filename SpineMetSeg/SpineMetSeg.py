"""SpineMetSeg: segments spinal metastases on T1- and T2-weighted MR; life cycle as in Slicer's module template."""

import enum
import os
import sys
import unittest
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLMarkupsFiducialNode, vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# Installed, SpineLib and SpinePanel lie beside this file; for a developer who added only this folder, one above.
# First on the path: a SpineLib that pip put into Slicer's Python may be of another version, and lacks SpinePanel.
_here = os.path.dirname(os.path.abspath(__file__))
_home = _here if os.path.isdir(os.path.join(_here, "SpinePanel")) else os.path.dirname(_here)
if _home not in sys.path[:1]:
    sys.path.insert(0, _home)


class SpineMetSeg(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = "Spine Metastasis Segmentation"
        parent.categories = ["Spine Oncology"]
        parent.dependencies = ["Segmentations", "SegmentEditor", "Markups"]
        parent.contributors = ["SpineOncology contributors"]
        parent.helpText = (
            "<p>Segments metastases of the spine on sagittal T1- and (or) T2-weighted MR with a U-Net (Hille et al. "
            "2020); every lesion becomes a segment that can be edited, measured and compared. Its section Detect lists "
            "suspicious places of the whole spine (Wang et al. 2017).</p>"
            "<p><b>Research use only, not a medical device.</b> The models that come with the extension were trained "
            "on simulated images.</p>"
        )
        parent.acknowledgementText = "Method: G. Hille et al., Spinal metastases segmentation in MR imaging (2020)."
        slicer.app.connect("startupCompleted()", registerSampleData)
        slicer.app.connect("startupCompleted()", registerTerminologies)
        if hasattr(slicer.modules, "terminologies"):  # Others are loaded, so that signal may have gone: a late module.
            registerSampleData()
            registerTerminologies()


def registerSampleData():
    """Put the simulated spine into the module Sample Data."""
    from SpineMetSegLib.sampledata import register

    register(os.path.join(_here, "Resources", "Icons", "SpineMetSeg.png"))


def registerTerminologies():
    """Let the Segment Editor offer each vertebra and the lesions of the spine."""
    from SpineLib.scene.terminology import register_terminologies

    register_terminologies()


class Network(enum.Enum):
    """How the network looks at the images."""

    TWO_D = 2
    THREE_D = 3

    def label(self):
        return {2: "2D (fast)", 3: "3D (thorough)"}[self.value]


class Device(enum.Enum):
    """Where the network runs; values are those of SpineLib."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"

    def label(self):
        return {
            "auto": "Automatic",
            "cpu": "Processor (CPU)",
            "cuda": "NVIDIA graphics card (CUDA)",
            "mps": "Apple graphics (MPS)",
        }[self.value]


@parameterNodeWrapper
class SpineMetSegParameterNode:
    """What the user chose; saved with the scene.

    t1, t2 - the images; either may be missing.
    network, model - 2D or 3D, and the id of the model bundle.
    threshold, smallestLesion (ml), device - settings of the run.
    output - segmentation that gets the lesions as further segments; none: a new one.
    result - segmentation whose lesions the table lists.
    reference - segmentation to compare with.
    detectImage, detectModel - what is searched for suspicious places, and the id of the detector's bundle.
    candidateThreshold, smallestArea (cm2) - from which a place is listed.
    columnOnly - whether the next search looks in the vertebral column only.
    likelihood, candidates - of the search whose places are listed.
    showLikelihood - whether the likelihood lies over the image.
    """

    t1: vtkMRMLScalarVolumeNode
    t2: vtkMRMLScalarVolumeNode
    network: Network = Network.TWO_D
    model: str = ""
    threshold: Annotated[float, WithinRange(0.05, 0.95)] = 0.5
    smallestLesion: Annotated[float, WithinRange(0, 5)] = 0.1
    device: Device = Device.AUTO
    output: vtkMRMLSegmentationNode
    result: vtkMRMLSegmentationNode
    reference: vtkMRMLSegmentationNode
    detectImage: vtkMRMLScalarVolumeNode
    detectModel: str = ""
    candidateThreshold: Annotated[float, WithinRange(0.05, 0.99)] = 0.5
    smallestArea: Annotated[float, WithinRange(0, 10)] = 1.0
    columnOnly: bool = False
    likelihood: vtkMRMLScalarVolumeNode
    candidates: vtkMRMLMarkupsFiducialNode
    showLikelihood: bool = True


class SpineMetSegWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel: wires the parts of SpineMetSegLib and SpinePanel to the widgets."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None
        self._parameterNode = None
        self._parameterNodeGuiTag = None

    def setup(self):
        ScriptedLoadableModuleWidget.setup(self)
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/SpineMetSeg.ui"))
        self.layout.addWidget(uiWidget)
        self.ui = slicer.util.childWidgetVariables(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = SpineMetSegLogic()

        from SpineMetSegLib.panel import Panel

        self.panel = Panel(self.ui, self.logic)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
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

    def onSceneEndClose(self, caller, event):
        if self.parent.isEntered:
            self.initializeParameterNode()

    def initializeParameterNode(self):
        """Make sure that the parameter node exists and is observed; choose images by name or DICOM description."""
        self.setParameterNode(self.logic.getParameterNode())
        if not self._parameterNode.t1 and not self._parameterNode.t2:
            for name, node in self.logic.findInputs().items():
                setattr(self._parameterNode, name.lower(), node)
        if not self._parameterNode.detectImage:
            self._parameterNode.detectImage = self.logic.findImageToSearch()

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


class SpineMetSegLogic(ScriptedLoadableModuleLogic):
    """What the module can do without its panel, from the Python console or a script::

    logic = slicer.modules.spinemetseg.widgetRepresentation().self().logic
    segmentation = logic.segment(t1=getNode("T1"), t2=getNode("T2"), model="mets-t1t2-2d")
    """

    def getParameterNode(self):
        return SpineMetSegParameterNode(super().getParameterNode())

    def findInputs(self):
        """The scene's volumes that look like T1 and T2 by name or DICOM description: {"T1": node, "T2": node}."""
        from SpineLib.scene.select import preselect
        from SpineMetSegLib.run import SEQUENCES

        return preselect(SEQUENCES)

    def findImageToSearch(self):
        """The scene's volume that looks most like STIR, else like T2; None without one."""
        from SpineLib.scene.select import preselect

        return next((node for role in ("STIR", "T2") if (node := preselect((role,)).get(role))), None)

    def segment(
        self,
        t1=None,
        t2=None,
        model=None,
        threshold=None,
        smallestLesionMl=None,
        device="auto",
        output=None,
        progress=None,
    ):
        """Segment metastases and wait for the result.

        Args:
            t1, t2: volume nodes; one may be missing.
            model: id or folder of a model bundle; default: the first 2D model that fits the inputs.
            threshold, smallestLesionMl, device: default: the model's own.
            output: segmentation node that gets the lesions as further segments; default: a new one.
            progress: callable of fraction and text.

        Returns:
            Segmentation node, one segment a lesion.

        Raises:
            SpineLib.errors.SpineError: one sentence: what is wrong and what to do.
        """
        from SpineLib.errors import SpineError
        from SpineMetSegLib.models import fittingModels
        from SpinePanel.runs import SegmentationRun, runAndWait

        inputs = {"T1": t1, "T2": t2}
        if model is None:
            chosen = {name for name, node in inputs.items() if node is not None}
            models = fittingModels(chosen, 2) or fittingModels(chosen, 3)
            if chosen and not models:
                raise SpineError(f"No installed model takes {' + '.join(sorted(chosen))}: import one (spine models).")
            model = models[0].id if models else ""
        run = SegmentationRun(
            inputs, model, threshold=threshold, smallestLesionMl=smallestLesionMl, device=device, output=output
        )
        return runAndWait(run, progress).segmentation


class SpineMetSegTest(ScriptedLoadableModuleTest):
    """The whole way on a small phantom with a tiny model; run by ctest and by the developer's Reload and Test."""

    def setUp(self):
        slicer.mrmlScene.Clear(0)

    def runTest(self):
        """For Reload and Test; there a skipped test must not look like a failed one."""
        self.setUp()
        try:
            self.test_fromVolumesToSegments()
        except unittest.SkipTest as reason:
            self.delayDisplay(f"SpineMetSegTest was skipped, {reason}")
            return
        self.delayDisplay("Test passed")

    def test_fromVolumesToSegments(self):
        from SpinePanel.packages import missingPackages

        missing = missingPackages()
        if missing:
            self.skipTest(f"not installed: {', '.join(missing)}")
        from SpineMetSegLib.selftest import wholeWay

        wholeWay(self, SpineMetSegLogic())
