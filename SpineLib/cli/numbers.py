"""``--numbers``: how the vertebrae of a file are numbered, for every command that takes some."""

from __future__ import annotations

import argparse

from SpineLib.errors import SpineError


def add_numbers(group) -> None:
    """Add ``--numbers`` to a parser or a group of it."""
    from SpineLib.volume.numberings import ASKED, COUNTS

    group.add_argument(
        "--numbers",
        type=_known,
        metavar="WHOSE",
        help=f"how the vertebrae are numbered: {', '.join([*ASKED, *COUNTS])}; counts may name the level of number 1, "
        "from-below:S1 (default: told by their order along the spine and by the other labels)",
    )


def _known(text: str) -> str:
    from SpineLib.volume.numberings import asked_numberings

    try:
        asked_numberings(text)
    except SpineError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text
