"""The panel of SpineInpaint: four steps from a CT to a file that prints, over the shared worker."""

from SpineInpaintLib.ctcheck import CtStep
from SpineInpaintLib.lesion import LesionStep
from SpineInpaintLib.model import ModelStep
from SpineInpaintLib.repair import RepairStep
from SpineInpaintLib.vertebrae import VertebraeStep
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
        self.ct = CtStep(ui, self)
        self.vertebrae = VertebraeStep(ui, self)
        self.lesion = LesionStep(ui, self)
        self.repair = RepairStep(ui, self)
        self.model = ModelStep(ui, self)
        return self.ct, self.vertebrae, self.lesion, self.repair, self.model

    def reasonWithoutCt(self):
        """Why no job that looks at the CT can be started, "" when one can."""
        if reason := self.reasonNotToStart():
            return reason
        if self._node.ct is None:
            return "Choose a CT first."
        return self.ct.refusal()
