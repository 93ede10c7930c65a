"""An HTML page that stands alone: style, script and pictures are inside it, nothing is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from SpineLib import NOTICE
from SpineLib.volume.files import write_text


@dataclass(frozen=True)
class Tile:
    """A figure in large print: its value, what it is, and a word about it."""

    value: str
    title: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A card of the page; ``html`` is taken as it is, so whatever a user wrote must be escaped in it."""

    title: str
    html: str


def facts(values: Mapping[str, Any]) -> str:
    """HTML of names and values, one under the other; mappings inside are indented."""
    lines = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            shown = facts(value) if value else "–"
        elif isinstance(value, (list, tuple)):
            shown = "<br>".join(escape(str(part)) for part in value) if value else "–"
        else:
            shown = escape("–" if value is None else str(value))
        lines.append(f"<dt>{escape(str(name))}</dt><dd>{shown}</dd>")
    return f"<dl>{''.join(lines)}</dl>"


def readable(values: Mapping[str, Any], leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """Settings for :func:`facts`: names without underscores; what is not set is left out."""
    return {
        name.replace("_", " ").capitalize(): readable(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if name not in leave_out and value is not None
    }


def write_page(
    path: str | Path,
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    *,
    tiles: Sequence[Tile] = (),
    badges: Sequence[str] = (),
    footer: str = "",
) -> None:
    """Write the page; the notice "Research use only" stands at its top and its end.

    Args:
        path: the file; it appears whole or not at all.
        title, subtitle, footer: plain text.
        badges: short warnings beside the notice ("Simulated data").

    Raises:
        SpineError: it cannot be written.
    """
    here = Path(__file__).parent
    page = Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        subtitle=escape(subtitle),
        style=(here / "page.css").read_text(encoding="utf-8"),
        script=(here / "page.js").read_text(encoding="utf-8"),
        badges="".join(f'<span class="badge">{escape(text)}</span>' for text in [*badges, NOTICE]),
        tiles="".join(
            f'<div class="tile"><b>{escape(tile.value)}</b><span>{escape(tile.title)}</span>'
            f"<i>{escape(tile.note)}</i></div>"
            for tile in tiles
        ),
        sections="".join(f"<section><h2>{escape(section.title)}</h2>{section.html}</section>" for section in sections),
        footer=escape(footer),
        notice=NOTICE,
    )
    write_text(path, page)
