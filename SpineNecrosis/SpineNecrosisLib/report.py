"""Step 6: the report as files."""

from SpineNecrosisLib.runs import ReportRun
from SpinePanel.i18n import tr as _
from SpinePanel.reportstep import ReportBase


class Report(ReportBase):
    """Everything of the step."""

    TIP = _("Write report.html, which stands alone, report.txt, comparison.csv and comparison.json")
    PAGES = ("report.html", "report.txt", "comparison.csv", "comparison.json")
    NO_DICOM = _("A scan was not loaded from DICOM, so there is no series that a DICOM SEG could refer to.")
    DICOM_TIP = _("Write both segmentations as DICOM SEG, the measures as DICOM SR and key pictures, beside the report")

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

    def about(self):
        """The table, and the figures that it has now."""
        from SpineLib.scene.comparison import COMPARISON

        head = self._node.comparison
        return head, head.GetAttribute(COMPARISON) if head is not None else None

    def makeRun(self, folder):
        node = self._node
        return ReportRun(folder, node.comparison, *self._volumes(), node.withPatient, node.withDicom)

    def dicomPossible(self):
        from SpineLib.scene.dicomfacts import series_files

        return all(volume is not None and series_files(volume) for volume in self._volumes())

    def _volumes(self):
        """The scans that are shown: T1 before and ceT1 after where they are there, since the rim is seen best there."""
        before = self._panel.scansBefore(self._node)
        after = self._panel.scansAfter(self._node)
        return before["T1"] or before["T2"], after["ceT1"] or after["T2"]
