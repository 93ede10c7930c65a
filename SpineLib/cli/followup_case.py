"""One follow-up at the edge: read the scans, check them, run, and write every file of the result."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.cli.choosing import best_model
from SpineLib.cli.dicom_output import check_series
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.progress import Progress, part
from SpineLib.sequences import enhanced_of
from SpineLib.temporary import staged

if TYPE_CHECKING:
    from SpineLib.tasks.followup.follow_up import FollowUp
    from SpineLib.volume import SegmentInfo

#: Written last: a folder that holds it is complete.
RECORD = "comparison.json"
#: Names the files of a folder while they move into it, so that a run that was killed meanwhile is taken up.
_BEGUN = "comparison.json.part"
_NAMES = re.compile(
    r"(metastases|necroses)\.(seg\.nrrd|dcm)|after_to_before(_\d+)?\.(tfm|json)|margin(_\d+)?\.vtp|"
    r"comparison\.(csv|json)|report\.html"
)
_SWAPPED = (
    "The scan given as 'before' seems to be the later one{how}; swap the two, or add --swap-check off when you "
    "are sure."
)


@dataclass(frozen=True)
class Scans:
    """Files of one patient; images by sequence name, "T1" or "ceT1"; masks and transform where there are any."""

    before: Mapping[str, Path]
    after: Mapping[str, Path]
    metastasis: Path | None = None
    necrosis: Path | None = None
    transform: Path | None = None


@dataclass(frozen=True)
class CaseResult:
    """What a case came to.

    Attributes:
        row: a line of the cohort's table.
        lines: for the terminal.
    """

    row: dict
    lines: list[str]


def check_order(scans: Scans, args: argparse.Namespace, ask: Callable[[str], bool] | None = None) -> list[str]:
    """Whether before comes before after: by DICOM dates, else by the names of the files, else by asking.

    Returns:
        Sentences for the report.

    Raises:
        SpineError: the order is wrong, or the user says so.
    """
    from SpineLib.tasks.followup.checks import RIGHT, SWAPPED, order_of_dates, order_of_names

    if args.swap_check == "off":
        return []
    dates = order_of_dates(*(_first_facts(paths) for paths in (scans.before, scans.after)))
    if dates == SWAPPED:
        raise SpineError(_SWAPPED.format(how=" by its date in DICOM"))
    if dates == RIGHT:
        return []
    # Folders and file: the last three parts of the path, as "ses-before" is two folders above the file.
    names = [" ".join(next(iter(paths.values())).parts[-3:]) for paths in (scans.before, scans.after)]
    by_name = order_of_names(*names)
    if by_name == SWAPPED:
        raise SpineError(_SWAPPED.format(how=" by its name"))
    if by_name == RIGHT:
        return []
    if ask is None:
        return ["Neither dates nor names tell which scan came first; make sure that 'before' is before the ablation."]
    if not ask("Nothing tells which scan came first. Was the one given as 'before' taken before the ablation?"):
        raise SpineError("The follow-up was not begun: give the scan from before the ablation as 'before'.")
    return []


@contextmanager
def output_folder(folder: Path, overwrite: bool) -> Iterator[Path]:
    """Yields an empty folder; when all went well its files move to ``folder``, else that stays as it was.

    Raises:
        SpineError: ``folder`` is a file, holds results and ``overwrite`` is not set, holds a file of the same name
            that no follow-up wrote, or cannot be written.
    """
    from SpineLib.cli.outputs import check_writable

    if folder.exists() and not folder.is_dir():
        raise SpineError("The output is a file; give the name of a folder.")
    old = _written_earlier(folder)
    if (folder / RECORD).exists() and old and not overwrite:
        raise SpineError("The output folder holds a follow-up already; choose another one or add --overwrite.")
    with ExitStack() as stack:
        try:
            there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
            _refuse_foreign([name for name in there if _NAMES.fullmatch(name) and name not in old])
            folder.parent.mkdir(parents=True, exist_ok=True)
            check_writable(folder if folder.exists() else folder.parent)
            part = stack.enter_context(staged(folder.parent))
        except OSError as error:
            raise SpineError("The output folder cannot be created; check its path and your permissions.") from error
        try:
            yield part
            new = sorted((path.name for path in part.iterdir()), key=lambda name: (name == RECORD, name))
            _refuse_foreign([name for name in new if name not in old and (folder / name).exists()])
            folder.mkdir(exist_ok=True)
            (folder / _BEGUN).write_text(json.dumps({"files": sorted(old | set(new))}), encoding="utf-8")
            (folder / RECORD).unlink(missing_ok=True)
            for name in old - set(new):
                (folder / name).unlink(missing_ok=True)
            for name in new:
                os.replace(part / name, folder / name)
            (folder / _BEGUN).unlink()
        except OSError as error:
            raise SpineError(
                "The output cannot be written: the disk is full or the folder may not be written; free some "
                "space or choose another folder."
            ) from error


def _refuse_foreign(names: list[str]) -> None:
    if names:
        raise SpineError(f"The output folder holds a '{names[0]}' that no follow-up wrote; choose another one.")


def _written_earlier(folder: Path) -> set[str]:
    """Names of the files that a follow-up wrote, whole or killed meanwhile; empty where none did."""
    found: set[str] = set()
    for record in (RECORD, _BEGUN):
        try:
            names = json.loads((folder / record).read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        found |= {str(name) for name in names if Path(str(name)).name == name} | {record}
    return found - {_BEGUN} | ({RECORD} if found else set())


def run_case(
    scans: Scans,
    args: argparse.Namespace,
    folder: Path,
    progress: Progress,
    notes: list[str] | None = None,
    dicom: Path | None = None,
) -> CaseResult:
    """Read, follow up, and write everything into ``folder``, and DICOM objects into ``dicom``, if given."""
    from SpineLib.cli.followup_files import ForArchive, write_follow_up
    from SpineLib.reports.patient import patient_facts
    from SpineLib.tasks.followup.checks import check_patients
    from SpineLib.tasks.followup.compare import CompareSettings
    from SpineLib.tasks.followup.follow_up import FollowUpSettings, follow_up
    from SpineLib.tasks.segmentation.naming import LEVEL
    from SpineLib.tasks.segmentation.segment import SegmentSettings
    from SpineLib.volume import read_volume
    from SpineLib.volume.dicom_facts import read_dicom_facts
    from SpineLib.volume.segments import read_named_mask

    notes = list(notes or [])
    if dicom is not None:
        check_series([*scans.before.values(), *scans.after.values()])
    before_facts, after_facts = _first_facts(scans.before), _first_facts(scans.after)
    notes += check_patients(before_facts, after_facts, args.allow_different_patients)
    models = {
        "metastasis_model": (scans.metastasis, args.metastasis_model, "metastasis-segmentation", scans.before),
        "necrosis_model": (scans.necrosis, args.necrosis_model, "necrosis-segmentation", scans.after),
    }
    bundles = {
        key: find_bundle(chosen or _model_for(task, images))
        for key, (mask, chosen, task, images) in models.items()
        if mask is None
    }
    progress(0.0, "Reading")
    images = {
        when: {name: read_volume(path, name) for name, path in paths.items()}
        for when, paths in (("before", scans.before), ("after", scans.after))
    }
    read = {
        key: read_named_mask(path, what)
        for key, path, what in (
            ("metastases", scans.metastasis, "metastasis"),
            ("necroses", scans.necrosis, "necrosis"),
        )
        if path is not None
    }
    masks = {key: mask for key, (mask, _) in read.items()}
    segments = read["metastases"][1] if "metastases" in read else {}
    notes += _names(segments)
    given = None
    if scans.transform is not None:
        from SpineLib.tasks.registration.record import read_registration

        given = read_registration(scans.transform)
        notes += given.notes
    each = SegmentSettings(device=args.device, anywhere=args.anywhere, anyway=args.anyway)
    enhanced = enhanced_of(scans.after)
    result = follow_up(
        images["before"],
        images["after"],
        metastases=masks.get("metastases"),
        levels={number: info.tags.get(LEVEL, "") for number, info in segments.items()},
        necroses=masks.get("necroses"),
        metastasis_model=bundles.get("metastasis_model"),
        necrosis_model=bundles.get("necrosis_model"),
        after_to_before=given.after_to_before if given else None,
        registration=given.registration if given else None,
        after_facts=read_dicom_facts(scans.after[enhanced]) if enhanced else None,
        settings=FollowUpSettings(
            metastasis=replace(each, lowest=args.lowest),
            necrosis=replace(each, lowest=args.lowest_after),
            compare=CompareSettings(required_margin_mm=args.margin),
        ),
        progress=part(progress, 0.02, 0.8),
    )
    parts = _parts(result, args, notes, part(progress, 0.8, 0.88))
    progress(0.88, "Writing the report")
    row, lines = write_follow_up(
        folder,
        result,
        notes,
        [one.card for one in bundles.values()],
        simulated=args.simulated,
        patient=patient_facts(before_facts, after_facts) if args.include_patient else None,
        archive=ForArchive(dicom, scans.before, scans.after) if dicom is not None else None,
        progress=part(progress, 0.88, 1.0),
        parts=parts,
    )
    return CaseResult(row, lines)


def _names(segments: Mapping[int, SegmentInfo]) -> list[str]:
    """Which segments of the user's file the numbers of metastases are; of one segment the pieces are numbered."""
    if len(segments) == 1:
        [info] = segments.values()
        return [f"The metastases are the pieces of the segment '{info.name}' of the file."]
    return [
        f"Metastasis {number} is '{info.name}' of the file."
        for number, info in segments.items()
        if info.name not in (str(number), f"Lesion {number}")
    ]


def _parts(result: FollowUp, args: argparse.Namespace, notes: list[str], progress: Progress):
    """The spinal canal: the user's own, else what the model of the column finds on the scan before; or None."""
    from SpineLib.tasks.stability.find import find_parts
    from SpineLib.tasks.stability.parts import CANAL, SpineParts
    from SpineLib.volume.segments import read_mask

    if getattr(args, "canal", None):
        mask = read_mask(args.canal, "canal")
        return SpineParts(mask.with_array((mask.array != 0).astype("uint8")), {1: CANAL})
    if getattr(args, "no_canal", False):
        return None
    shown, marked = result.pair[0], result.metastases.result
    if marked is not None and marked.parts is not None and marked.provenance["reference"] == shown:
        return marked.parts
    progress(0.0, "Looking for the spinal canal")
    try:
        return find_parts(result.before[shown], shown, args.lowest, device=args.device, progress=progress)
    except SpineError as error:  # the comparison is whole without it
        notes.append(f"The spinal canal was not found: {error}")
        return None


def _model_for(task: str, images: Mapping[str, Path]) -> Path:
    return best_model(images, task)


def _first_facts(paths: Mapping[str, Path]):
    """Facts of the first DICOM series among the scans; None where there is none."""
    from SpineLib.volume.dicom_facts import read_dicom_facts

    return next((facts for path in paths.values() if (facts := read_dicom_facts(path))), None)
