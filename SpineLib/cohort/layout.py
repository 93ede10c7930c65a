"""Where a patient's files lie in a BIDS-like folder, and what they are called; readers and writers take it from here.

``sub-001/anat/sub-001_T1w.nii.gz``, or ``sub-001/ses-before/anat/sub-001_ses-before_T1w.nii.gz``; CT in ``ct`` instead
of ``anat``; masks below ``derivatives/labels`` in the same folders.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from SpineLib.sequences import SEQUENCES

#: Ends of the names of masks, without the extension.
LABELS = {
    "lesion": "label-lesion_mask",
    "necrosis": "label-necrosis_mask",
    "first": "desc-first_mask",
    "reader1": "desc-reader1_mask",
    "reader2": "desc-reader2_mask",
    "vertebrae": "label-vertebrae_dseg",
    "intact": "label-intact_dseg",
    "discs": "label-discs_dseg",
    "canal": "label-canal_mask",
    "tissue": "label-tissue_dseg",
}
#: Those of a CT.
CT_LABELS = ("vertebrae", "intact", "lesion")
BEFORE, AFTER = SESSIONS = ("before", "after")
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")
_MASK_ENDINGS = (".seg.nrrd", *_ENDINGS, ".dcm")
#: As ``spine segment --bids`` writes masks, into ``derivatives/labels`` or the patient's folder there.
_SEGMENTED = {"lesion": "lesions.seg.nrrd", "necrosis": "necroses.seg.nrrd"}


@dataclass(frozen=True)
class Place:
    """The files of one patient, or of one session of it.

    Attributes:
        root: folder of the cohort.
        patient: "sub-001".
        session: "before" or "after"; None where the folder has no sessions.
        kind: "anat" for MR, "ct" for CT.
    """

    root: Path
    patient: str
    session: str | None = None
    kind: str = "anat"

    @property
    def images(self) -> Path:
        """Folder of the images."""
        return self.root / self._inner / self.kind

    @property
    def labels(self) -> Path:
        """Folder of the masks."""
        return self.root / "derivatives" / "labels" / self._inner / self.kind

    def image(self, sequence: str, extension: str) -> Path:
        """The file of a sequence, or of "CT"."""
        return self.images / f"{self._stem}_{_suffix(sequence)}{extension}"

    def label(self, name: str, extension: str) -> Path:
        """The file of one of :data:`LABELS`."""
        return self.labels / f"{self._stem}_{LABELS[name]}{extension}"

    def find_image(self, sequence: str) -> Path | None:
        """The file of a sequence, or of "CT", whatever its extension; None where there is none."""
        return _existing(self.image(sequence, extension) for extension in _ENDINGS)

    def find_label(self, name: str) -> Path | None:
        """The file of one of :data:`LABELS`, whatever its extension; None where there is none.

        A Slicer segmentation, an image or a DICOM SEG (".dcm"); for lesions also what ``spine segment --bids`` wrote.
        """
        found = _existing(self.label(name, extension) for extension in _MASK_ENDINGS)
        if found is None and name in _SEGMENTED:
            file = f"{self._stem}_{_SEGMENTED[name]}"
            found = _existing(folder / file for folder in (self.labels, self.root / "derivatives" / "labels"))
        return found

    @property
    def _inner(self) -> str:
        return f"{self.patient}/ses-{self.session}" if self.session else self.patient

    @property
    def _stem(self) -> str:
        return f"{self.patient}_ses-{self.session}" if self.session else self.patient


def patients(folder: Path) -> list[str]:
    """Names of the patients of a folder, in order: "sub-001"."""
    return [path.name for path in sorted(folder.glob("sub-*"))]


def sessions(folder: Path) -> list[str]:
    """Names of the sessions that any patient of a folder has, in order."""
    return sorted({path.name.removeprefix("ses-") for path in folder.glob("sub-*/ses-*")})


def correction_path(folder: Path, patient: str) -> Path:
    """The file on a patient whose masks somebody corrected; the last that is written of a patient."""
    return folder / "derivatives" / "labels" / patient / f"{patient}_correction.json"


def truth_path(folder: Path, patient: str) -> Path:
    """The file of what was drawn of a simulated patient; the last that is written of a patient."""
    return folder / "derivatives" / "labels" / patient / f"{patient}_truth.json"


def _suffix(sequence: str) -> str:
    return "ct" if sequence == "CT" else SEQUENCES[sequence].bids


def _existing(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if path.is_file()), None)
