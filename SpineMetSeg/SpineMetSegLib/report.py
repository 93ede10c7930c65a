"""Step 5: the report of the lesions as files."""

from pathlib import Path

from SpinePanel.i18n import tr as _
from SpinePanel.reportstep import ReportBase, moveReport
from SpinePanel.runs import load


class ReportStep(ReportBase):
    """Everything of the step."""

    TIP = _("Write report.html, which stands alone, report.txt and lesions.csv; rejected lesions are left out")
    PAGES = ("report.html", "report.txt", "lesions.csv")
    NO_DICOM = _("The image was not loaded from DICOM, so there is no series that a DICOM SEG could refer to.")
    DICOM_TIP = _("Write the lesions as DICOM SEG, their measures as DICOM SR and key pictures, beside the report")

    def reason(self):
        if reason := self._panel.reasonNotToStart():
            return reason
        if self._node.result is None:
            return _("Choose the segmentation to report, in step 3.")
        if self._panel.results.volume() is None:
            return _("The image that was segmented is not in the scene any more: load it, or segment again.")
        if not self._node.folder.strip():
            return _("Choose a folder for the report.")
        return ""

    def summary(self):
        return (True, _("written")) if self._written else (False, "")

    def about(self):
        from SpineLib.scene.changes import stamp_of

        return self._node.result, stamp_of(self._node.result)

    def makeRun(self, folder):
        return LesionReportRun(folder, self._node.result, self._images(), self._node.withDicom)

    def dicomPossible(self):
        from SpineLib.scene.lesionreport import has_series

        return self._node.result is not None and has_series(self._node.result, self._images())

    def _images(self):
        """Those of step 1, where the segmentation was made of one of them; else its own image alone."""
        volume, chosen = self._panel.results.volume(), self._panel.images()
        return chosen if volume in chosen.values() else {}


class LesionReportRun:
    """The report of a segmentation.

    Args:
        folder: where the files go.
        segmentation: its node.
        images: sequence name to volume node.
        withDicom: whether DICOM objects are written, too.
    """

    job = "lesion-report"

    def __init__(self, folder, segmentation, images, withDicom=False):
        self._folder, self._asked = Path(folder), (segmentation, images)
        self._withDicom = withDicom
        self._parameters, self._watch = {}, None

    def steps(self):
        return [
            (_("Preparing the images"), lambda folder: load("SimpleITK")),
            (_("Preparing the images"), self._export),
        ]

    @staticmethod
    def meanwhile():
        return []

    def parameters(self, folder):
        return self._parameters

    def finish(self, result, folder):
        """The files in the user's folder: their paths, the page first, and the paragraph of text."""
        return moveReport(result, folder, self._folder)

    def release(self):
        if self._watch is not None:
            self._watch.release()

    def _export(self, folder):
        from SpineLib.scene.lesionreport import export_lesion_report

        self._watch, self._parameters = export_lesion_report(*self._asked, folder, with_dicom=self._withDicom)
