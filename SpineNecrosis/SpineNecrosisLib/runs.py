"""The runs of the follow-up: nodes out of the scene, a job for the worker, its result back. No Qt here."""

from __future__ import annotations

from pathlib import Path

from SpinePanel.i18n import tr as _
from SpinePanel.runs import load


class RegisterRun:
    """What the user asked for when pressing Register; later changes of the panel do not touch it.

    Args:
        before, after: volume nodes.
        metastasis: (segmentation node, segment ids or None); its surroundings have to fit.
        roi: markups ROI in its place, or None.
        beforePoints, afterPoints: markups lists, or None.
        registration: transform node that may move ``after`` now, or None.
    """

    job = "register"

    def __init__(self, before, after, metastasis, roi=None, beforePoints=None, afterPoints=None, registration=None):
        self.before, self.after = before, after
        self._metastasis, self._roi = metastasis, roi
        self._points, self._registration = (beforePoints, afterPoints), registration
        self._inputs = self._region = self._start = None

    def steps(self):
        """(text, callable) pairs that write the scans into the private folder; in pieces, since the window waits."""
        return [(_("Preparing the scans"), lambda folder: load("SimpleITK")), (_("Preparing the scans"), self._export)]

    @staticmethod
    def meanwhile():
        """Nothing more is needed for the result."""
        return []

    def parameters(self, folder: Path) -> dict:
        return {"inputs": self._inputs.files, "region": self._region, "start": self._start, "settings": {}}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.registration.ImportedRegistration``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.registration import import_registration

        return import_registration(result, self._inputs)

    def release(self) -> None:
        if self._inputs is not None:
            self._inputs.release()

    def _export(self, folder):
        from SpineLib.scene.registration import export_scans, region_of_mask, region_of_roi, start_of_points
        from SpineLib.scene.segmentvolumes import segments_volume

        self._start = start_of_points(*self._points, self.after, self._registration)
        if self._roi is not None:
            self._region = region_of_roi(self._roi)
        else:
            self._region = region_of_mask(segments_volume(*self._metastasis, "metastasis"), folder)
        self._inputs = export_scans(self.before, self.after, folder, self._registration)


class CompareRun:
    """One comparison.

    Args:
        metastasis, necrosis: (segmentation node, segment ids or None).
        registration: transform node, or None.
        settings: as ``SpineLib.tasks.followup.compare.CompareSettings.from_dict`` takes them.
        canal: segmentation with the spinal canal, or None.
        existing: head of an earlier comparison that is renewed.
        contrastEnhanced: ceT1 volume node after, for the note on missing contrast.
        search: (volume node before, its sequence, device), in which the canal is looked for; None: it is not.
    """

    job = "compare"

    def __init__(
        self,
        metastasis,
        necrosis,
        registration=None,
        settings=None,
        canal=None,
        existing=None,
        contrastEnhanced=None,
        search=None,
    ):
        self._asked = (metastasis, necrosis, registration, settings, canal)
        self._existing, self._contrastEnhanced, self._search = existing, contrastEnhanced, search
        self.pair = self._watch = self._toSearch = None
        self._notes = []

    def steps(self):
        return [(_("Preparing the masks"), lambda folder: load("SimpleITK")), (_("Preparing the masks"), self._collect)]

    def meanwhile(self):
        """The look for contrast takes a moment, too."""
        return [lambda: load("scipy.ndimage"), self._lookForContrast]

    def parameters(self, folder: Path) -> dict:
        return self.pair.parameters(folder) | {"search": self._toSearch}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.comparison.ImportedComparison``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.comparison import import_comparison

        if self._watch.scene_closed:
            return None
        return import_comparison(
            folder, result, self.pair, existing=self._existing, notes=self._notes, scan=self._watch.node("scan")
        )

    def release(self) -> None:
        if self._watch is not None:
            self._watch.release()

    def _collect(self, folder):
        from SpineLib.scene.comparison import collect_pair
        from SpineLib.scene.runs import RunInputs
        from SpineLib.scene.scans import unregistered_volume
        from SpineLib.volume import write_volume

        self.pair = collect_pair(*self._asked)
        self._watch = RunInputs({} if self._search is None else {"scan": self._search[0]}, {})
        if self._search is not None:
            volume, sequence, device = self._search
            path = str(folder / "scan.nrrd")
            write_volume(unregistered_volume(volume, self._asked[2], "scan before"), path, compress=False)
            self._toSearch = {"path": path, "sequence": sequence, "device": device}

    def _lookForContrast(self):
        from SpineLib.errors import SpineError
        from SpineLib.scene.scans import unregistered_volume
        from SpineLib.tasks.followup.checks import contrast_note

        if self._contrastEnhanced is None:
            return
        try:
            image = unregistered_volume(self._contrastEnhanced, self._asked[2])
        except SpineError:  # a hint less: the comparison itself does not need the image
            return
        if note := contrast_note(image, self.pair.necrosis):
            self._notes.append(note)


class ReportRun:
    """The report of a comparison.

    Args:
        folder: where the files go.
        comparison: its head.
        before, after: volume nodes to be shown.
        withPatient, withDicom: see ``SpineNecrosisLogic.report``.
    """

    job = "followup-report"

    def __init__(self, folder, comparison, before, after, withPatient=False, withDicom=False):
        self._folder, self._comparison = Path(folder), comparison
        self._nodes, self._withPatient, self._withDicom = (before, after), withPatient, withDicom
        self._parameters, self._watch = {}, None

    def steps(self):
        return [(_("Preparing the scans"), lambda folder: load("SimpleITK")), (_("Preparing the scans"), self._export)]

    @staticmethod
    def meanwhile():
        return []

    def parameters(self, folder: Path) -> dict:
        return self._parameters

    def finish(self, result: dict, folder: Path):
        """The files in the user's folder: their paths, the page first, and the paragraph of text."""
        from SpinePanel.reportstep import moveReport

        return moveReport(result, folder, self._folder)

    def release(self) -> None:
        if self._watch is not None:
            self._watch.release()

    def _export(self, folder):
        from SpineLib.scene.followupreport import export_report

        self._watch, self._parameters = export_report(
            self._comparison, *self._nodes, folder, with_patient=self._withPatient, with_dicom=self._withDicom
        )
