"""``spine models``: the installed models."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from SpineLib import models
from SpineLib.cli.terminal import printable
from SpineLib.models.catalogue import bundled_folders


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | show | import | remove")
    listing = actions.add_parser("list", help="the installed models")
    listing.add_argument("--json", action="store_true", help="cards as JSON")
    show = actions.add_parser("show", help="a model's card, after checking its weights")
    show.add_argument("model", help="id or folder")
    show.add_argument("--json", action="store_true", help="the card as JSON")
    bring = actions.add_parser("import", help="check a model and copy it to the user's models")
    bring.add_argument("source", type=Path, help="zip file or folder")
    remove = actions.add_parser("remove", help="remove an imported model")
    remove.add_argument("model", help="id")


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
        print(f"Imported the model '{models.import_bundle(arguments.source).card.id}'.")
    else:
        models.remove_bundle(arguments.model)
        print(f"Removed the model '{arguments.model}'.")
    return 0


def _list(bundles, as_json: bool) -> None:
    if as_json:
        print(json.dumps([card.to_dict() for _, card in bundles], indent=2, ensure_ascii=False))
        return
    if not bundles:
        print("No models are installed; 'spine models import FILE' brings one.")
        return
    rows = [("id", "task", "inputs", "network", "data", "", "title")]
    for folder, card in bundles:
        rows.append(
            (
                card.id,
                card.task,
                "+".join(card.inputs),
                _network(card.network),
                "simulated" if card.training_data["simulated"] else "real",
                "" if folder.parent in bundled_folders() else "imported",
                card.title,
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
