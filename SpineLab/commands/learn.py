"""``spine learn``: a training set of corrected patients, and models that learn from it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cli.telling import table
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES

_TARGETS = ("metastasis", "necrosis")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="add | list | tune | compare | accept | drop | back | remove"
    )
    add = actions.add_parser("add", help="keep a patient: its images and what is right, without names, dates or texts")
    for name, sequence in SEQUENCES.items():
        add.add_argument(f"--{sequence.option}", type=Path, metavar="IMAGE", help=f"the {name} volume")
    add.add_argument("--mask", type=Path, required=True, metavar="FILE", help="the corrected mask")
    add.add_argument("--first", type=Path, metavar="FILE", help="the model's own mask (default: it is computed again)")
    add.add_argument(
        "--model", help="whose result was corrected: id (default: the one that segments such images); 'none' for none"
    )
    add.add_argument("--threshold", type=float, help="that the model ran with (default: the model's)")
    add.add_argument("--same-as", default="", metavar="PATIENT", help="another study of this patient of the set")
    add.add_argument("--replace", action="store_true", help="replace the patient if it is there already")
    listing = actions.add_parser("list", help="the patients, and how far the first result was from the correction")
    listing.add_argument("--json", action="store_true", help="as JSON")
    tune = actions.add_parser("tune", help="train a new model; the same command again goes on after an interruption")
    tune.add_argument("--model", help="id of the model in use (default: the one accepted last, or the first)")
    tune.add_argument("--minutes", type=float, default=15.0, help="of training (default 15)")
    tune.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    tune.add_argument("--threads", type=int, help="threads that compute (default: all cores)")
    tune.add_argument("--json", action="store_true", help="the comparison as JSON")
    compare = actions.add_parser("compare", help="the former model beside the new one, lesion by lesion")
    compare.add_argument("--json", action="store_true", help="as JSON")
    actions.add_parser("accept", help="install the new model")
    actions.add_parser("drop", help="forget the new model")
    actions.add_parser("back", help="take the former model again and remove the one in use")
    remove = actions.add_parser("remove", help="remove a patient, files and all")
    remove.add_argument("patient", help="e.g. sub-001")
    for one in actions.choices.values():
        one.add_argument("--target", choices=_TARGETS, default="metastasis", help="what was corrected")
        one.add_argument("--folder", type=Path, help="of the training set (default: among your own data)")


def run(args: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.cohort.corrections import corrections_folder

    folder = args.folder or corrections_folder(args.target)
    _ACTIONS[args.action](args, folder)
    return 0


def _add(args: argparse.Namespace, folder: Path) -> None:
    from SpineLab.learning.adding import add_corrected
    from SpineLib.cli.choosing import TASKS, best_model
    from SpineLib.cohort.masks import read_lesions
    from SpineLib.models import find_bundle
    from SpineLib.volume import read_volume
    from SpineLib.volume.segments import read_mask
    from SpineLib.volume.simulated import simulated_files

    paths = {name: path for name, one in SEQUENCES.items() if (path := getattr(args, one.option)) is not None}
    if not paths:
        raise SpineError(f"No image was given; use {' or '.join(f'--{one.option}' for one in SEQUENCES.values())}.")
    model = args.model or ""
    if not model and args.first is None:
        model = find_bundle(best_model(paths, TASKS[args.target])).card.id
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        images = {name: read_volume(path, name) for name, path in paths.items()}
        told, notes = add_corrected(
            folder,
            images,
            read_lesions(args.mask, "corrected"),
            args.target,
            model="" if model == "none" else model,
            promised={"id": model} if args.first is not None and model else None,
            settings={"threshold": args.threshold},
            first=None if args.first is None else read_mask(args.first, "first mask"),
            same_as=args.same_as,
            replace_known=args.replace,
            simulated=simulated_files(paths.values()),
            progress=progress,
        )
    print(f"{told.patient}: {', '.join(told.images)}, {told.lesions} {'lesion' if told.lesions == 1 else 'lesions'}.")
    if told.first is not None:
        print(_distance(told.first))
    for note in notes:
        print(f"Note: {note}")


def _list(args: argparse.Namespace, folder: Path) -> None:
    from dataclasses import asdict

    from SpineLib.cohort.corrections import read_corrections, read_state

    found, state = read_corrections(folder), read_state(folder)
    if args.json:
        print(json.dumps({"patients": [one.to_dict() for one in found], "state": asdict(state)}, indent=2))
        return
    if not found:
        print("No patient was added yet; 'spine learn add' keeps one.")
        return
    rows = [
        [
            one.patient + (f" ({one.person})" if one.person != one.patient else ""),
            "+".join(one.images) + (" (simulated)" if one.simulated else ""),
            str(one.lesions),
            one.model.get("id", ""),
            "" if one.first is None or one.first.dice is None else f"{one.first.dice:.2f}",
            "" if one.first is None else str(one.first.added),
            "" if one.first is None else str(one.first.removed),
        ]
        for one in found
    ]
    print(
        *table(["patient", "images", "lesions", "model", "first Dice", "added", "removed"], rows, (0, 1, 3)), sep="\n"
    )
    print(f"In use: {state.in_use or 'the model as it was installed'}.")
    if state.proposed:
        print(f"A new model waits for your word: '{state.proposed}'; see 'spine learn compare'.")


def _tune(args: argparse.Namespace, folder: Path) -> None:
    import torch

    from SpineLab.learning.training import TuneSettings
    from SpineLab.learning.tune import tune
    from SpineLib.cli.choosing import TASKS, best_model
    from SpineLib.cohort.corrections import read_corrections, read_state

    if args.threads:
        torch.set_num_threads(args.threads)
    patients = read_corrections(folder)
    if not patients:
        raise SpineError("The training set is empty; add corrected patients with 'spine learn add' first.")
    common = set.intersection(*(set(one.images) for one in patients))
    model = args.model or read_state(folder).in_use or str(best_model(common, TASKS[args.target]))
    with ProgressBar() as progress:
        comparison = tune(folder, model, TuneSettings(minutes=args.minutes, seed=args.seed), progress)
    _tell(comparison, args.json)


def _compare(args: argparse.Namespace, folder: Path) -> None:
    from SpineLib.cohort.corrections import read_comparison, read_state

    comparison = read_comparison(folder)
    if not comparison:
        raise SpineError("There is no comparison yet; 'spine learn tune' trains a model and makes one.")
    _tell(comparison, args.json, waits=read_state(folder).proposed == comparison["model"])


def _tell(comparison: dict, as_json: bool, waits: bool = True) -> None:
    from SpineLab.learning.side_by_side import markdown

    if as_json:
        print(json.dumps(comparison, indent=2))
        return
    print(markdown(comparison))
    print(comparison["promise"])
    if comparison["left_out"]:
        print(f"{comparison['left_out']} patients lack a sequence that the model looks at and were left out.")
    if waits:
        print(f"'spine learn accept' installs the new model '{comparison['model']}'.")
    else:
        print(f"The new model '{comparison['model']}' waits no more: it was accepted or dropped ('spine learn list').")
    print("Research use only.")


def _accept(args: argparse.Namespace, folder: Path) -> None:
    from SpineLab.learning.choice import accept

    print(f"The model '{accept(folder).in_use}' is installed and in use.")


def _drop(args: argparse.Namespace, folder: Path) -> None:
    from SpineLab.learning.choice import drop

    drop(folder)
    print("The new model was dropped; nothing else changed.")


def _back(args: argparse.Namespace, folder: Path) -> None:
    from SpineLab.learning.choice import back

    print(f"The model '{back(folder)[1]}' is in use again.")


def _remove(args: argparse.Namespace, folder: Path) -> None:
    from SpineLab.learning.patients import remove_patient

    remove_patient(folder, args.patient)
    print(f"Removed {args.patient}.")


def _distance(first) -> str:
    dice = "none" if first.dice is None else f"{first.dice:.2f}"
    return f"The model's first result: Dice {dice}, {first.added} lesions added by you, {first.removed} removed."


_ACTIONS = {
    "add": _add,
    "list": _list,
    "tune": _tune,
    "compare": _compare,
    "accept": _accept,
    "drop": _drop,
    "back": _back,
    "remove": _remove,
}
