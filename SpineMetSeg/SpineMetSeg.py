"""SpineMetSeg: segments spinal metastases on T1- and T2-weighted MR; life cycle as in Slicer's module template."""

import os
import sys
from typing import Annotated

import slicer
from slicer import (
    vtkMRMLLinearTransformNode,
    vtkMRMLMarkupsFiducialNode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
)
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import ScriptedLoadableModule, ScriptedLoadableModuleLogic

# Installed, SpineLib and SpinePanel lie beside this file; for a developer who added only this folder, one above.
# First on the path: a SpineLib that pip put into Slicer's Python may be of another version, and lacks SpinePanel.
_here = os.path.dirname(os.path.abspath(__file__))
_home = _here if os.path.isdir(os.path.join(_here, "SpinePanel")) else os.path.dirname(_here)
if _home not in sys.path[:1]:
    sys.path.insert(0, _home)

from SpinePanel.device import Device  # noqa: E402
from SpinePanel.moduletest import ModuleTest  # noqa: E402
from SpinePanel.modulewidget import ModuleWidget  # noqa: E402


class SpineMetSeg(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Spine Metastasis Segmentation")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Spine Oncology")]
        parent.dependencies = ["Segmentations", "SegmentEditor", "Markups"]
        parent.contributors = ["SpineOncology contributors (SpineOncology)"]
        parent.helpText = _(
            "<p>Segments metastases of the spine on sagittal T1- and (or) T2-weighted MR with a "
            "U-Net (<a href='https://arxiv.org/abs/2001.05834'>Hille et al. 2020</a>); every lesion "
            "becomes a segment that can be edited, measured and compared. Its section Detect lists "
            "suspicious places of the whole spine (<a "
            "href='https://doi.org/10.1016/j.compbiomed.2017.03.024'>Wang et al. "
            "2017</a>).</p><p><b>Research use only, not a medical device.</b> The models that come "
            "with the extension were trained on simulated images.</p>"
        )
        parent.acknowledgementText = _(
            "Method: <a href='https://arxiv.org/abs/2001.05834'>G. Hille et al., Spinal metastases "
            "segmentation in MR imaging (2020)</a>."
        )
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


@parameterNodeWrapper
class SpineMetSegParameterNode:
    """What the user chose; saved with the scene.

    The images to segment are further node references, named by their sequence ("t1"): SpinePanel.inputs.

    model - id of the model bundle.
    threshold, smallestLesion (ml), device - settings of the run.
    lowest - level of the lowest vertebra above the sacrum that is seen; "" where the sacrum tells it.
    anywhere, anyway - keep lesions that touch no vertebra; use a scan that no model was made for.
    output - segmentation that gets the lesions as further segments; none: a new one.
    result - segmentation whose lesions the table lists.
    reference - segmentation to compare with.
    earlier, earlierTransform - lesions of an earlier examination, and what moves the later scan onto its scan.
    responseFolder, responseWithDicom - of the report on both examinations, and whether DICOM objects go along.
    canal, stabilityCt - segmentation with the spinal canal, and a CT in the same space.
    detectImage, detectModel - what is searched for suspicious places, and the id of the detector's bundle.
    candidateThreshold, smallestArea (cm2) - from which a place is listed.
    columnOnly - whether the next search looks in the vertebral column only.
    likelihood, candidates - of the search whose places are listed.
    showLikelihood - whether the likelihood lies over the image.
    folder, withDicom - where the report goes, and whether DICOM objects go along.
    patients, patientsOutput - folder of patients, and where their results go.
    """

    model: str = ""
    threshold: Annotated[float, WithinRange(0.05, 0.95)] = 0.5
    smallestLesion: Annotated[float, WithinRange(0, 5)] = 0.1
    device: Device = Device.AUTO
    lowest: str = ""
    anywhere: bool = False
    anyway: bool = False
    output: vtkMRMLSegmentationNode
    result: vtkMRMLSegmentationNode
    reference: vtkMRMLSegmentationNode
    earlier: vtkMRMLSegmentationNode
    earlierTransform: vtkMRMLLinearTransformNode
    responseFolder: str = ""
    responseWithDicom: bool = False
    canal: vtkMRMLSegmentationNode
    stabilityCt: vtkMRMLScalarVolumeNode
    detectImage: vtkMRMLScalarVolumeNode
    detectModel: str = ""
    candidateThreshold: Annotated[float, WithinRange(0.05, 0.99)] = 0.5
    smallestArea: Annotated[float, WithinRange(0, 10)] = 1.0
    columnOnly: bool = True
    likelihood: vtkMRMLScalarVolumeNode
    candidates: vtkMRMLMarkupsFiducialNode
    showLikelihood: bool = True
    folder: str = ""
    withDicom: bool = False
    patients: str = ""
    patientsOutput: str = ""


class SpineMetSegWidget(ModuleWidget):
    """The panel: wires the parts of SpineMetSegLib and SpinePanel to the widgets."""

    def makeLogic(self):
        return SpineMetSegLogic()

    def makePanel(self):
        from SpineMetSegLib.panel import Panel

        return Panel(self.ui, self.logic)

    def chooseInputs(self, node, arrived):
        """Choose images by name or DICOM description."""
        from SpinePanel.inputs import imageOf, setImage

        self.takeUp(
            self.panel.segment.inputs.names,
            self.logic.findInputs(),
            arrived,
            lambda name: imageOf(node, name),
            lambda name, volume: setImage(node, name, volume),
        )
        if not node.detectImage:
            node.detectImage = self.logic.findImageToSearch()


class SpineMetSegLogic(ScriptedLoadableModuleLogic):
    """What the module can do without its panel, from the Python console or a script::

    logic = slicer.modules.spinemetseg.widgetRepresentation().self().logic
    segmentation = logic.segment(t1=getNode("T1"), t2=getNode("T2"), model="mets-t1t2-2d")
    """

    def getParameterNode(self):
        return SpineMetSegParameterNode(super().getParameterNode())

    def findInputs(self):
        """The scene's volumes that a model looks at, by name or DICOM description: {"T1": node, "T2": node}."""
        from SpineLib.scene.select import preselect
        from SpineMetSegLib.models import SEQUENCES, TASK, usableInputs
        from SpinePanel.inputs import wantedInputs

        found = preselect(wantedInputs(TASK, SEQUENCES))
        return {name: found[name] for name in found if name in usableInputs(found)}

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
        images=None,
        lowest="",
        anywhere=False,
        anyway=False,
    ):
        """Segment metastases and wait for the result.

        Args:
            t1, t2: volume nodes; one may be missing.
            images: further ones, by sequence: {"STIR": node}.
            model: id or folder of a model bundle; default: the one measured best of those that fit the inputs.
            threshold, smallestLesionMl, device: default: the model's own.
            output: segmentation node that gets the lesions as further segments; default: a new one.
            progress: callable of fraction and text.
            lowest: level of the lowest vertebra above the sacrum that is seen, "L4"; "": told by the sacrum.
            anywhere, anyway: keep lesions that touch no vertebra; use scans that no model was made for.

        Returns:
            Segmentation node, one segment a lesion.

        Raises:
            SpineLib.errors.SpineError: one sentence: what is wrong and what to do.
        """
        from SpineLib.errors import SpineError
        from SpineMetSegLib.models import fittingModels
        from SpinePanel.runs import SegmentationRun, runAndWait

        inputs = {"T1": t1, "T2": t2, **(images or {})}
        if model is None:
            chosen = {name for name, node in inputs.items() if node is not None}
            models = fittingModels(chosen)
            if chosen and not models:
                raise SpineError(
                    _("No installed model takes {names}: import one (spine models).").format(
                        names=" + ".join(sorted(chosen))
                    )
                )
            model = models[0].id if models else ""
        run = SegmentationRun(
            inputs,
            model,
            threshold=threshold,
            smallestLesionMl=smallestLesionMl,
            device=device,
            output=output,
            lowest=lowest,
            anywhere=anywhere,
            anyway=anyway,
        )
        return runAndWait(run, progress).segmentation


class SpineMetSegTest(ModuleTest):
    """The panel's life without torch; with it the whole way on a small phantom with a tiny model."""

    MODULE = "SpineMetSeg"

    def makeChoices(self):
        from SpineMetSegLib.selftest import phantomNodes

        t1, t2, _ = phantomNodes()
        return {"t1": t1, "t2": t2}

    def test_fromVolumesToSegments(self):
        self.skipWithout()
        from SpineMetSegLib.selftest import wholeWay

        wholeWay(self, SpineMetSegLogic())
