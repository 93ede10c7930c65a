"""What else the names of a BIDS folder's files say ("acq-sag", "run-2"), and the choice among images by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.formats import suffix_of

#: Entities by which images of one sequence differ (BIDS 1.10, rules.files.raw.anat, and "desc" of derivatives), and
#: what each tells. Datasets of the spine use "acq" for the orientation (spine-generic: sag, ax, top) and "chunk" for
#: the part of it.
ENTITIES: dict[str, str] = {
    "acq": "the way of acquisition, e.g. sag or ax",
    "run": "the repetition, e.g. 1",
    "chunk": "the part of the spine, e.g. 1",
    "rec": "the reconstruction, e.g. norm",
    "echo": "the echo, e.g. 1",
    "part": "the part of the signal, e.g. mag",
    "inv": "the inversion",
    "mt": "the magnetisation transfer, on or off",
    "flip": "the flip angle",
    "dir": "the direction",
    "desc": "the description",
}
#: Parts of a complex image that show no anatomy; they are left out unless they are asked for.
_NO_ANATOMY = ("phase", "real", "imag")


def entities_of(file: Path) -> dict[str, str]:
    """The entities in a file's name, lower case; numbers without zeros before them."""
    stem = file.name[: -len(suffix_of(file.name))] if suffix_of(file.name) else file.name
    pairs = (part.split("-", 1) for part in stem.split("_") if "-" in part)
    return {key: _plain(value) for key, value in pairs}


def choose_image(files: Sequence[Path], sequence: str, wanted: Mapping[str, Sequence[str]] | None = None) -> Path:
    """The one image of a sequence that is meant.

    Args:
        files: all of one case.
        sequence: their name, for messages.
        wanted: of an entity the values that will do, the best first. Images that say nothing of an entity will do where
            no other has one of the values.

    Raises:
        SpineError: none will do, or several do.
    """
    left = {file: entities_of(file) for file in files}
    for key, values in (wanted or {}).items():
        left = _chosen(left, sequence, key, [_plain(value) for value in values])
    if "part" not in (wanted or {}):
        anatomy = {file: one for file, one in left.items() if one.get("part") not in _NO_ANATOMY}
        left = anatomy or left
    if len(left) == 1:
        return next(iter(left))
    differing = [key for key in ENTITIES if len({one.get(key) for one in left.values()}) > 1]
    if not differing:
        raise SpineError(f"The case has {len(left)} {sequence} images; leave one of them in the folder.")
    names = ", ".join(sorted({_named(one, differing) for one in left.values()}))
    options = " or ".join(f"--{key}" for key in differing)
    raise SpineError(f"The case has {len(left)} {sequence} images ({names}); choose one with {options}.")


def choice_note(files: Sequence[Path], chosen: Path, sequence: str) -> str | None:
    """A sentence on which of several images was taken; None where there is one."""
    if len(files) < 2:
        return None
    every, own = [entities_of(file) for file in files], entities_of(chosen)
    differing = [key for key in ENTITIES if len({one.get(key) for one in every}) > 1]
    return f"Of {len(files)} {sequence} images the one of {_named(own, differing)} was taken."


def _chosen(left: Mapping[Path, dict[str, str]], sequence: str, key: str, values: Sequence[str]) -> dict:
    for value in values:
        found = {file: one for file, one in left.items() if one.get(key) == value}
        if found:
            return found
    silent = {file: one for file, one in left.items() if key not in one}
    if not silent:
        there = ", ".join(sorted({one[key] for one in left.values()}))
        raise SpineError(
            f"The case has no {sequence} image with {key}-{' or '.join(values)}, only {there}; name one of those with "
            f"--{key} too."
        )
    return silent


def _named(entities: Mapping[str, str], keys: Sequence[str]) -> str:
    named = [f"{key}-{entities[key]}" for key in keys if key in entities]
    return "_".join(named) if named else f"no {' or '.join(keys)}"


def _plain(value: str) -> str:
    value = value.lower()
    return str(int(value)) if value.isdecimal() else value
