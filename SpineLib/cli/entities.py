"""Options that choose among several images of one sequence in a BIDS folder: ``--acq``, ``--run`` and so on."""

from __future__ import annotations

import argparse

from SpineLib.cohort.entities import ENTITIES
from SpineLib.errors import SpineError


def add_entities(parser: argparse.ArgumentParser) -> None:
    """Add an option for each entity."""
    group = parser.add_argument_group(
        "with --bids, of several images of a sequence", "the one whose name says so; of several values the first there"
    )
    for key, what in ENTITIES.items():
        group.add_argument(f"--{key}", nargs="+", metavar="VALUE", help=what)


def wanted_entities(args: argparse.Namespace) -> dict[str, list[str]]:
    """What was asked for, by entity.

    Raises:
        SpineError: something was, and there is no folder to choose in.
    """
    wanted = {key: getattr(args, key) for key in ENTITIES if getattr(args, key) is not None}
    if wanted and args.bids is None:
        raise SpineError(f"--{next(iter(wanted))} chooses among the images of a folder; use it with --bids.")
    return wanted


def check_choice(notes: list[str], told: str) -> None:
    """Refuse to keep an earlier result that was made of other images than are asked for now.

    Args:
        notes: sentences on the images that are asked for.
        told: sentences of the earlier result.

    Raises:
        SpineError: that.
    """
    if any(note not in told for note in notes):
        raise SpineError(
            "The case was done earlier from other images than are chosen now; add --overwrite, or choose another "
            "output folder."
        )
