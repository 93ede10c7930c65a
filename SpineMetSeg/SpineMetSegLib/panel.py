"""The panel of SpineMetSeg: its steps over the shared worker."""

from SpineMetSegLib.compare import CompareStep
from SpineMetSegLib.detect import DetectStep
from SpineMetSegLib.folder import FolderStep
from SpineMetSegLib.report import ReportStep
from SpineMetSegLib.response import ResponseStep
from SpineMetSegLib.results import ResultsStep
from SpineMetSegLib.segment import SegmentStep
from SpineMetSegLib.stability import StabilityStep
from SpinePanel.i18n import tr as _
from SpinePanel.learning import LearnStep
from SpinePanel.models import ModelsStep
from SpinePanel.steppanel import StepPanel


class Panel(StepPanel):
    """The steps of the segmentation, and what they have in common."""

    MODULE, TITLE = "SpineMetSeg", _("Spine Metastasis Segmentation")
    SECTIONS = {
        "segment": _("1  Segment"),
        "detect": _("2  Detect"),
        "results": _("3  Lesions"),
        "compare": _("4  Compare with reference"),
        "report": _("5  Report"),
        "learn": _("6  Learn from corrections"),
        "response": _("7  Earlier examination"),
        "stability": _("8  Spinal canal and stability"),
        "batch": _("9  Folder of patients"),
        "models": _("Models"),
    }
    SELECTORS = ("output", "detect", "result", "reference", "earlier", "earlierTransform", "canal", "stabilityCt")

    CHAIN = ("segment", "results", "report")

    def makeSteps(self):
        self.segment = SegmentStep(self.ui, self)
        self.detect = DetectStep(self.ui, self)
        self.results = ResultsStep(self.ui, self)
        self.compare = CompareStep(self.ui, self)
        self.report = ReportStep(self.ui, self)
        self.learn = LearnStep(
            self.ui,
            self,
            "metastasis",
            lambda node: self.images(),
            lambda node: node.result,
            self.segment.models,
            "model",
        )
        self.response = ResponseStep(self.ui, self)
        self.stability = StabilityStep(self.ui, self)
        tasks = ("metastasis-segmentation", "metastasis-detection", "spine-segmentation")
        self.installedModels = ModelsStep(self.ui, self, tasks)
        self.folder = FolderStep(self.ui, self)
        steps = self.segment, self.detect, self.results, self.compare, self.report, self.learn
        return (*steps, self.response, self.stability, self.folder, self.installedModels)

    def images(self):
        """Sequence name to volume node of the images chosen in step 1."""
        return self.segment.inputs.chosen()
