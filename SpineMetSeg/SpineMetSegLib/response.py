"""Step 7: the lesions beside those of an earlier examination."""

import os
import shutil
from pathlib import Path

import qt
import slicer

from SpineLib.errors import SpineError
from SpinePanel.i18n import tr as _
from SpinePanel.runs import load
from SpinePanel.step import StepBase
from SpinePanel.tables import Table

_COLUMNS = (_("Lesion"), _("ml"), _("was ml"), _("product"), _("response"))
_TIPS = (
    _("Lesions of both examinations that are the same"),
    _("Volume now, ml"),
    _("Volume in the earlier examination, ml"),
    _("Change of the product of diameters, %"),
    _("Complete (CR) or partial response (PR), stable (SD) or progressive disease (PD)"),
)


class ResponseRun:
    """One comparison of two examinations.

    Args:
        earlier, later: segmentation nodes.
        registration: transform node, or None.
        folder: of the report; "": none is kept.
        existing: table node of an earlier comparison that is filled anew.
        withDicom: whether DICOM objects are written into the folder, too.
    """

    job = "response"

    def __init__(self, earlier, later, registration=None, folder="", existing=None, withDicom=False):
        self._nodes, self._registration = (earlier, later), registration
        self._folder, self._existing, self._withDicom = folder, existing, withDicom
        self._watch, self._parameters = None, {}

    def steps(self):
        return [(_("Preparing the lesions"), lambda folder: load("SimpleITK")), (_("Preparing"), self._export)]

    @staticmethod
    def meanwhile():
        return []

    def parameters(self, folder: Path) -> dict:
        return self._parameters

    def finish(self, result: dict, folder: Path):
        """(table node, what the job answered, paths of the report), or None when the scene was closed meanwhile."""
        from SpineLib.scene.response import fill_response

        if self._watch.scene_closed:
            return None
        table = fill_response(result["response"], self._nodes[1], self._existing)
        return table, result, self._keep(result["files"], Path(folder))

    def release(self) -> None:
        if self._watch is not None:
            self._watch.release()

    def _keep(self, names, folder):
        if not self._folder:
            return []
        paths = []
        try:
            os.makedirs(self._folder, exist_ok=True)
            for name in names:
                part = os.path.join(self._folder, f".{name}.part")
                shutil.copyfile(folder / name, part)
                os.replace(part, os.path.join(self._folder, name))
                paths.append(os.path.join(self._folder, name))
        except OSError as error:
            raise SpineError(_("The report cannot be written there: choose a folder that you may write to.")) from error
        return paths

    def _export(self, folder):
        from SpineLib.scene.response import export_examinations

        self._watch, self._parameters = export_examinations(
            *self._nodes, folder, self._registration, with_dicom=self._withDicom
        )


class ResponseStep(StepBase):
    """Everything of the step."""

    TIP = _("Match the lesions of both examinations, and tell what is new, gone, smaller or larger")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "response")
        self._table = self._response = self._of = self._seen = None
        self._rows = Table(ui.responseTable, _COLUMNS, 0, range(1, 5), _TIPS, self._jump)
        self.connect((ui.responseFolderButton, "clicked(bool)", self.onFolder))
        ui.responseFolderButton.enabled = True

    def close(self):
        super().close()
        self._rows.close()

    def clear(self):
        super().clear()
        self._table = self._response = self._of = None
        self._show({})

    def update(self):
        super().update()
        self._updateDicom()
        if self._response is None or self._node is None:
            return
        if self._of != self._chosen():
            self._forget("")  # it tells of other lesions
        elif self._seen != self._stamp():
            self._forget(_("Out of date, as lesions or registration were changed: compare again."))

    def refresh(self):
        super().refresh()
        self.ui.responseTable.visible = self.ui.responseTable.rowCount > 0 and not self.ui.responseSection.collapsed

    def lookAgain(self):
        self.update()

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        if self._node.result is None:
            return _("Choose the lesions of the later examination, in step 3.")
        if self._node.earlier is None:
            return _("Choose the lesions of an earlier examination.")
        if self._node.earlier is self._node.result:
            return _("Both examinations are the same segmentation: choose the earlier one's lesions.")
        return ""

    def summary(self):
        if self._response is None:
            return False, ""
        return True, self._response["overall"]

    def onFolder(self, checked=False):
        """Let the user choose the folder of the report."""
        folder = qt.QFileDialog.getExistingDirectory(self.ui.responseFolderButton, _("Folder of the report"), "")
        if folder and self._node is not None:
            self._node.responseFolder = folder

    def onApply(self, checked=False):
        """Start; a second click while it runs does nothing."""
        if self.reason():
            return
        folder = self._node.responseFolder.strip()
        withDicom = bool(folder) and self._node.responseWithDicom
        needed = ["skimage", *(["highdicom"] if withDicom else [])] if folder else []
        if not all(self._panel.installed(self.widgets, one) for one in needed):
            return
        earlier, later, registration = self._chosen()
        if not self._agreed(earlier, later):
            return
        run = ResponseRun(earlier, later, registration, folder, self._table, withDicom)
        of = self._chosen(), self._stamp()
        self._panel.start(self.widgets, run, lambda imported: self._onResult(imported, *of))

    def _agreed(self, earlier, later):
        """Whether the user takes both for one patient's examinations in their order."""
        from SpineLib.scene.response import doubts

        return all(slicer.util.confirmOkCancelDisplay(one, self._panel.TITLE) for one in doubts(earlier, later))

    def _onResult(self, imported, of, seen):
        self._table, result, paths = imported
        self._response, self._of, self._seen = result["response"], of, seen
        self._show(self._response)
        parts = [f"{self._response['overall_in_words']}: {self._response['reason']}", *result["notes"]]
        if paths:
            names = ", ".join(os.path.basename(path) for path in paths)
            parts.append(_("Written: {names}.").format(names=names))
        self._panel.tell(self.widgets, " ".join(parts), warning=self._response["overall"] == "PD")
        self.refresh()
        self._panel.later()

    def _updateDicom(self):
        from SpineLib.scene.response import has_both_series

        if self._node is None:
            return
        possible = has_both_series(self._node.earlier, self._node.result)
        box = self.ui.responseDicomCheckBox
        box.enabled = possible
        box.toolTip = (
            _("Both segmentations as DICOM SEG, and the response of each lesion as DICOM SR, in the folder")
            if possible
            else _("A scan was not loaded from DICOM, so there is no series that a DICOM SEG could refer to.")
        )
        if not possible and self._node.responseWithDicom:
            self._node.responseWithDicom = False

    def _chosen(self):
        return self._node.earlier, self._node.result, self._node.earlierTransform

    def _stamp(self):
        """What a comparison is made of, as far as changes show without reading voxels."""
        from SpineLib.scene.changes import stamp_of
        from SpineLib.scene.review import kept_ids

        nodes = self._chosen()
        kept = [tuple(kept_ids(one)) if one is not None else () for one in nodes[:2]]
        return (*kept, *map(stamp_of, nodes))

    def _forget(self, sentence):
        self._response = None
        self._show({})
        self.widgets.say(sentence, warning=bool(sentence))

    def _show(self, response):
        rows = response.get("lesions", [])
        self._rows.show([_texts(row) for row in rows], rows)
        self.refresh()

    @staticmethod
    def _jump(row):
        from SpineLib.scene.views import jump_to

        jump_to(row["centre_ras_mm"])


def _texts(row):
    from SpineLib.metrics.response import change_words
    from SpineLib.reports.response import lesion_words

    change = row["product_change"]
    return (
        lesion_words(row["earlier"], row["later"]),
        f"{row['later_ml']:.2f}",
        "" if row["earlier_ml"] is None else f"{row['earlier_ml']:.2f}",
        "" if change is None else change_words(change, "+"),
        row["response"],
    )
