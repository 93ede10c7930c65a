"""SpineInpaint: repairs a destroyed vertebra on CT and makes a model that prints; life cycle as in the template."""

import os
import sys
from functools import partial
from typing import Annotated

import slicer
from slicer import (
    vtkMRMLMarkupsROINode,
    vtkMRMLScalarVolumeNode,
    vtkMRMLSegmentationNode,
    vtkMRMLTableNode,
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


class SpineInpaint(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Spine Vertebra Repair")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Spine Oncology")]
        parent.dependencies = ["Segmentations", "SegmentEditor", "Markups", "Models"]
        parent.contributors = ["SpineOncology contributors (SpineOncology)"]
        parent.helpText = _(
            "<p>For the planning of a total en bloc spondylectomy: segments the vertebrae on CT (a network of "
            "the column, with outlines by <a href='https://arxiv.org/abs/1606.04797'>V-Net</a>), finds the lesion (<a "
            "href='https://arxiv.org/abs/1506.01497'>Faster R-CNN</a>), repairs the destroyed "
            "vertebra (Miao et al.: <a href='https://arxiv.org/abs/1704.00028'>generative "
            "inpainting</a>; here also a completion in 3-D), and makes a model of it that prints, in "
            "millimetres at true scale.</p><p><b>Research use only, not a medical device.</b> The "
            "models that come with the extension were trained on simulated images.</p>"
        )
        parent.acknowledgementText = _("Method: Miao et al., with generative adversarial networks.")
        slicer.app.connect("startupCompleted()", registerSampleData)
        if hasattr(slicer.modules, "terminologies"):  # Others are loaded, so that signal may have gone: a late module.
            registerSampleData()


def registerSampleData():
    """Put the simulated CT into the module Sample Data."""
    from SpineInpaintLib.sampledata import register

    register(os.path.join(_here, "Resources", "Icons", "SpineInpaint.png"))


@parameterNodeWrapper
class SpineInpaintParameterNode:
    """What the user chose; saved with the scene.

    ct - the CT; vertebraeModel, lesionModel - ids of the bundles for "Segment" and "Detect".
    topmost - level of the topmost vertebra, "" where it is not known; vertebrae - segmentation, a segment a vertebra.
    lesions - the table of a search, which leads to its boxes.
    roi - the lesion as a box; lesion, lesionSegment - as a segment ("*": all together), where no box is chosen.
    vertebra - id of the segment to repair; method - of the repair; repaired - the segmentation that came of it.
    cut, smoothing, decimation (mm), scale (%), smallestWall (mm), thickenWalls, buildX, buildY, buildZ (mm),
        space - of the model.
    model - the table of checks that leads to the model's other nodes; paint - what the model is painted with.
    format - of the exported file.
    device - where the networks run.
    """

    ct: vtkMRMLScalarVolumeNode
    vertebraeModel: str = ""
    topmost: str = ""
    vertebrae: vtkMRMLSegmentationNode
    lesionModel: str = ""
    lesions: vtkMRMLTableNode
    roi: vtkMRMLMarkupsROINode
    lesion: vtkMRMLSegmentationNode
    lesionSegment: str = ""
    vertebra: str = ""
    method: str = ""
    repaired: vtkMRMLSegmentationNode
    cut: str = "none"
    smoothing: Annotated[float, WithinRange(0, 1)] = 0.5
    decimation: Annotated[float, WithinRange(0, 0.5)] = 0.1
    scale: Annotated[float, WithinRange(10, 400)] = 100.0
    smallestWall: Annotated[float, WithinRange(0, 5)] = 0.8
    thickenWalls: bool = True
    buildX: Annotated[float, WithinRange(1, 2000)] = 250.0
    buildY: Annotated[float, WithinRange(1, 2000)] = 210.0
    buildZ: Annotated[float, WithinRange(1, 2000)] = 210.0
    space: str = "LPS"
    model: vtkMRMLTableNode
    paint: str = "distance"
    format: str = "stl"
    device: Device = Device.AUTO


class SpineInpaintWidget(ModuleWidget):
    """The panel: wires the parts of SpineInpaintLib and SpinePanel to the widgets."""

    def makeLogic(self):
        return SpineInpaintLogic()

    def makePanel(self):
        from SpineInpaintLib.panel import Panel

        return Panel(self.ui, self.logic)

    def chooseInputs(self, node, arrived):
        """Choose the CT and the vertebrae that are there."""
        found = self.logic.findInputs()
        self.takeUp(("ct", "vertebrae"), found, arrived, partial(getattr, node), partial(setattr, node))


class SpineInpaintLogic(ScriptedLoadableModuleLogic):
    """What the module can do without its panel, from the Python console or a script::

    logic = slicer.modules.spineinpaint.widgetRepresentation().self().logic
    vertebrae = logic.segmentVertebrae(getNode("CT"))
    lesions = logic.detectLesions(getNode("CT"), vertebrae=vertebrae)
    repair = logic.repair(vertebrae, "L3", roi=lesions.boxes[0])
    model = logic.buildModel(repair.segmentation)
    logic.export(repair.segmentation, "L3.stl")

    Each call waits for its result, takes ``progress(fraction, text)``, and raises ``SpineLib.errors.SpineError`` with
    one sentence: what is wrong and what to do.
    """

    def getParameterNode(self):
        return SpineInpaintParameterNode(super().getParameterNode())

    def findInputs(self):
        """The scene's nodes that look like a CT and its vertebrae: {"ct": node, "vertebrae": node}, where clear."""
        from SpineLib.scene.vertebrae import preselect_ct

        return preselect_ct()

    def segmentVertebrae(self, ct, topmost="", model=None, device="auto", progress=None):
        """Segment the vertebrae on a CT; returns a segmentation node, one segment a vertebra.

        Args:
            ct: volume node.
            topmost: level of the topmost vertebra, "T11"; "": they are counted.
            model: id or folder of a model bundle; default: the first that fits.
        """
        from SpineInpaintLib.runs import VertebraeRun
        from SpinePanel.runs import runAndWait

        model = self._vertebraeModel() if model is None else str(model)
        run = VertebraeRun(ct, model, {"device": device, "first": topmost})
        return runAndWait(run, progress).segmentation

    def detectLesions(self, ct, vertebrae=None, model=None, device="auto", progress=None):
        """Look for lesions on a CT.

        Args:
            ct: volume node.
            vertebrae: segmentation node; boxes far from bone are left out then.
            model: id or folder of a model bundle; default: the first that fits.

        Returns:
            ``SpineLib.scene.ctlesions.ImportedCtLesions``: its ``boxes`` are markups ROI nodes.
        """
        from SpineInpaintLib.runs import LesionRun
        from SpinePanel.runs import runAndWait

        run = LesionRun(ct, self._model("ct-lesion-detection", model), vertebrae, {"device": device})
        return runAndWait(run, progress)

    def repair(
        self, vertebrae, vertebra, lesion=None, lesionSegment=None, roi=None, ct=None, settings=None, progress=None
    ):
        """Repair a vertebra where a lesion destroyed it.

        Args:
            vertebrae: segmentation node.
            vertebra: id or name of its segment.
            lesion: segmentation node; ``lesionSegment``: id of one of its segments, else all count.
            roi: markups ROI in its place.
            ct: volume node; default: what the vertebrae were drawn on.
            settings: as ``SpineLib.tasks.inpainting.settings.InpaintSettings.from_dict`` takes them, e.g.
                {"method": "wgan-gp"}.

        Returns:
            ``SpineLib.scene.repair.ImportedRepair``.
        """
        from SpineInpaintLib.runs import RepairRun
        from SpineLib.scene.vertebrae import segment_named
        from SpinePanel.runs import runAndWait

        segment = segment_named(vertebrae, vertebra)
        run = RepairRun((vertebrae, segment), (lesion, lesionSegment and [lesionSegment]), roi, ct, settings)
        return runAndWait(run, progress)

    def buildModel(self, repaired, settings=None, progress=None):
        """Make the printable model of a repaired vertebra, and of the vertebra as it was.

        Args:
            repaired: segmentation node of :meth:`repair`, or any with one segment.
            settings: as ``SpineLib.mesh.model.ModelSettings.from_dict`` takes them.

        Returns:
            ``SpineLib.scene.printmodel.ImportedModel``.
        """
        from SpineInpaintLib.runs import ModelRun
        from SpinePanel.runs import runAndWait

        return runAndWait(ModelRun(repaired, settings or {}), progress)

    def export(self, repaired, path, settings=None, space="LPS", progress=None):
        """Write the model as .stl, .3mf, .obj or .ply, in mm; a file that is there is replaced.

        Args:
            space: "LPS" or "RAS", of the file's coordinates.

        Raises:
            SpineError: the print gate refuses the model; nothing is written then.
        """
        from SpineInpaintLib.runs import ExportRun
        from SpinePanel.runs import runAndWait

        return runAndWait(ExportRun(repaired, settings or {}, path, space), progress)

    @staticmethod
    def _vertebraeModel():
        from SpineLib.errors import SpineError
        from SpineLib.models.catalogue import vertebra_models

        found = vertebra_models()
        if not found:
            raise SpineError(_("No model for vertebrae is installed: import one (spine models)."))
        return found[0][1].id

    @staticmethod
    def _model(task, model):
        from SpineLib.errors import SpineError
        from SpinePanel.cards import fittingCards

        if model is None:
            cards = fittingCards(task, lambda card: True)
            if not cards:
                raise SpineError(
                    _("No model for {task} is installed: import one (spine models).").format(
                        task=task.replace("-", " ")
                    )
                )
            model = cards[0].id
        return str(model)


class SpineInpaintTest(ModuleTest):
    """The panel's life without torch; with it the way from vertebrae to a printable file on a small phantom."""

    MODULE = "SpineInpaint"

    def makeChoices(self):
        from SpineInpaintLib.selftest import phantomNodes

        ct, vertebrae, lesion = phantomNodes()
        return {"ct": ct, "vertebrae": vertebrae, "lesion": lesion}

    def test_fromVertebraeToFile(self):
        self.skipWithout("manifold3d")
        from SpineInpaintLib.selftest import wholeWay

        wholeWay(self, SpineInpaintLogic())
