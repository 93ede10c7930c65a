"""Step 6: the report as files."""

import logging
import os

import qt
import slicer

from SpineNecrosisLib.runs import ReportRun
from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase

#: What a report may hold; the user is asked before one of them is replaced.
_FILES = ("report.html", "comparison.csv", "comparison.json")


class Report(StepBase):
    """Everything of the step."""

    TIP = _("Write report.html, which stands alone, comparison.csv and comparison.json")

    def __init__(self, ui, panel):
        super().__init__(ui, panel, "report")
        self._written, self._of = "", None
        self.connect(
            (ui.folderButton, "clicked(bool)", self.onFolder),
            (ui.openButton, "clicked(bool)", self.onOpen),
        )

    def clear(self):
        super().clear()
        self._written, self._of = "", None

    def update(self):
        """Follow parameter node and job."""
        super().update()
        if self._written and self._node is not None and self._of != self._comparison():
            self._written = ""  # it tells of another comparison
            self.widgets.say("")
        self.ui.openButton.enabled = bool(self._written) and os.path.isfile(self._written)
        if self._node is not None:
            possible = self._dicomPossible()
            self.ui.dicomCheckBox.enabled = possible
            self.ui.dicomCheckBox.toolTip = (
                _("Write the segmentations of both scans as DICOM SEG, beside the report")
                if possible
                else _("A scan was not loaded from DICOM, so there is no series that a DICOM SEG could refer to.")
            )
            if not possible and self._node.withDicom:
                self._node.withDicom = False

    def reason(self):
        """Why the job cannot be started, "" when it can."""
        if reason := self._panel.reasonNotToStart():
            return reason
        if self._node.comparison is None:
            return _("Compare first, in step 5.")
        if self._panel.compare.outdated:
            return _("The comparison is out of date: press Update in step 5 first.")
        if None in self._volumes():
            return _("Choose a scan from before and one from after the ablation, in steps 1 and 2.")
        if not self._node.folder.strip():
            return _("Choose a folder for the report.")
        return ""

    def summary(self):
        """(whether the step is done, a few words)."""
        return (True, _("written")) if self._written and not self._panel.compare.outdated else (False, "")

    def onFolder(self, checked=False):
        """Let the user choose the folder."""
        folder = qt.QFileDialog.getExistingDirectory(self.ui.folderButton, _("Folder of the report"), self._node.folder)
        if folder and self._node is not None:
            self._node.folder = folder

    def onOpen(self, checked=False):
        """Show the report in the web browser."""
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(self._written))

    def onApply(self, checked=False):
        """Write the report; asks before files of an earlier one are replaced."""
        if self.reason():
            return
        node, folder = self._node, self._node.folder.strip()
        there = [name for name in _FILES if os.path.exists(os.path.join(folder, name))]
        question = _("The folder holds {names} already. Replace?").format(names=", ".join(there))
        if there and not slicer.util.confirmOkCancelDisplay(question, _("Report")):
            return
        needed = ["skimage", *(["highdicom"] if node.withDicom else [])]
        if not all(self._panel.installed(self.widgets, one) for one in needed):
            return
        before, after = self._volumes()
        self._written, of = "", self._comparison()
        run = ReportRun(folder, node.comparison, before, after, node.withPatient, node.withDicom)
        self._panel.start(self.widgets, run, lambda paths: self._onResult(paths, of))

    def _onResult(self, paths, of):
        self._written, self._of = paths[0], of
        logging.info("SpineNecrosis: a report of %d files was written", len(paths))
        names = ", ".join(os.path.basename(path) for path in paths)
        self._panel.tell(self.widgets, _("{count} files written: {names}.").format(count=len(paths), names=names))

    def _comparison(self):
        """What a report tells: the table, and the figures that it has now."""
        from SpineLib.scene.comparison import COMPARISON

        head = self._node.comparison
        return head, head.GetAttribute(COMPARISON) if head is not None else None

    def _volumes(self):
        """The scans that are shown: T1 before and ceT1 after where they are there, since the rim is seen best there."""
        before = self._panel.scansBefore(self._node)
        after = self._panel.scansAfter(self._node)
        return before["T1"] or before["T2"], after["ceT1"] or after["T2"]

    def _dicomPossible(self):
        from SpineLib.scene.dicomfacts import series_files

        return all(volume is not None and series_files(volume) for volume in self._volumes())
