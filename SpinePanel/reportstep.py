"""The step that writes a report: its folder, opening the page, and its paragraph for the clipboard."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import qt
import slicer

from SpinePanel.i18n import tr as _
from SpinePanel.step import StepBase


class ReportBase(StepBase):
    """A report step without what it is about; the parameter node has ``folder`` and ``withDicom``.

    Attributes:
        PAGES: files that a report always has; the user is asked before one of them is replaced.
        NO_DICOM: why no DICOM can be written, where none can.
        DICOM_TIP: what the tick does.
    """

    PAGES: tuple[str, ...] = ("report.html", "report.txt")
    NO_DICOM = DICOM_TIP = ""

    def __init__(self, ui, panel, name="report"):
        super().__init__(ui, panel, name)
        self._node: Any = None
        self._written, self._text, self._of = "", "", None
        self.connect(
            (ui.folderButton, "clicked(bool)", self.onFolder),
            (ui.openButton, "clicked(bool)", self.onOpen),
            (ui.copyTextButton, "clicked(bool)", self.onCopy),
        )

    def about(self):
        """What a report tells, to know whether a written one is of what is there now."""
        raise NotImplementedError

    def dicomPossible(self):
        """Whether the scans were loaded from DICOM."""
        raise NotImplementedError

    def makeRun(self, folder):
        """The job."""
        raise NotImplementedError

    def clear(self):
        super().clear()
        self._forget()

    def update(self):
        """Follow parameter node and job."""
        super().update()
        if self._written and self._node is not None and self._of != self.about():
            self._forget()  # it tells of another result
            self.widgets.say("")
        self.ui.openButton.enabled = bool(self._written) and os.path.isfile(self._written)
        self.ui.copyTextButton.enabled = bool(self._text)
        if self._node is not None:
            possible = self.dicomPossible()
            self.ui.dicomCheckBox.enabled = possible
            self.ui.dicomCheckBox.toolTip = self.DICOM_TIP if possible else self.NO_DICOM
            if not possible and self._node.withDicom:
                self._node.withDicom = False

    def onFolder(self, checked=False):
        """Let the user choose the folder."""
        folder = qt.QFileDialog.getExistingDirectory(self.ui.folderButton, _("Folder of the report"), self._node.folder)
        if folder and self._node is not None:
            self._node.folder = folder

    def onOpen(self, checked=False):
        """Show the report in the web browser."""
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(self._written))

    def onCopy(self, checked=False):
        """The report's paragraph into the clipboard, for the radiology information system."""
        qt.QApplication.clipboard().setText(self._text)
        self.widgets.say(_("The paragraph is in the clipboard."))

    def onApply(self, checked=False):
        """Write the report; asks before files of an earlier one are replaced."""
        if self.reason():
            return
        folder = self._node.folder.strip()
        there = [name for name in self.PAGES if os.path.exists(os.path.join(folder, name))]
        question = _("The folder holds {names} already. Replace?").format(names=", ".join(there))
        if there and not slicer.util.confirmOkCancelDisplay(question, _("Report")):
            return
        needed = ["skimage", *(["highdicom"] if self._node.withDicom else [])]
        if not all(self._panel.installed(self.widgets, one) for one in needed):
            return
        self._forget()
        of = self.about()
        self._panel.start(self.widgets, self.makeRun(folder), lambda written: self._onResult(written, of))

    def _forget(self):
        self._written, self._text, self._of = "", "", None

    def _onResult(self, written, of):
        paths, self._text = written
        self._written, self._of = paths[0], of
        names = ", ".join(os.path.basename(path) for path in paths)
        self._panel.tell(self.widgets, _("{count} files written: {names}.").format(count=len(paths), names=names))


def moveReport(result: dict, job: str | Path, folder: Path) -> tuple[list[str], str]:
    """Move a report's files from the job's folder into the user's; those of an earlier report are replaced.

    Returns:
        Their paths, the page first, and the paragraph.

    Raises:
        SpineError: the folder cannot be written.
    """
    from SpineLib.errors import SpineError

    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in result["files"]:
            part = folder / f".{name}.part"
            shutil.copyfile(Path(job) / name, part)
            os.replace(part, folder / name)
            paths.append(str(folder / name))
    except OSError as error:
        raise SpineError(_("The report cannot be written there: choose a folder that you may write to.")) from error
    return paths, str(result.get("text", ""))
