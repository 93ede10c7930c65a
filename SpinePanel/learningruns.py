"""What the step "Learn from corrections" asks of the worker. No Qt here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from SpineLib.scene.runs import RunInputs

from SpinePanel.i18n import tr as _
from SpinePanel.runs import load


class SetRun:
    """A job on the training set; it leaves the scene alone.

    Args:
        folder: of the training set.
    """

    job = ""

    def __init__(self, folder: Path):
        self.folder = folder

    def steps(self):
        """Nothing has to be written first."""
        return []

    @staticmethod
    def meanwhile():
        return []

    def parameters(self, folder: Path) -> dict:
        """The job's parameters."""
        return {"set": str(self.folder)}

    def finish(self, result: dict, folder: Path) -> dict:
        """What the job answered."""
        return result

    def release(self) -> None:
        """Nothing of the scene is held."""


class TuneRun(SetRun):
    """Train a new model.

    Args:
        folder: of the training set.
        model: id of the model in use.
        minutes: of training.
    """

    job = "learn-tune"

    def __init__(self, folder: Path, model: str, minutes: float):
        super().__init__(folder)
        self.model, self.minutes = model, minutes

    def parameters(self, folder: Path) -> dict:
        return super().parameters(folder) | {"model": self.model, "settings": {"minutes": self.minutes}}


class ChoiceRun(SetRun):
    """The user's word on a new model or on a patient.

    Args:
        folder: of the training set.
        action: "accept", "drop", "back" or "remove".
        patient: that is removed.
    """

    job = "learn-choose"

    def __init__(self, folder: Path, action: str, patient: str = ""):
        super().__init__(folder)
        self.action, self.patient = action, patient

    def parameters(self, folder: Path) -> dict:
        return super().parameters(folder) | {"action": self.action, "patient": self.patient}


class AddRun(SetRun):
    """A corrected patient into the training set.

    Args:
        folder: of the training set.
        target: "metastasis" or "necrosis".
        images: sequence name to volume node; those without a node are left out.
        segmentation: node that was corrected.
        again: replace the patient if it is there already.
    """

    job = "learn-add"

    def __init__(self, folder: Path, target: str, images, segmentation, again: bool = False):
        from SpineLib.scene.corrections import any_simulated, correction_provenance

        super().__init__(folder)
        self.target, self.segmentation, self.again = target, segmentation, again
        self.images = {name: node for name, node in images.items() if node is not None}
        self.provenance = correction_provenance(segmentation)
        self.simulated = any_simulated(self.images.values())
        self._exported: RunInputs | None = None

    def steps(self):
        return [
            (_("Preparing the images"), lambda folder: load("SimpleITK")),
            (_("Preparing the images"), self._export),
        ]

    def parameters(self, folder: Path) -> dict:
        assert self._exported is not None
        return super().parameters(folder) | {
            "inputs": dict(self._exported.files),
            "target": self.target,
            "provenance": self.provenance,
            "replace": self.again,
            "simulated": self.simulated,
        }

    def release(self) -> None:
        if self._exported is not None:
            self._exported.release()

    def _export(self, folder):
        from SpineLib.scene.corrections import export_correction

        self._exported = export_correction(self.images, self.segmentation, folder)
