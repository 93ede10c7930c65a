"""The images of patients in anybody's BIDS folder, whatever else their files' names hold ("sub-1_acq-sag_T1w")."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from SpineLib.cohort.entities import choice_note, choose_image
from SpineLib.cohort.layout import AFTER, SESSIONS, patients
from SpineLib.errors import SpineError
from SpineLib.sequences import sequence_of_file
from SpineLib.volume.formats import suffix_of


def find_cases(folder: Path) -> list[tuple[str, dict[str, list[Path]]]]:
    """Cases ("sub-001", or "sub-001_ses-1") and their images by sequence name; none where they may not be read.

    Raises:
        SpineError: no such folder, or nothing in it.
    """
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.X_OK):
        raise SpineError("The folder of patients does not exist or may not be read; check its path and permissions.")
    cases = []
    for subject in (folder / name for name in patients(folder)):
        for place in (subject, *sorted(subject.glob("ses-*"))):
            images: dict[str, list[Path]] = {}
            readable = True
            try:
                for file in sorted((place / "anat").iterdir()):
                    if name := _sequence(file.name):
                        images.setdefault(name, []).append(file)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:
                readable = False
            if images or not readable:
                cases.append(("_".join(place.relative_to(folder).parts), images))
    if not cases:
        raise SpineError("The folder holds no patients; it needs files like sub-001/anat/sub-001_T1w.nii.gz.")
    return cases


def choose_session(cases: list[tuple[str, dict]], session: str | None, *, necrosis: bool = False) -> list:
    """Those of ``session``; without one all, but for necrosis only the scans after ablation where a patient has them.

    Raises:
        SpineError: no case has that session.
    """
    if session:
        ending = f"_ses-{session.removeprefix('ses-')}"
        chosen = [case for case in cases if case[0].endswith(ending)]
        if not chosen:
            raise SpineError(f"No patient has the session '{session}'; look at the names of the folders 'ses-*'.")
        return chosen
    treated = {name.partition("_")[0] for name, _ in cases if name.endswith(f"_ses-{AFTER}")}
    return [
        case
        for case in cases
        if not necrosis or case[0].partition("_")[0] not in treated or case[0].endswith(f"_ses-{AFTER}")
    ]


def find_patients(folder: Path) -> list[tuple[str, dict[str, dict[str, list[Path]]]]]:
    """Patients ("sub-001") and, by session, their images by sequence name; a session may be missing.

    Raises:
        SpineError: no such folder, or no patient with sessions in it.
    """
    patients: dict[str, dict] = {}
    for case, images in find_cases(folder):
        name, _, session = case.partition("_ses-")
        if session in SESSIONS:
            patients.setdefault(name, {})[session] = images
    if not patients:
        raise SpineError(
            "The folder holds no patients with sessions; it needs files like "
            "sub-001/ses-before/anat/sub-001_ses-before_T1w.nii.gz and sub-001/ses-after/anat/..."
        )
    return sorted(patients.items())


def single_images(
    images: dict[str, list[Path]], wanted: Mapping[str, Sequence[str]] | None = None
) -> tuple[dict[str, Path], list[str]]:
    """One file a sequence, and sentences on the choice among several.

    Args:
        images: of one case.
        wanted: see :func:`SpineLib.cohort.entities.choose_image`.

    Raises:
        SpineError: none could be read, or there are several of one sequence that will do, or none.
    """
    if not images:
        raise SpineError("The folder of the case may not be read; ask for permission to read it, or copy it elsewhere.")
    chosen = {name: choose_image(files, name, wanted) for name, files in images.items()}
    notes = [choice_note(files, chosen[name], name) for name, files in images.items()]
    return chosen, [note for note in notes if note]


def derived_file(folder: Path, pattern: str, case: str) -> Path:
    """The file of a case that another program put into the folder, as under ``derivatives``.

    Args:
        folder: of the patients.
        pattern: path within it, with * and ?; "{case}" ("sub-001_ses-1"), "{subject}" and "{session}" (or "") stand for
            the case's own.
        case: as :func:`find_cases` names it.

    Raises:
        SpineError: the pattern is no path within the folder, or does not meet one file.
    """
    subject, _, session = case.partition("_")
    try:
        path = pattern.format(case=case, subject=subject, session=session)
        found = sorted(folder.glob(path))
    except (ValueError, KeyError, IndexError, NotImplementedError) as error:
        raise SpineError(
            "The pattern is no path within the folder of patients; use {case}, {subject}, {session}, * and ?, as in "
            "derivatives/spine/{subject}/{case}*.nii.gz."
        ) from error
    if len(found) != 1:
        count = "no file" if not found else f"{len(found)} files"
        raise SpineError(f"The pattern meets {count} of this case; correct it, or put one file a case there.")
    return found[0]


def _sequence(file_name: str) -> str | None:
    ending = suffix_of(file_name)
    return sequence_of_file(file_name[: -len(ending)]) if ending else None
