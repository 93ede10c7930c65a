"""``spine cohort``: what a folder of patients is good for, and public or own folders brought into its form."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLib.cli.numbers import add_numbers
from SpineLib.cli.outputs import check_outputs, check_writable
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES

SOURCES = {
    "plain": "a folder a patient, images and mask told by their names",
    "spider": "SPIDER: lumbar MR with vertebrae, discs and canal",
    "verse": "VerSe: CT with vertebrae",
    "spine-mets-ct-seg": "Spine-Mets-CT-SEG (TCIA): CT, vertebrae, class of their lesions",
    "deeplesion": "DeepLesion: key slices of CT with lesions of bone",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``check``, ``import`` and ``column``."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="list each patient: taken or left out and why, geometry, volume, lesions")
    check.add_argument("folder", type=Path, help="folder of patients, or a table of them (CSV, TSV, JSON)")
    check.add_argument("--inputs", help="sequences that a training is to have, e.g. T1,T2, or CT (default: any)")
    check.add_argument("--label", choices=("lesion", "necrosis", "vertebrae"), default="lesion", help="what is learned")
    check.add_argument("--session", choices=("before", "after"), help="of a cohort with sessions")
    check.add_argument("--json", type=Path, metavar="FILE", help="also write it for programs")
    check.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    bring = actions.add_parser("import", help="bring a folder of patients into the form that trainings read")
    bring.add_argument(
        "source", choices=tuple(SOURCES), help="; ".join(f"{key}: {text}" for key, text in SOURCES.items())
    )
    bring.add_argument("folder", type=Path, help="as it was downloaded and unpacked, or of one's own")
    bring.add_argument("-o", "--output", required=True, type=Path, help="folder to write; goes on where it was")
    bring.add_argument(
        "--paint",
        type=int,
        default=0,
        metavar="N",
        help="paint N lesions (on CT one to three) into vertebrae of each patient without a lesion mask; such patients "
        "are called so",
    )
    column = actions.add_parser("column", help="make cases for 'spine train column' of CTs with labelled vertebrae")
    column.add_argument(
        "--scan",
        nargs=2,
        type=Path,
        action="append",
        required=True,
        metavar=("CT", "LABELS"),
        help="a patient's CT and its numbered vertebrae on the same grid; several are possible",
    )
    add_numbers(column)
    column.add_argument(
        "--other-bone",
        metavar="FIRST-LAST",
        help="numbers of the labels that are ribs and other bone, e.g. 92-115",
    )
    column.add_argument(
        "--model",
        default="column-ct",
        help="says what the labels leave out: body and arch, discs, canal, sacrum (default: column-ct)",
    )
    column.add_argument("-o", "--output", required=True, type=Path, help="folder of cases; those there are kept")


def run(arguments: argparse.Namespace) -> int:
    """Do it; 1 where no patient is taken."""
    if arguments.action != "check":
        check_writable(arguments.output)
    return {"check": _check, "import": _import, "column": _column}[arguments.action](arguments)


def _column(arguments: argparse.Namespace) -> int:
    from SpineLab.training.column.cases import write_column_case
    from SpineLab.training.column.labelled import labelled_case
    from SpineLib.models import find_bundle
    from SpineLib.progress import part
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.volume import read_volume
    from SpineLib.volume.segments import read_mask

    first, last = _range(arguments.other_bone) if arguments.other_bone else (0, -1)
    bundle = find_bundle(arguments.model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    with ProgressBar() as bar:
        for number, (scan, labels) in enumerate(arguments.scan):
            path = arguments.output / f"real-{number + 1:04d}.npz"
            if path.exists():
                continue
            told = part(bar, number / len(arguments.scan), (number + 1) / len(arguments.scan))
            ct = read_volume(scan, "CT")
            vertebrae, _ = read_vertebrae(labels, arguments.numbers)
            other = None
            if arguments.other_bone:
                numbers = read_mask(labels, "labels").array
                other = (numbers >= first) & (numbers <= last)
            write_column_case(path, **labelled_case(ct, vertebrae, bundle, other, told))
        bar(1.0, "Done")
    print(f"{arguments.output}: {len(arguments.scan)} cases of labelled CTs")
    return 0


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal() or int(last or first) < int(first):
        raise SpineError(f"'{text}' is no range of numbers; write it as 92-115.")
    return int(first), int(last or first)


def _check(arguments: argparse.Namespace) -> int:
    from SpineLab.cohort.check import check_cohort, table
    from SpineLib.volume.files import write_text

    if arguments.json is not None:
        check_outputs([arguments.json], [], arguments.overwrite)
    inputs = tuple(name.strip() for name in (arguments.inputs or "").split(",") if name.strip())
    unknown = [name for name in inputs if name not in (*SEQUENCES, "CT")]
    if unknown:
        raise SpineError(f"'{unknown[0]}' is no sequence; inputs are out of {', '.join(SEQUENCES)}, CT.")
    with ProgressBar() as bar:
        checked = check_cohort(arguments.folder, inputs, arguments.label, arguments.session, bar)
    print(table(checked, arguments.label), end="")
    if arguments.json is not None:
        write_text(arguments.json, json.dumps([one.to_dict() for one in checked], indent=1) + "\n")
    return 0 if any(one.taken for one in checked) else 1


def _import(arguments: argparse.Namespace) -> int:
    from SpineLab.cohort import plain, public
    from SpineLab.cohort.painted import with_painted
    from SpineLab.cohort.writer import named, write_patients

    if not arguments.folder.is_dir():
        raise SpineError("The folder to import does not exist; check its path.")
    if arguments.paint < 0:
        raise SpineError(f"--paint is {arguments.paint}; give the number of lesions, or leave it out.")
    read = {
        "plain": plain.plain_source,
        "spider": public.spider_source,
        "verse": public.verse_source,
        "spine-mets-ct-seg": public.spine_mets_source,
        "deeplesion": public.deeplesion_source,
    }[arguments.source]
    source = read(arguments.folder)
    if arguments.paint:
        source = with_painted(source, arguments.paint)
    with ProgressBar() as bar:
        there, left_out = write_patients(source, arguments.output, progress=bar)
    print(named(left_out), end="")
    print(f"{arguments.output}: {len(there)} patients, {len(left_out)} left out. See 'spine cohort check'.")
    return 0 if there else 1
