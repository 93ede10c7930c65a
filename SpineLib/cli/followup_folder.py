"""``spine followup --bids``: one patient after the other, each in an own folder; a bad one does not stop the others."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.followup_case import Scans, check_order, output_folder, run_case
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.layout import SESSIONS
from SpineLib.errors import SpineError
from SpineLib.words import counted

CORRECTED = "A segmentation was changed after the follow-up had written it; what stands here is of the changed one."


def follow_up_folder(args: argparse.Namespace) -> int:
    """Follow up all patients of ``args.bids``; returns 1 when one failed, else 0.

    Each patient gets a folder in ``args.output``, written whole or not at all: one that is there is done, and is kept
    when the command runs again; one whose masks were corrected since is compared again with those.
    ``cohort.csv`` has a line for each patient, ``cohort.html`` the table.
    """
    from SpineLib.cli.batch import each_case, make_output
    from SpineLib.cli.entities import check_choice, wanted_entities
    from SpineLib.cli.followup_files import RECORD, corrected_masks, required_margin_of, row_of, seal
    from SpineLib.cohort.images import find_patients
    from SpineLib.reports.followup_cohort import cohort_page
    from SpineLib.reports.followup_tables import plain_table
    from SpineLib.tasks.segmentation.case_files import check_unchanged
    from SpineLib.volume.files import write_text
    from SpineLib.volume.json_object import json_object
    from SpineLib.volume.simulated import DESCRIPTION, simulated_description

    wanted = wanted_entities(args)
    patients = find_patients(args.bids)
    args.simulated = simulated_description(json_object(args.bids / DESCRIPTION))
    make_output(args.output)

    def work(name: str, sessions: dict) -> dict:
        folder = args.output / name
        done = None if args.overwrite else row_of(folder)
        corrected = {} if done is None else corrected_masks(folder)
        if done is not None and wanted:
            _, chosen = _images_of(sessions, wanted)
            check_choice(chosen, str(done.get("message", "")))
        if done is not None:
            check_unchanged(folder / RECORD, _every_file(sessions))
        if done is not None and required_margin_of(folder) not in (None, args.margin):
            raise SpineError(
                f"The follow-up that is there asked for a margin of {required_margin_of(folder):g} mm and not of "
                f"{args.margin:g} mm: add --overwrite, or give --margin {required_margin_of(folder):g}."
            )
        if done is not None and not corrected:
            return done | {"status": "kept"}
        (before, after), chosen = _images_of(sessions, wanted)
        masks = corrected or (_masks(args.bids, name) if args.labels else {})
        scans = Scans(before, after, masks.get("metastasis"), masks.get("necrosis"))
        check_order(scans, args)
        with output_folder(folder, args.overwrite or bool(corrected)) as part, ProgressBar(name) as progress:
            result = run_case(scans, args, part, progress, [*chosen, *([CORRECTED] if corrected else [])])
            seal(part, corrected, [*before.values(), *after.values()])
        return result.row | {"status": "corrected" if corrected else "done"}

    def write(rows: list[dict]) -> None:
        write_text(args.output / "cohort.csv", plain_table(rows).to_csv())
        cohort_page(args.output / "cohort.html", rows, simulated=args.simulated)

    good, count = each_case(patients, work, lambda row: str(row["outcome"]), write, args)
    print(f"{good} of {counted(count, 'patient')} followed up; see cohort.csv and cohort.html. Research use only.")
    return 0 if good == count else 1


def _every_file(sessions: dict) -> list[Path]:
    return [path for images in sessions.values() for several in images.values() for path in several]


def _images_of(sessions: dict, wanted: dict[str, list[str]]) -> tuple[list[dict[str, Path]], list[str]]:
    """One file a sequence before and after, and sentences on the choice among several."""
    from SpineLib.cohort.images import single_images

    found, notes = [], []
    for session in SESSIONS:
        if session not in sessions:
            raise SpineError(f"The patient has no images from {session} the ablation (ses-{session}/anat).")
        images, said = single_images(sessions[session], wanted)
        found.append(images)
        notes += [f"{session.capitalize()} the ablation: {note}" for note in said]
    return found, notes


def _masks(folder: Path, name: str) -> dict[str, Path]:
    """The masks of ``derivatives/labels``: of the metastases before and the necroses after.

    Raises:
        SpineError: one of them is missing.
    """
    from SpineLib.cohort.mr import read_pairs

    pair = next((pair for pair in read_pairs(folder) if pair.name == name), None)
    metastasis = pair.before.labels.get("lesion") if pair else None
    necrosis = pair.after.labels.get("necrosis") if pair else None
    if metastasis is None or necrosis is None:
        raise SpineError("The patient lacks a mask in derivatives/labels; add it, or leave out --labels.")
    return {"metastasis": metastasis, "necrosis": necrosis}
