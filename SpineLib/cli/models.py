"""``spine models``: the installed models, those of a catalogue, and networks of other programs."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from SpineLib import models
from SpineLib.cli.terminal import printable
from SpineLib.errors import SpineError
from SpineLib.models.catalogue import bundled_folders
from SpineLib.models.ranking import better_in_2d, measured_dice


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="list | show | import | export | remove | convert | available | fetch"
    )
    listing = actions.add_parser("list", help="the installed models")
    listing.add_argument("--json", action="store_true", help="cards as JSON")
    show = actions.add_parser("show", help="a model's card, after checking its weights")
    show.add_argument("model", help="id or folder")
    show.add_argument("--json", action="store_true", help="the card as JSON")
    bring = actions.add_parser("import", help="check a model and copy it to the user's models")
    bring.add_argument("source", type=Path, help="zip file or folder")
    export = actions.add_parser("export", help="write a model as a zip file, for a colleague")
    export.add_argument("model", help="id or folder")
    export.add_argument("file", type=Path, help="the zip file")
    export.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    remove = actions.add_parser("remove", help="remove an imported model")
    remove.add_argument("model", help="id")
    convert = actions.add_parser(
        "convert", help="make a model of an nnU-Net v2 plain U-Net or a MONAI bundle's DynUNet"
    )
    convert.add_argument("source", type=Path, help="nnU-Net: the folder with plans.json and fold_0; MONAI: the bundle")
    convert.add_argument("target", type=Path, help="folder of the new model")
    convert.add_argument("--inputs", required=True, help="sequences in the order of the channels, e.g. T1,T2")
    convert.add_argument(
        "--axes", default="", help="of the images that it learned from, slowest first: RSA for sagittal slices (2D: SA)"
    )
    convert.add_argument("--id", help="of the model (default: the target's name)")
    convert.add_argument("--title", default="", help="of the model")
    convert.add_argument(
        "--task",
        choices=("metastasis", "necrosis"),
        default="metastasis",
        help="what it segments (default: metastasis)",
    )
    convert.add_argument("--licence", default="unknown", help="of the weights")
    convert.add_argument("--simulated", action="store_true", help="it learned from simulated images")
    convert.add_argument("--configuration", default="", help="of nnU-Net, e.g. 2d (default: by the folder's name)")
    convert.add_argument("--fold", default="0", help="of nnU-Net (default 0)")
    convert.add_argument("--slices", type=int, default=64, help="that images are interpolated to (default 64)")
    convert.add_argument("--spacing", type=float, metavar="MM", help="in plane (default: nnU-Net's, else each image's)")
    for name, text in (("available", "what a catalogue offers"), ("fetch", "get a model of a catalogue, and check it")):
        one = actions.add_parser(name, help=text)
        if name == "fetch":
            one.add_argument("model", help="id")
        one.add_argument(
            "--catalogue", type=Path, metavar="FILE", help="a JSON file (default: SPINE_CATALOGUE, or your own)"
        )


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    if arguments.action == "list":
        _list(models.list_bundles(), arguments.json)
        for folder, why in models.list_broken():
            print(f"spine: the model in '{folder.name}' is broken: {why}", file=sys.stderr)
    elif arguments.action == "show":
        card = models.find_bundle(arguments.model).card
        print(json.dumps(card.to_dict(), indent=2, ensure_ascii=False) if arguments.json else printable(_facts(card)))
    elif arguments.action == "import":
        before = {card.id for _, card in models.list_bundles()}
        new = models.import_bundle(arguments.source).card.id
        print(f"Imported the model '{new}'{', which replaced the one of that id' if new in before else ''}.")
    elif arguments.action == "remove":
        models.remove_bundle(arguments.model)
        print(f"Removed the model '{arguments.model}'.")
    elif arguments.action == "export":
        models.export_bundle(arguments.model, arguments.file, overwrite=arguments.overwrite)
        print(f"Wrote '{arguments.file.name}'.")
    elif arguments.action == "convert":
        _convert(arguments)
    else:
        _offers(arguments)
    return 0


def _convert(arguments: argparse.Namespace) -> None:
    from SpineLib.models.foreign.convert import Wish, convert

    if arguments.target.exists():
        raise SpineError(f"'{arguments.target.name}' exists already; choose another folder.")
    wish = Wish(
        identifier=arguments.id or arguments.target.name.lower(),
        inputs=tuple(arguments.inputs.split(",")),
        task=f"{arguments.task}-segmentation",
        axes=arguments.axes,
        licence=arguments.licence,
        simulated=arguments.simulated,
        fold=arguments.fold,
        configuration=arguments.configuration,
        slices=arguments.slices,
        in_plane_spacing=arguments.spacing,
        title=arguments.title,
    )
    bundle, notes = convert(arguments.source, arguments.target, wish)
    for note in notes:
        print(f"Note: {note}")
    print(f"Wrote the model '{bundle.card.id}'; 'spine models import {arguments.target}' installs it.")


def _offers(arguments: argparse.Namespace) -> None:
    from SpineLib.cli.progress_bar import ProgressBar
    from SpineLib.models.offers import default_catalogue, fetch, read_offers

    path = arguments.catalogue or default_catalogue()
    offers = read_offers(path)
    if arguments.action == "available":
        for one in offers:
            print(printable(f"{one.id}  {one.version}  {one.size / 1e6:.1f} MB  {one.licence}  {one.title}"))
        return
    chosen = next((one for one in offers if one.id == arguments.model), None)
    if chosen is None:
        raise SpineError(f"The catalogue has no model '{arguments.model}'; 'spine models available' lists those there.")
    with ProgressBar(chosen.id) as progress:
        bundle = fetch(chosen, path, progress)
    print(f"Imported the model '{bundle.card.id}'.")


def _list(bundles, as_json: bool) -> None:
    if as_json:
        print(json.dumps([card.to_dict() for _, card in bundles], indent=2, ensure_ascii=False))
        return
    if not bundles:
        print("No models are installed; 'spine models import FILE' brings one.")
        return
    cards = [card for _, card in bundles]
    rows = [("id", "task", "inputs", "network", "data", "Dice", "", "title")]
    for folder, card in bundles:
        rows.append(
            (
                card.id,
                card.task,
                "+".join(card.inputs),
                _network(card.network),
                "simulated" if card.training_data["simulated"] else "real",
                "" if (dice := measured_dice(card)) is None else f"{100 * dice:.0f} %",
                "" if folder.parent in bundled_folders() else "imported",
                card.title if (flat := better_in_2d(card, cards)) is None else f"{card.title}; '{flat.id}' is better",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(printable("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()))


def _network(settings) -> str:
    """The type of a network, and whether it looks at slices or volumes where there are both."""
    return " ".join([settings["type"], *([f"{settings['dimensions']}D"] if "dimensions" in settings else [])])


def _facts(card) -> str:
    lines = [
        f"id: {card.id} (version {card.version})",
        f"licence: {card.licence}",
        f"SHA-256: {card.sha256}",
        f"simulated training data: {'yes' if card.training_data['simulated'] else 'no'}",
        "",
        card.text.strip(),
    ]
    return "\n".join(lines).rstrip()
