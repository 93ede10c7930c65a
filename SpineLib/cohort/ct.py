"""A BIDS-like folder of CTs with their vertebrae, now and before the lesion, as ``spine phantom --ct`` writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from SpineLib.cohort.layout import CT_LABELS, Place, patients, truth_path
from SpineLib.errors import SpineError


@dataclass(frozen=True)
class CtCase:
    """One patient's files; all on one grid.

    Attributes:
        name: "sub-001".
        ct: the image, HU.
        vertebrae: VerSe numbers of the bone as it is (what a lytic lesion took is missing).
        intact: VerSe numbers of the vertebrae as they were before the lesion.
        lesion: ids of the lesions, with their soft-tissue masses.
        truth: what was drawn (``sub-001_truth.json``).
    """

    name: str
    ct: Path
    vertebrae: Path
    intact: Path
    lesion: Path
    truth: dict = field(default_factory=dict)


def read_ct_cohort(folder: str | Path) -> list[CtCase]:
    """The patients of ``folder`` that have the CT, all three label maps and the truth, in the order of their names.

    The truth is what the simulator writes last, so a patient without it is not finished and is left out.

    Raises:
        SpineError: the folder does not exist or holds no such patient, or a truth can't be read.
    """
    folder = Path(folder)
    cases = []
    for name in patients(folder):
        place, truth = Place(folder, name, kind="ct"), truth_path(folder, name)
        ct = place.find_image("CT")
        files = {key: place.find_label(key) for key in CT_LABELS}
        there = {key: file for key, file in files.items() if file}
        if ct and len(there) == len(files) and truth.is_file():
            cases.append(CtCase(name, ct, **there, truth=_json(truth)))
    if not cases:
        raise SpineError(
            f"'{folder}' holds no case 'sub-*/ct' with its labels and its truth; choose a folder as "
            "'spine phantom --ct' writes it."
        )
    return cases


def _json(path: Path) -> dict:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = None
    if not isinstance(known, dict):
        raise SpineError(f"'{path}' is damaged; delete it and simulate this case again.")
    return known
