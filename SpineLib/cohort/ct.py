"""A BIDS-like folder of CTs with their vertebrae and lesions: patients', or as ``spine phantom --ct`` writes it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from SpineLib.cohort.layout import CT_LABELS, Place, patients, truth_path
from SpineLib.cohort.masks import read_lesions
from SpineLib.cohort.origin import REAL, SIMULATED, origins, tell_left_out
from SpineLib.cohort.table import check_there, is_table, rows_of
from SpineLib.errors import SpineError
from SpineLib.volume.volume import Volume

#: What trainings and evaluations of lesions need beside the CT.
NEEDED = ("vertebrae", "lesion")


@dataclass(frozen=True)
class CtCase:
    """One patient's files; labels that were not asked for may be None.

    Attributes:
        name: "sub-001".
        ct: the image, HU.
        vertebrae: VerSe numbers of the bone as it is (what a lytic lesion took is missing).
        intact: VerSe numbers of the vertebrae as they were before the lesion; only simulated patients have them.
        lesion: ids of the lesions, with their soft-tissue masses.
        truth: what was drawn (``sub-001_truth.json``); empty of a patient.
        origin: a word of :mod:`SpineLib.cohort.origin`.
    """

    name: str
    ct: Path
    vertebrae: Path
    intact: Path | None
    lesion: Path | None
    truth: dict = field(default_factory=dict)
    origin: str = SIMULATED

    @property
    def whole(self) -> Path:
        """The vertebrae as whole as they are known: before the lesion, else as they are."""
        return self.intact or self.vertebrae

    @property
    def simulated(self) -> bool:
        return self.origin != REAL

    def lesions(self) -> Volume:
        """The lesions, uint8 numbers, see :meth:`SpineLib.cohort.mr.Case.lesions`.

        Raises:
            SpineError: there is no mask, or as there.
        """
        if self.lesion is None:
            raise SpineError(f"Case {self.name} has no lesion mask; add one, or leave it out.")
        try:
            return read_lesions(self.lesion, "lesion", numbered=self.origin == SIMULATED)
        except SpineError as error:
            raise SpineError(f"Case {self.name}: {error}") from error


def read_ct_cohort(folder: str | Path, labels: Sequence[str] = NEEDED) -> list[CtCase]:
    """The patients of ``folder`` that have the CT and all ``labels``, in the order of their names.

    The others are named in a remark. Of a simulated patient all three label maps and the truth are needed whatever is
    asked for: the truth is what the simulator writes last, so a patient without it is not finished.

    Args:
        folder: of the cohort, or a table of patients (:mod:`SpineLib.cohort.table`).
        labels: of :data:`SpineLib.cohort.layout.CT_LABELS`, "vertebrae" among them; lesions need "lesion" too, repairs
            "intact".

    Raises:
        SpineError: the folder does not exist or holds no such patient, or a truth can't be read.
    """
    folder = Path(folder)
    check_there(folder)
    cases, left_out = [], []
    for name, origin, files in _files(folder):
        truth = truth_path(folder, name)
        wanted = CT_LABELS if origin == SIMULATED else tuple(labels)
        lacks = [f"no {key}" for key in ("CT", *wanted) if key not in files]
        if origin == SIMULATED and not lacks and not truth.is_file():
            lacks = ["its simulation is not finished"]
        if lacks:
            left_out.append((name, ", ".join(lacks)))
            continue
        known = _json(truth) if truth.is_file() else {}
        there = (files["CT"], files["vertebrae"], files.get("intact"), files.get("lesion"))
        cases.append(CtCase(name, *there, truth=known, origin=origin))
    if not cases:
        names = ", ".join(("CT", *labels))
        raise SpineError(
            f"'{folder}' holds no case 'sub-*/ct' with {names}; choose a folder of patients with these files or as "
            "'spine phantom --ct' writes it, or see with 'spine cohort check' what is missing."
        )
    tell_left_out(left_out, len(cases))
    return cases


def _files(folder: Path):
    """Each patient's name, origin and files by "CT" and label."""
    if is_table(folder):
        for row in rows_of(folder, None):
            yield row.patient, row.origin, row.files
        return
    for name, origin in origins(folder, patients(folder)).items():
        place = Place(folder, name, kind="ct")
        files = {"CT": place.find_image("CT"), **{key: place.find_label(key) for key in CT_LABELS}}
        yield name, origin, {key: file for key, file in files.items() if file}


def _json(path: Path) -> dict:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if not isinstance(known, dict):
        raise SpineError(f"'{path}' is damaged; delete it and simulate this case again.")
    return known
