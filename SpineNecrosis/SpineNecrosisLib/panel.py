"""The panel of SpineNecrosis: its steps over the shared worker."""

import slicer

from SpineNecrosisLib.after import After
from SpineNecrosisLib.compare import Compare
from SpineNecrosisLib.register import Register
from SpineNecrosisLib.report import Report
from SpineNecrosisLib.segmenting import Segmenting
from SpinePanel.i18n import tr as _
from SpinePanel.learning import LearnStep
from SpinePanel.models import ModelsStep
from SpinePanel.steppanel import StepPanel


class Panel(StepPanel):
    """The steps of the follow-up, and what they have in common."""

    MODULE, TITLE = "SpineNecrosis", _("Spine Ablation Follow-up")
    SECTIONS = {
        "before": _("1  Before"),
        "after": _("2  After"),
        "register": _("3  Register and look"),
        "necrosis": _("4  Necrosis"),
        "compare": _("5  Compare"),
        "report": _("6  Report"),
        "learn": _("7  Learn from corrections"),
        "models": _("Models"),
    }
    SELECTORS = ("beforeT1", "beforeT2", "metastasis", "afterCeT1", "afterT2", "roi", "beforePoints", "afterPoints",
                 "transform", "necrosis", "canal", "comparison")  # fmt: skip

    CHAIN = ("before", "after", "register", "necrosis", "compare", "report")

    def makeSteps(self):
        ui, self._agreed = self.ui, set()
        self.metastasis = Segmenting(ui, self, "metastasis", "before", self.scansBefore)
        self.after = After(ui, self)
        self.registering = Register(ui, self)
        self.necrosis = Segmenting(ui, self, "necrosis", "necrosis", self.scansAfter)
        self.compare = Compare(ui, self)
        self.report = Report(ui, self)
        self.learn = LearnStep(
            ui, self, "necrosis", self.scansAfter, lambda node: node.necrosis, self.necrosis.models, "necrosisModel"
        )
        self.installedModels = ModelsStep(ui, self, ("metastasis-segmentation", "necrosis-segmentation"))
        return (
            *(self.metastasis, self.after, self.registering, self.necrosis, self.compare),
            *(self.report, self.learn, self.installedModels),
        )

    @staticmethod
    def scansBefore(node):
        """Sequence name to volume node (or None) of the scans from before."""
        return {"T1": node.beforeT1, "T2": node.beforeT2}

    @staticmethod
    def scansAfter(node):
        """Sequence name to volume node (or None) of the scans from after."""
        return {"ceT1": node.afterCeT1, "T2": node.afterT2}

    def agreed(self, before, after):
        """Whether the user takes the two scans for one patient's before and after; each question is asked once."""
        from SpineLib.scene.dicomfacts import doubts

        for question in doubts(before, after):
            key = (before.GetID(), after.GetID(), question)
            if key in self._agreed:
                continue
            if not slicer.util.confirmOkCancelDisplay(question, self.TITLE):
                return False
            self._agreed.add(key)
        return True

    def chooseTransform(self, transform):
        """Choose a transform in the module Transforms."""
        slicer.app.openNodeModule(transform)

    def onSceneClosing(self):
        self._agreed.clear()
        super().onSceneClosing()
