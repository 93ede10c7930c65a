"""``spine segment --bids``: one patient after the other; a bad one does not stop the others."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from SpineLib.cli.choosing import chosen_target, segment_files, settings_of
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.words import counted

if TYPE_CHECKING:
    from SpineLib.models.card import ModelCard


def segment_folder(args: argparse.Namespace) -> int:
    """Segment all cases of ``args.bids`` into ``args.output``; returns 1 when one failed, else 0.

    Each case leaves ``<case>_lesions.seg.nrrd``, ``_lesions.csv`` and, last, ``_report.json``: a case that has its
    report is done, and is skipped when the command runs again; lesions of a mask that was corrected since are measured
    again, and one whose images were changed since is told. ``summary.csv`` holds a line for each case. The files of
    necroses are called ``_necroses.seg.nrrd``, ``_necroses.csv``, ``_necroses_report.json``, ``summary_necroses.csv``.
    """
    from SpineLib.cli.batch import each_case, make_output
    from SpineLib.cli.entities import check_choice, wanted_entities
    from SpineLib.cohort.images import choose_session, derived_file, find_cases, single_images
    from SpineLib.models import find_bundle, list_bundles
    from SpineLib.tasks.segmentation.case_files import (
        CaseFiles,
        case_row,
        check_settings,
        check_unchanged,
        summary_text,
    )
    from SpineLib.tasks.segmentation.naming import TARGETS
    from SpineLib.volume.files import write_text

    task = chosen_target(args)
    target, kind = TARGETS[task], "" if task == "metastasis" else f"_{TARGETS[task].many}"
    wanted = wanted_entities(args)
    cases = choose_session(find_cases(args.bids), args.session, necrosis=task == "necrosis")
    make_output(args.output)
    settings = settings_of(args)
    asked = find_bundle(args.model).card if args.model else None
    cards = {card.id: card for _, card in list_bundles()}

    def card_of(facts: dict) -> ModelCard | None:
        """Of the model that is asked for, else of the one that made a result."""
        return asked or cards.get(facts["provenance"]["model"]["id"])

    def work(case: str, images: dict) -> dict:
        files = CaseFiles.of(args.output, case, target, kind)
        if not args.overwrite:
            files.take_up()
        done = None if args.overwrite else files.done()
        labels = None if args.vertebrae is None else derived_file(args.bids, str(args.vertebrae), case)
        beside = [] if labels is None else [labels]
        if done is not None:
            check_unchanged(files.report, [*(path for several in images.values() for path in several), *beside])
            check_settings(done[0], settings, card_of(done[0]), labels is not None)
            if wanted:
                check_choice(single_images(images, wanted)[1], " ".join(done[0].get("notes", [])))
            return case_row(done[0]) | {"status": done[1]}
        paths, notes = single_images(images, wanted)
        with ProgressBar(case) as progress:
            result = segment_files(paths, args, progress, labels)
        facts = files.write(replace(result, notes=notes + result.notes), [*paths.values(), *beside])
        return case_row(facts) | {"status": "done"}

    good, count = each_case(
        cases,
        work,
        lambda row: f"{counted(row['lesions'], target.one.lower(), target.many)}, {row['total_volume_ml']} ml",
        lambda rows: write_text(args.output / f"summary{kind}.csv", summary_text(rows, target.many)),
        args,
    )
    print(f"{good} of {counted(count, 'case')} segmented; see summary{kind}.csv. Research use only.")
    return 0 if good == count else 1
