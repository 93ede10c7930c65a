"""A BIDS-like folder of patients with their masks: one scan each, or a session before and one after ablation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from SpineLib.cohort.layout import LABELS, SESSIONS, Place, patients, sessions, truth_path
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES
from SpineLib.volume.json_object import json_object
from SpineLib.volume.simulated import DESCRIPTION, simulated_description


@dataclass(frozen=True)
class Case:
    """One patient's files.

    Attributes:
        name: "sub-001".
        sequences: files by sequence name, those there are.
        labels: files by label: "lesion" (ids of metastases), "necrosis" (ids of necrosis zones), "reader1", "reader2",
            "vertebrae", "tissue"; those there are.
    """

    name: str
    sequences: dict[str, Path]
    labels: dict[str, Path]


@dataclass(frozen=True)
class Pair:
    """One patient before and after the ablation.

    Attributes:
        name: "sub-001".
        before, after: the files of the sessions.
        truth: ``sub-001_truth.json`` where it is there (simulated patients): "treated", "after_to_before_lps" (4 x 4 by
            vertebra, LPS mm) and more; else empty.
    """

    name: str
    before: Case
    after: Case
    truth: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Cohort:
    """The cases of a folder.

    Attributes:
        folder: where it lies.
        cases: in the order of their names.
        description: ``dataset_description.json``.
        session: "before" or "after", of which the cases' files are; None where the folder has no sessions.
    """

    folder: Path
    cases: tuple[Case, ...]
    description: dict = field(default_factory=dict)
    session: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether the description calls the data simulated, by a key "Simulated" or in its name or text."""
        return simulated_description(self.description)

    def truth(self, case: Case) -> dict:
        """What was drawn of a simulated patient, "lesions" and more; empty where nothing tells."""
        return json_object(truth_path(self.folder, case.name))


def read_cohort(
    folder: str | Path, inputs: tuple[str, ...] = (), *, labels: tuple[str, ...] = (), session: str | None = None
) -> Cohort:
    """Find the cases of ``folder`` that have all ``inputs`` and all ``labels``.

    Args:
        folder: of the cohort.
        inputs: sequence names.
        labels: names of labels.
        session: "before" or "after" in a cohort with sessions ("sub-001/ses-after/anat"); None where there are none.

    Raises:
        SpineError: the folder does not exist or holds no such case.
    """
    folder = Path(folder)
    cases = [_case(folder, name, session) for name in patients(folder)]
    cases = [c for c in cases if c.sequences and set(inputs) <= c.sequences.keys() and set(labels) <= c.labels.keys()]
    if not cases:
        place = f"sub-*/ses-{session}/anat" if session else "sub-*/anat"
        there = sessions(folder)
        if there and session not in there:
            raise SpineError(
                f"'{folder}' holds no '{place}' but the sessions {' and '.join(there)}; choose one of them."
            )
        command = "spine phantom --follow-up" if session else "spine phantom"
        raise SpineError(
            f"'{folder}' holds no case '{place}' with {', '.join([*inputs, *labels]) or 'a sequence'}; "
            f"choose a folder as '{command}' writes it."
        )
    description = json_object(folder / DESCRIPTION)
    return Cohort(folder, tuple(cases), description, session)


def read_pairs(folder: str | Path) -> tuple[Pair, ...]:
    """The patients of ``folder`` who have a session before and one after the ablation, in the order of their names.

    Raises:
        SpineError: the folder does not exist or holds no such patient.
    """
    folder = Path(folder)
    pairs = []
    for name in patients(folder):
        before, after = (_case(folder, name, session) for session in SESSIONS)
        if before.sequences and after.sequences:
            pairs.append(Pair(name, before, after, json_object(truth_path(folder, name))))
    if not pairs:
        raise SpineError(
            f"'{folder}' holds no patient with images in both 'ses-before/anat' and 'ses-after/anat'; "
            "choose a folder as 'spine phantom --follow-up' writes it."
        )
    return tuple(pairs)


def drawn_lesions(facts: dict) -> dict[int, dict]:
    """What the truth of a simulated patient says of each lesion, by its id: "kind" and "place", as far as it does."""
    try:
        return {
            int(fact["number"]): {key: fact[key] for key in ("kind", "place") if key in fact}
            for fact in facts["lesions"]
        }
    except (ValueError, KeyError, TypeError):
        return {}


def _case(folder: Path, name: str, session: str | None) -> Case:
    place = Place(folder, name, session)
    sequences = {key: file for key in SEQUENCES if (file := place.find_image(key))}
    return Case(name, sequences, {key: file for key in LABELS if (file := place.find_label(key))})
