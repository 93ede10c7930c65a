"""The panel of SpineInpaint: four steps from a CT to a file that prints, over one worker."""

from SpineInpaintLib.ctcheck import CtCheck
from SpineInpaintLib.lesion import LesionStep
from SpineInpaintLib.model import ModelStep
from SpineInpaintLib.repair import RepairStep
from SpineInpaintLib.vertebrae import VertebraeStep
from SpineLib.errors import SpineError
from SpinePanel.packages import installOptional
from SpinePanel.steppanel import StepPanel


class Panel(StepPanel):
    """The steps of the repair, and what they have in common."""

    MODULE, TITLE = "SpineInpaint", "Spine Vertebra Repair"
    SECTIONS = {
        "ct": "CT",
        "vertebrae": "1  Vertebrae",
        "lesion": "2  Lesion",
        "repair": "3  Repair",
        "model": "4  Model",
    }
    SELECTORS = ("ct", "vertebrae", "roi", "lesion", "repaired")

    def makeSteps(self):
        ui = self.ui
        self.ct = CtCheck(ui.ctStatusLabel, ui.ctSection)
        self.vertebrae = VertebraeStep(ui, self)
        self.lesion = LesionStep(ui, self)
        self.repair = RepairStep(ui, self)
        self.model = ModelStep(ui, self)
        return self.vertebrae, self.lesion, self.repair, self.model

    def states(self):
        return super().states() | {"ct": self.ct.summary()}

    def updateMore(self):
        self.ct.update(self._node.ct if self._node is not None else None)

    def close(self):
        self.ct.close()
        super().close()

    def onSceneClosing(self):
        super().onSceneClosing()
        for step in self._steps:
            step.clear()

    def sectionOpened(self):
        self.ct.refresh()
        for step in self._steps:
            step.refresh()

    def installed(self, step, line, module):
        """Whether a package that only one step needs is there, after asking the user for it."""
        try:
            installOptional(line, module, self.TITLE)
        except SpineError as error:
            self.error(step, str(error))
            return False
        return True

    def reasonWithoutCt(self):
        """Why no job that looks at the CT can be started, "" when one can."""
        if reason := self.reasonNotToStart():
            return reason
        if self._node.ct is None:
            return "Choose a CT first."
        return self.ct.refusal(self._node.ct)
