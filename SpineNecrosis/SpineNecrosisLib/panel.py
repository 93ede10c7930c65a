"""The panel of SpineNecrosis: six steps over one worker."""

import slicer

from SpineNecrosisLib.compare import Compare
from SpineNecrosisLib.register import Register
from SpineNecrosisLib.report import Report
from SpineNecrosisLib.segmenting import Segmenting
from SpinePanel.steppanel import StepPanel


class Panel(StepPanel):
    """The steps of the follow-up, and what they have in common."""

    MODULE, TITLE = "SpineNecrosis", "Spine Ablation Follow-up"
    SECTIONS = {
        "before": "1  Before",
        "after": "2  After",
        "register": "3  Register and look",
        "necrosis": "4  Necrosis",
        "compare": "5  Compare",
        "report": "6  Report",
    }
    SELECTORS = ("beforeT1", "beforeT2", "metastasis", "afterCeT1", "afterT2", "roi", "beforePoints", "afterPoints",
                 "transform", "necrosis")  # fmt: skip

    def makeSteps(self):
        ui, self._agreed = self.ui, set()
        self.metastasis = Segmenting(ui, self, "metastasis", "before", self.scansBefore)
        self.registering = Register(ui, self)
        self.necrosis = Segmenting(ui, self, "necrosis", "necrosis", self.scansAfter)
        self.compare = Compare(ui, self)
        self.report = Report(ui, self, self.TITLE)
        return self.metastasis, self.registering, self.necrosis, self.compare, self.report

    @staticmethod
    def scansBefore(node):
        """Sequence name to volume node (or None) of the scans from before."""
        return {"T1": node.beforeT1, "T2": node.beforeT2}

    @staticmethod
    def scansAfter(node):
        """Sequence name to volume node (or None) of the scans from after."""
        return {"ceT1": node.afterCeT1, "T2": node.afterT2}

    def states(self):
        after = [name for name, volume in self.scansAfter(self._node).items() if volume] if self._node else []
        return super().states() | {"after": (bool(after), " + ".join(after))}

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
        self.registering.clear()
        self.compare.clear()

    def sectionOpened(self):
        self.compare.refresh()

    def updateMore(self):
        """What is odd about the scans from after."""
        label, node, text = self.ui.afterStatusLabel, self._node, ""
        if node is not None:
            before = [volume for volume in self.scansBefore(node).values() if volume]
            after = [volume for volume in self.scansAfter(node).values() if volume]
            if any(one is other for one in before for other in after):
                text = "A scan is chosen both as before and as after."
            elif after and node.afterCeT1 is None:
                text = "Without contrast-enhanced T1 the rim of the necrosis is hard to see."
        label.text = text
        label.visible = bool(text) and not self.ui.afterSection.collapsed
