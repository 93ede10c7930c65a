"""The panel of SpineInpaint: four steps from a CT to a file that prints, over the shared worker."""

from SpineInpaintLib.ctcheck import CtStep
from SpineInpaintLib.lesion import LesionStep
from SpineInpaintLib.model import ModelStep
from SpineInpaintLib.repair import RepairStep
from SpineInpaintLib.vertebrae import VertebraeStep
from SpinePanel.i18n import tr as _
from SpinePanel.models import ModelsStep
from SpinePanel.steppanel import StepPanel


class Panel(StepPanel):
    """The steps of the repair, and what they have in common."""

    MODULE, TITLE = "SpineInpaint", _("Spine Vertebra Repair")
    SECTIONS = {
        "ct": _("CT"),
        "vertebrae": _("1  Vertebrae"),
        "lesion": _("2  Lesion"),
        "repair": _("3  Repair"),
        "model": _("4  Model"),
        "models": _("Models"),
    }
    SELECTORS = ("ct", "vertebrae", "roi", "lesion", "repaired")

    CHAIN = ("ct", "vertebrae", "lesion", "repair", "model")

    def makeSteps(self):
        ui = self.ui
        self.ct = CtStep(ui, self)
        self.vertebrae = VertebraeStep(ui, self)
        self.lesion = LesionStep(ui, self)
        self.repair = RepairStep(ui, self)
        self.model = ModelStep(ui, self)
        tasks = ("vertebra-segmentation", "ct-lesion-detection", "vertebra-inpainting", "vertebra-completion")
        self.installedModels = ModelsStep(ui, self, tasks)
        return self.ct, self.vertebrae, self.lesion, self.repair, self.model, self.installedModels

    def reasonWithoutCt(self):
        """Why no job that looks at the CT can be started, "" when one can."""
        if reason := self.reasonNotToStart():
            return reason
        if self._node.ct is None:
            return _("Choose a CT first.")
        return self.ct.refusal()
