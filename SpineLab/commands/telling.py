"""How a command that measures tells its figures: printed, and written into a document that shows them."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_into(parser: argparse.ArgumentParser) -> None:
    """The option that names the document."""
    parser.add_argument(
        "--into",
        metavar="FILE#NAME",
        help="also write the figures into a document, between '<!-- figures: NAME -->' and '<!-- end of figures -->'",
    )


def tell(text: str, arguments: argparse.Namespace, as_text: bool = False) -> None:
    """Print the figures, and write them into the document that ``--into`` names.

    Args:
        text: Markdown, or with ``as_text`` lines that are to be read as they stand.

    Raises:
        SpineError: the document has no such place.
    """
    print(text, end="" if text.endswith("\n") else "\n")
    if arguments.into:
        from SpineLab.reports.document import place

        path, _, name = arguments.into.rpartition("#")
        place(Path(path or name), name, f"```text\n{text.strip()}\n```" if as_text else text)
