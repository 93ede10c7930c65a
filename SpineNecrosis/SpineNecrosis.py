"""SpineNecrosis: compares the necrosis after an ablation with the metastasis before; life cycle as in the template."""

import os
import sys
from functools import partial
from typing import Annotated

import slicer
from slicer import (
    vtkMRMLLinearTransformNode,
    vtkMRMLMarkupsFiducialNode,
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

from SpineLib.tasks.followup.required import REQUIRED_MARGIN_MM  # noqa: E402
from SpinePanel.device import Device  # noqa: E402
from SpinePanel.moduletest import ModuleTest  # noqa: E402
from SpinePanel.modulewidget import ModuleWidget  # noqa: E402


class SpineNecrosis(ScriptedLoadableModule):
    """The module as Slicer lists it."""

    def __init__(self, parent):
        super().__init__(parent)
        parent.title = _("Spine Ablation Follow-up")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Spine Oncology")]
        parent.dependencies = ["Segmentations", "SegmentEditor", "Transforms", "Plots"]
        parent.contributors = ["SpineOncology contributors (SpineOncology)"]
        parent.helpText = _(
            "<p>One to three days after the radiofrequency ablation of a spinal metastasis: "
            "registers the scans from before and after, segments the necrosis with a U-Net (<a "
            "href='https://www.scitepress.org/Papers/2020/91743/pdf/index.html'>Steffen et al. "
            "2020</a>), and tells in numbers and pictures whether the metastasis is covered and "
            "where the margin is thin.</p><p><b>Research use only, not a medical device.</b> The "
            "models that come with the extension were trained on simulated images.</p>"
        )
        parent.acknowledgementText = _(
            "Method: <a href='https://www.scitepress.org/Papers/2020/91743/pdf/index.html'>J. "
            "Steffen et al. (2020)</a>, after <a href='https://arxiv.org/abs/2001.05834'>G. Hille et "
            "al. (2020)</a>."
        )
        slicer.app.connect("startupCompleted()", registerSampleData)
        if hasattr(slicer.modules, "terminologies"):  # Others are loaded, so that signal may have gone: a late module.
            registerSampleData()


def registerSampleData():
    """Put the simulated patient into the module Sample Data."""
    from SpineNecrosisLib.sampledata import register

    register(os.path.join(_here, "Resources", "Icons", "SpineNecrosis.png"))


@parameterNodeWrapper
class SpineNecrosisParameterNode:
    """What the user chose; saved with the scene.

    beforeT1, beforeT2 - scans from before the ablation; metastasisModel - id of the bundle for "Segment now".
    metastasis, metastasisSegment - segmentation of the metastases, and the id of the treated one ("*": all together).
    afterCeT1, afterT2 - scans from after the ablation.
    pair - the sequences that are registered, "T2 T2"; empty: the best that are there.
    roi - region that has to fit; none: around the metastasis.
    beforePoints, afterPoints - landmarks in pairs, where the registration begins.
    transform - moves the scan after onto the scan before; moveAfter - whether the scans after lie under it.
    fade - share of the scan after in the slice views.
    necrosisModel, threshold - of the segmentation of the necrosis.
    necrosis, necrosisSegment - as for the metastasis.
    canal - segmentation with the spinal canal before; none: it is looked for.
    requiredMargin (mm) - of the verdict; autoUpdate - whether a comparison is renewed by itself.
    comparison - the table of overlap that leads to the comparison's other nodes.
    folder, withPatient, withDicom - of the report.
    metastasisLowest, necrosisLowest - level of the lowest vertebra seen above the sacrum; "": told by the sacrum.
    metastasisAnywhere, metastasisAnyway, necrosisAnywhere, necrosisAnyway - keep what touches no vertebra; use a scan
        that no model was made for.
    device - where the networks run.
    """

    beforeT1: vtkMRMLScalarVolumeNode
    beforeT2: vtkMRMLScalarVolumeNode
    metastasisModel: str = ""
    metastasis: vtkMRMLSegmentationNode
    metastasisSegment: str = ""
    afterCeT1: vtkMRMLScalarVolumeNode
    afterT2: vtkMRMLScalarVolumeNode
    pair: str = ""
    roi: vtkMRMLMarkupsROINode
    beforePoints: vtkMRMLMarkupsFiducialNode
    afterPoints: vtkMRMLMarkupsFiducialNode
    transform: vtkMRMLLinearTransformNode
    moveAfter: bool = True
    fade: Annotated[float, WithinRange(0, 1)] = 0.5
    necrosisModel: str = ""
    threshold: Annotated[float, WithinRange(0.05, 0.95)] = 0.5
    necrosis: vtkMRMLSegmentationNode
    necrosisSegment: str = ""
    canal: vtkMRMLSegmentationNode
    requiredMargin: Annotated[float, WithinRange(0, 15)] = REQUIRED_MARGIN_MM
    autoUpdate: bool = False
    comparison: vtkMRMLTableNode
    folder: str = ""
    withPatient: bool = False
    withDicom: bool = False
    metastasisLowest: str = ""
    necrosisLowest: str = ""
    metastasisAnywhere: bool = False
    metastasisAnyway: bool = False
    necrosisAnywhere: bool = False
    necrosisAnyway: bool = False
    device: Device = Device.AUTO


class SpineNecrosisWidget(ModuleWidget):
    """The panel: wires the parts of SpineNecrosisLib and SpinePanel to the widgets."""

    def makeLogic(self):
        return SpineNecrosisLogic()

    def makePanel(self):
        from SpineNecrosisLib.panel import Panel

        return Panel(self.ui, self.logic)

    def chooseInputs(self, node, arrived):
        """Choose scans by date, name and description."""
        names = "beforeT1", "beforeT2", "afterCeT1", "afterT2"
        found = self.logic.findInputs()
        self.takeUp(names, found, arrived, partial(getattr, node), partial(setattr, node))


class SpineNecrosisLogic(ScriptedLoadableModuleLogic):
    """What the module can do without its panel, from the Python console or a script::

    logic = slicer.modules.spinenecrosis.widgetRepresentation().self().logic
    metastasis = logic.segmentMetastasis(t1=getNode("T1"), t2=getNode("T2"))
    transform = logic.register(getNode("T2"), getNode("T2 after"), metastasis)
    necrosis = logic.segmentNecrosis(ceT1=getNode("ceT1 after"), t2=getNode("T2 after"))
    result = logic.compare(metastasis, necrosis, transform)
    print(result.comparison["verdict"]["outcome"])

    Each call waits for its result, takes ``progress(fraction, text)``, and raises ``SpineLib.errors.SpineError`` with
    one sentence: what is wrong and what to do.
    """

    def getParameterNode(self):
        return SpineNecrosisParameterNode(super().getParameterNode())

    def findInputs(self):
        """The scene's volumes that look like the scans: {"beforeT1": node, "afterCeT1": node, ...}."""
        from SpineLib.scene.select import preselect_followup

        return preselect_followup()

    def segmentMetastasis(self, t1=None, t2=None, model=None, threshold=None, device="auto", progress=None, **how):
        """Segment the metastases before the ablation; returns a segmentation node, one segment a metastasis.

        Args:
            t1, t2: volume nodes; one may be missing.
            model: id or folder of a model bundle; default: the first that fits.
            threshold, device: default: the model's own.
            how: ``anywhere=True`` keeps what touches no vertebra, ``anyway=True`` uses scans no model was made for.
        """
        return self._segment(
            {"T1": t1, "T2": t2}, "metastasis", model, progress, threshold=threshold, device=device, **how
        )

    def segmentNecrosis(self, ceT1=None, t2=None, model=None, threshold=None, device="auto", progress=None, **how):
        """Segment the necrosis after the ablation; as :meth:`segmentMetastasis`."""
        return self._segment(
            {"ceT1": ceT1, "T2": t2}, "necrosis", model, progress, threshold=threshold, device=device, **how
        )

    def register(
        self,
        before,
        after,
        metastasis=None,
        segment=None,
        roi=None,
        beforePoints=None,
        afterPoints=None,
        move=(),
        progress=None,
    ):
        """Find the transform that moves the scan after onto the scan before, around one vertebra.

        Args:
            before, after: volume nodes.
            metastasis: segmentation whose surroundings have to fit; ``segment``: id of one of its segments.
            roi: markups ROI in place of the metastasis.
            beforePoints, afterPoints: markups lists of the same landmarks.
            move: nodes of the scan after that are put under the transform.

        Returns:
            Linear transform node; ``SpineLib.scene.registration.registration_record`` tells its quality.
        """
        from SpineLib.scene.scans import put_under
        from SpineNecrosisLib.runs import RegisterRun
        from SpinePanel.runs import runAndWait

        run = RegisterRun(before, after, (metastasis, segment and [segment]), roi, beforePoints, afterPoints)
        transform = runAndWait(run, progress).transform
        put_under(transform, move)
        return transform

    def compare(
        self,
        metastasis,
        necrosis,
        transform=None,
        metastasisSegment=None,
        necrosisSegment=None,
        requiredMarginMm=REQUIRED_MARGIN_MM,
        existing=None,
        progress=None,
    ):
        """Compare the metastasis before with the necrosis after.

        Args:
            metastasis, necrosis: segmentation nodes; of several segments, name one by its id, else all count.
            transform: of :meth:`register`, or any linear one; None: both lie in one space.
            requiredMarginMm: to be reached by the necrosis; 0: covered is enough.
            existing: the table of an earlier comparison whose nodes are filled anew.

        Returns:
            ``SpineLib.scene.comparison.ImportedComparison``: its table ``head`` leads to the other nodes.
        """
        from SpineNecrosisLib.runs import CompareRun
        from SpinePanel.runs import runAndWait

        run = CompareRun(
            (metastasis, metastasisSegment and [metastasisSegment]),
            (necrosis, necrosisSegment and [necrosisSegment]),
            transform,
            {"required_margin_mm": float(requiredMarginMm)},
            existing=existing,
        )
        return runAndWait(run, progress)

    def report(self, folder, comparison, before, after, withPatient=False, withDicom=False, progress=None):
        """Write report.html, comparison.csv and comparison.json; returns the paths of the files.

        Args:
            folder: existing or new folder; files of an earlier report are replaced.
            comparison: ``head`` of :meth:`compare`.
            before, after: volume nodes to be shown.
            withPatient: name the patient.
            withDicom: write both segmentations as DICOM SEG, too.
        """
        from SpineNecrosisLib.runs import ReportRun
        from SpinePanel.runs import runAndWait

        return runAndWait(ReportRun(folder, comparison, before, after, withPatient, withDicom), progress)

    def _segment(self, inputs, target, model, progress, **how):
        from SpineLib.errors import SpineError
        from SpineNecrosisLib.models import fittingModels
        from SpinePanel.runs import SegmentationRun, runAndWait

        chosen = {name for name, node in inputs.items() if node is not None}
        if model is None:
            models = fittingModels(target, chosen)
            if chosen and not models:
                raise SpineError(
                    _("No installed model takes {names}: import one (spine models).").format(
                        names=" + ".join(sorted(chosen))
                    )
                )
            model = models[0].id if models else ""
        return runAndWait(SegmentationRun(inputs, model, **how), progress).segmentation


class SpineNecrosisTest(ModuleTest):
    """The panel's life without torch; with it the whole way on a small phantom with tiny models."""

    MODULE = "SpineNecrosis"

    def makeChoices(self):
        from SpineNecrosisLib.selftest import phantomNodes

        before, after = phantomNodes()
        return {"beforeT2": before, "afterCeT1": after}

    def test_fromScansToVerdict(self):
        self.skipWithout()
        from SpineNecrosisLib.selftest import wholeWay

        wholeWay(self, SpineNecrosisLogic())
