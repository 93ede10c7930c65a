"""The runs of the section Detect: search an image, segment or refine one candidate. No Qt here."""

from __future__ import annotations

import importlib
from pathlib import Path

from SpinePanel.i18n import tr as _

#: What a network needs to see around a candidate, mm (right-left, front-back, up-down): two vertebrae each way.
_AROUND_SEGMENT = (80.0, 120.0, 140.0)
#: What the contour needs: the largest lesions, and room to move.
_AROUND_REFINE = (80.0, 90.0, 90.0)


class DetectionRun:
    """What the user asked for when pressing Detect; later changes of the panel do not touch it.

    Args:
        image: volume node.
        card: of the detector.
        threshold, smallestCm2: likelihood and area from which a place is listed.
        column: whether to look in the vertebral column only.
        device, lowest, anyway: as in ``SpineLib.tasks.detection.detect.DetectSettings``.
    """

    job = "detect"

    def __init__(self, image, card, *, threshold, smallestCm2, column=False, device="auto", lowest="", anyway=False):
        self._image, self._card = image, card
        self._settings = {
            "threshold": threshold,
            "smallest_area_cm2": smallestCm2,
            "column": column,
            "device": device,
            "lowest": lowest,
            "anyway": anyway,
        }
        self._role, self._exported = card.inputs[0], None

    def steps(self):
        return [(_("Preparing the image"), lambda folder: _load("SimpleITK")), (_("Preparing the image"), self._export)]

    @staticmethod
    def meanwhile():
        return [lambda: _load("scipy.ndimage")]

    def parameters(self, folder: Path) -> dict:
        return {"inputs": self._exported.files, "model": self._card.id, "settings": self._settings}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.detection.ImportedDetection``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.detection import import_detection

        listed = self._settings["threshold"], self._settings["smallest_area_cm2"]
        return import_detection(folder, result, self._exported, *listed)

    def release(self) -> None:
        if self._exported is not None:
            self._exported.release()

    def _export(self, folder):
        from SpineLib.scene.runs import export_inputs

        self._exported = export_inputs({self._role: self._image}, folder)


class SegmentCandidateRun:
    """Segment what lies at a candidate, on T1 and (or) T2.

    Args:
        inputs: sequence name to volume node.
        model: id of a model bundle for exactly these inputs.
        candidate: ``SpineLib.tasks.detection.candidates.Candidate``.
        threshold, device: see ``SpineLib.tasks.segmentation.segment.SegmentSettings``.
        output: segmentation that gets the segment; None: a new one.
    """

    job = "segment"

    def __init__(self, inputs, model, candidate, *, threshold=None, device="auto", output=None):
        self._inputs = {name: node for name, node in inputs.items() if node is not None}
        self._model, self._candidate, self._output = model, candidate, output
        # The image is cut around the place: it shows too little of the column to name a level by.
        self._settings = {"threshold": threshold, "device": device, "levels": False}
        self._region = None

    def steps(self):
        return [
            (_("Preparing the images"), lambda folder: _load("SimpleITK")),
            (_("Preparing the images"), self._export),
        ]

    @staticmethod
    def meanwhile():
        return [lambda: _load("scipy.spatial.distance")]

    def parameters(self, folder: Path) -> dict:
        settings = {name: value for name, value in self._settings.items() if value is not None}
        return {"inputs": self._region.inputs.files, "model": self._model, "settings": settings}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.regions.ImportedLesion``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.regions import import_lesion

        role = result["provenance"]["reference"]
        return import_lesion(folder, result, self._region, role, number=self._candidate.id, existing=self._output)

    def release(self) -> None:
        if self._region is not None:
            self._region.inputs.release()

    def _export(self, folder):
        from SpineLib.scene.regions import export_region

        self._region = export_region(self._inputs, self._candidate.centre_ras_mm, _AROUND_SEGMENT, folder)


class RefineRun:
    """Fit the boundary of a candidate's region to the image's edges.

    Args:
        image: volume node that was searched.
        likelihood: its likelihood node.
        threshold: from which a voxel belongs to the region.
        candidate: ``SpineLib.tasks.detection.candidates.Candidate``.
        output: segmentation that gets the segment; None: a new one.
    """

    job = "refine"

    def __init__(self, image, likelihood, threshold, candidate, *, output=None):
        self._image, self._likelihood, self._threshold = image, likelihood, threshold
        self._candidate, self._output, self._region = candidate, output, None

    def steps(self):
        return [(_("Preparing the image"), lambda folder: _load("SimpleITK")), (_("Preparing the image"), self._export)]

    @staticmethod
    def meanwhile():
        return [lambda: _load("scipy.spatial.distance")]

    def parameters(self, folder: Path) -> dict:
        return {"inputs": self._region.inputs.files}

    def finish(self, result: dict, folder: Path):
        """``SpineLib.scene.regions.ImportedLesion``, or None when the scene was closed meanwhile."""
        from SpineLib.scene.regions import import_lesion

        one = self._candidate
        return import_lesion(
            folder, result, self._region, "image", number=one.id, probability=one.probability, existing=self._output
        )

    def release(self) -> None:
        if self._region is not None:
            self._region.inputs.release()

    def _export(self, folder):
        from SpineLib.scene.detection import candidate_mask
        from SpineLib.scene.regions import export_region

        mask = candidate_mask(self._likelihood, self._image, self._threshold, self._candidate)
        self._region = export_region(
            {"image": self._image}, self._candidate.centre_ras_mm, _AROUND_REFINE, folder, {"region": ("image", mask)}
        )


def _load(module):
    importlib.import_module(module)
