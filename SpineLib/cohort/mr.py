"""A BIDS-like folder of patients with their masks: one scan each, or a session before and one after ablation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from SpineLib.cohort.layout import LABELS, SESSIONS, Place, patients, sessions, truth_path
from SpineLib.cohort.masks import read_lesions
from SpineLib.cohort.origin import REAL, SIMULATED, counted, origins, tell_left_out
from SpineLib.cohort.table import check_there, is_table, rows_of
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES
from SpineLib.volume.json_object import json_object
from SpineLib.volume.simulated import DESCRIPTION, simulated_description
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class Case:
    """One patient's files.

    Attributes:
        name: "sub-001".
        sequences: files by sequence name, those there are.
        labels: files by label: "lesion" (ids of metastases), "necrosis" (ids of necrosis zones), "first" (what a model
            had marked before somebody corrected it), "reader1", "reader2", "vertebrae", "tissue"; those there are.
        origin: a word of :mod:`SpineLib.cohort.origin`.
        numbered: whether each number of its masks is a lesion, even where there is one alone, as the truth of a
            simulated patient tells; else a mask of one number is parted into its pieces.
    """

    name: str
    sequences: dict[str, Path]
    labels: dict[str, Path]
    origin: str = REAL
    numbered: bool = False

    def lesions(self, label: str = "lesion") -> Volume:
        """The lesions of a mask, uint8 numbers, on the mask's own grid.

        Raises:
            SpineError: as :func:`SpineLib.cohort.masks.read_lesions`, with the patient's name.
        """
        try:
            return read_lesions(self.labels[label], label, numbered=self.numbered)
        except SpineError as error:
            raise SpineError(f"Case {self.name}: {error}") from error


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
        folder: where it lies; of a table the table.
        cases: in the order of their names.
        description: ``dataset_description.json``.
        session: "before" or "after", of which the cases' files are; None where the folder has no sessions.
        left_out: names of the patients that lack something, each with what.
    """

    folder: Path
    cases: tuple[Case, ...]
    description: dict = field(default_factory=dict)
    session: str | None = None
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def simulated(self) -> bool:
        """Whether any of it is simulated, be it only painted lesions: real is only what is real in all patients."""
        return (
            any(case.origin != REAL for case in self.cases) if self.cases else simulated_description(self.description)
        )

    def truth(self, case: Case) -> dict:
        """What was drawn of a simulated patient, "lesions" and more; empty where nothing tells."""
        return json_object(truth_path(self.folder, case.name))


def read_cohort(
    folder: str | Path, inputs: tuple[str, ...] = (), *, labels: tuple[str, ...] = (), session: str | None = None
) -> Cohort:
    """Find the cases of ``folder`` that have all ``inputs`` and all ``labels``; the others are named in a remark.

    Args:
        folder: of the cohort, or a table of patients (:mod:`SpineLib.cohort.table`).
        inputs: sequence names.
        labels: names of labels.
        session: "before" or "after" in a cohort with sessions ("sub-001/ses-after/anat"); None where there are none.

    Raises:
        SpineError: the folder does not exist or holds no such case.
    """
    folder = Path(folder)
    check_there(folder)
    found = _table_cases(folder, session) if is_table(folder) else _folder_cases(folder, session)
    wanted = [*inputs, *labels]
    cases, left_out = [], []
    for case, missing in found:
        lacks = [
            f"the {name} file that the table names is not there" if name in missing else f"no {name}"
            for name in wanted
            if name not in case.sequences and name not in case.labels
        ]
        if lacks or not case.sequences:
            left_out.append((case.name, ", ".join(lacks) or "no image"))
        else:
            cases.append(case)
    if not cases:
        raise _no_case(folder, wanted, session, left_out)
    tell_left_out(left_out, len(cases))
    description = {} if is_table(folder) else json_object(folder / DESCRIPTION)
    return Cohort(folder, tuple(cases), description, session, tuple(left_out))


def _no_case(folder: Path, wanted: list[str], session: str | None, left_out: list[tuple[str, str]]) -> SpineError:
    if is_table(folder):
        return SpineError(
            f"The table '{folder.name}' holds no patient with {', '.join(wanted) or 'a sequence'}; the first is "
            f"{left_out[0][0]}: {left_out[0][1]}."
        )
    place = f"sub-*/ses-{session}/anat" if session else "sub-*/anat"
    there = sessions(folder)
    if there and session not in there:
        return SpineError(f"'{folder}' holds no '{place}' but the sessions {' and '.join(there)}; choose one of them.")
    command = "spine phantom --follow-up" if session else "spine phantom"
    return SpineError(
        f"'{folder}' holds no case '{place}' with {', '.join(wanted) or 'a sequence'}; choose a folder as '{command}' "
        "writes it, or see with 'spine cohort check' what is missing."
    )


def described(cohort: Cohort) -> str:
    """A sentence for a model's card: what the cohort calls itself, and whose patients they are where it has more kinds
    than one or is real."""
    name = str(cohort.description.get("Name") or "A cohort").rstrip(".")
    kinds = {case.origin for case in cohort.cases}
    return f"{name}." if kinds == {SIMULATED} else f"{name}; patients: {counted(case.origin for case in cohort.cases)}."


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


def _folder_cases(folder: Path, session: str | None) -> list[tuple[Case, tuple[str, ...]]]:
    return [(_case(folder, name, session, origin), ()) for name, origin in origins(folder, patients(folder)).items()]


def _table_cases(table: Path, session: str | None) -> list[tuple[Case, tuple[str, ...]]]:
    cases = []
    for row in rows_of(table, session):
        sequences = {key: file for key, file in row.files.items() if key in SEQUENCES}
        labels = {key: file for key, file in row.files.items() if key in LABELS}
        cases.append((Case(row.patient, sequences, labels, row.origin, row.origin == SIMULATED), row.missing))
    return cases


def _case(folder: Path, name: str, session: str | None, origin: str = REAL) -> Case:
    place = Place(folder, name, session)
    sequences = {key: file for key in SEQUENCES if (file := place.find_image(key))}
    labels = {key: file for key in LABELS if (file := place.find_label(key))}
    return Case(name, sequences, labels, origin, origin == SIMULATED or truth_path(folder, name).is_file())
