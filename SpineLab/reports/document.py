"""Figures in a document: what stands between two remarks, which the command that measures writes anew."""

from __future__ import annotations

import re
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.files import write_text

END = "<!-- end of figures -->"


def start(name: str) -> str:
    """The remark that figures of this name begin with."""
    return f"<!-- figures: {name} -->"


def place(path: Path, name: str, text: str) -> None:
    """Put ``text`` (Markdown) between the remarks of that name; all else in the document stays as it is.

    Raises:
        SpineError: there is no such document, or it holds no place of that name, or several.
    """
    try:
        document = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpineError(f"'{path}' cannot be read as a document; give an existing Markdown file.") from error
    pattern = re.escape(start(name)) + r"\n.*?" + re.escape(END)
    document, count = re.subn(pattern, lambda _: f"{start(name)}\n{text.strip()}\n{END}", document, flags=re.S)
    if count != 1:
        raise SpineError(
            f"The document has {count or 'no'} places '{start(name)}' that end with '{END}'; one is needed."
        )
    write_text(path, document)
