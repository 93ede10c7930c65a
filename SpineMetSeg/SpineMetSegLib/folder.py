"""A folder of patients: the shell's batch in the worker; the list fills, and a finished patient is opened."""

import json
import os

import qt
import slicer

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

_COLUMNS = (_("Patient"), _("Lesions"), _("ml"), _("State"))
_TIPS = (_("Name of the folder"), _("How many were found"), _("Their volume in ml"), _("What became of the patient"))
_STATES = {
    "done": _("done"),
    "kept": _("kept"),
    "corrected": _("corrected"),
    "failed": _("failed"),
}


class FolderStep(StepBase):
    """Everything of the step; the model and its settings are those of step 1."""

    TIP = _("Segment all patients of the folder with the model and settings of step 1; finished ones are kept")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "batch")
        self._rows = []
        self._table = Table(ui.batchTable, _COLUMNS, 0, {1, 2}, _TIPS, lambda row: self._panel.later(), _sameCase)
        self.connect(
            (ui.patientsButton, "clicked(bool)", self.onPatients),
            (ui.resultsFolderButton, "clicked(bool)", self.onResults),
            (ui.openCaseButton, "clicked(bool)", self.onOpen),
        )

    def close(self):
        super().close()
        self._table.close()

    def clear(self):
        super().clear()
        self._show([])

    def update(self):
        super().update()
        row = self._table.current()
        self.ui.openCaseButton.enabled = row is not None and "mask" in row and self._node is not None
        self.ui.openCaseButton.toolTip = (
            row["message"] or _("Load the patient's images and lesions")
            if row is not None
            else _("Choose a finished patient in the list")
        )

    def reason(self):
        if reason := self._panel.reasonNotToStart():
            return reason
        if not self._node.patients.strip() or not os.path.isdir(self._node.patients.strip()):
            return _("Choose the folder of patients: it holds sub-001/anat/sub-001_T1w.nii.gz and so on.")
        if not self._node.patientsOutput.strip():
            return _("Choose a folder for the results.")
        return "" if self._node.model else _("Choose a model in step 1: load one patient's images for that.")

    def summary(self):
        good = sum(row["status"] != "failed" for row in self._rows)
        words = _("{good} of {count}").format(good=good, count=len(self._rows)) if self._rows else ""
        return bool(self._rows) and good == len(self._rows), words

    def onPatients(self, checked=False):
        """Let the user choose the folder of patients."""
        self._choose("patients", _("Folder of patients"))

    def onResults(self, checked=False):
        """Let the user choose where the results go."""
        self._choose("patientsOutput", _("Folder of the results"))

    def onApply(self, checked=False):
        """Start; patients that are done already are kept."""
        if self.reason():
            return
        node = self._node
        settings = {
            "anywhere": self._node.anywhere,
            "anyway": self._node.anyway,
            "threshold": node.threshold,
            "smallest_lesion_ml": node.smallestLesion,
            "device": node.device.value,
        }
        parameters = {
            "folder": node.patients.strip(),
            "output": node.patientsOutput.strip(),
            "model": node.model,
            "settings": settings,
        }
        self._show([])
        self._panel.start(self.widgets, FolderRun(parameters), self._onResult, self._onOffer)

    def onOpen(self, checked=False):
        """Load the chosen patient's images and lesions, beside what is in the scene."""
        row = self._table.current()
        if row is None or "mask" not in row:
            return
        try:
            segmentation = openCase(row)
        except SpineError as error:
            self._panel.error(self.widgets, str(error))
            return
        self._panel.parameterNode().result = segmentation
        self._panel.tell(
            self.widgets, _("{case} was opened; its lesions are listed in step 3.").format(case=row["case"])
        )

    def _choose(self, parameter, title):
        before = getattr(self._node, parameter)
        folder = qt.QFileDialog.getExistingDirectory(self.ui.patientsButton, title, before)
        if folder and self._node is not None:
            setattr(self._node, parameter, folder)

    def _onOffer(self, path):
        with open(path, encoding="utf-8") as file:
            self._show(json.load(file))

    def _onResult(self, rows):
        self._show(rows)
        failed = sum(row["status"] == "failed" for row in rows)
        told = _("{good} of {count} patients segmented; the table lies beside the results.").format(
            good=len(rows) - failed, count=len(rows)
        )
        self._panel.tell(self.widgets, told, warning=bool(failed))

    def _show(self, rows):
        self._rows = rows
        self._table.show(
            [_texts(row) for row in rows],
            rows,
            tips={number: row.get("message", "") for number, row in enumerate(rows) if row.get("message")},
        )
        self._panel.later()


class FolderRun:
    """The job; its files go into the user's folder by themselves.

    Args:
        parameters: of job "segment-folder".
    """

    job = "segment-folder"

    def __init__(self, parameters):
        self._parameters = parameters

    def steps(self):
        return []

    @staticmethod
    def meanwhile():
        return []

    def parameters(self, folder):
        return self._parameters

    def finish(self, result, folder):
        return result["rows"]

    def release(self):
        """Nothing was taken from the scene."""


def openCase(row):
    """Images and lesions of a finished patient as nodes; the segmentation node.

    Raises:
        SpineError: a file is gone.
    """
    paths = [*row["images"].values(), row["mask"]]
    if missing := next((os.path.basename(path) for path in paths if not os.path.isfile(path)), ""):
        raise SpineError(_("The file {name} is gone: segment the folder again.").format(name=missing))
    from SpineLib.scene.results import SOURCE_ROLE, place_beside

    images = []
    for name, path in row["images"].items():
        node = slicer.util.loadVolume(path, {"name": f"{row['case']} {name}"})
        images.append(node)
    segmentation = slicer.util.loadSegmentation(row["mask"])
    segmentation.SetName(f"{row['case']} lesions")
    segmentation.SetReferenceImageGeometryParameterFromVolumeNode(images[0])
    segmentation.SetNodeReferenceID(SOURCE_ROLE, images[0].GetID())
    place_beside(segmentation, images[0])
    return segmentation


def _texts(row):
    state = _STATES.get(row["status"], row["status"])
    return row["case"], str(row.get("lesions", "")), row.get("total_volume_ml", ""), state


def _sameCase(chosen, rows):
    return next((number for number, row in enumerate(rows) if row["case"] == chosen["case"]), None)
