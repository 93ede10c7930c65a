"""What stands in the header of a DICOM file, read with pydicom: values that are missing or malformed are None."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib.errors import SpineError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def is_dicom(file: str | Path) -> bool:
    """Whether a file begins as DICOM does: with its prefix, or without one with the first elements of a header.

    Raises:
        OSError: it cannot be read.
    """
    with open(file, "rb") as stream:
        head = stream.read(132)
    return head[128:] == b"DICM" or _bare(head)


def read_header(file: str | Path, only: Sequence[str] | None = None, *, pixels: bool = False) -> Dataset:
    """The elements of a DICOM file, with or without the prefix that files should have.

    Args:
        file: of one image or of many frames.
        only: keywords of the elements to read; all without it.
        pixels: read the pixels too.

    Raises:
        SpineError: it cannot be read, or is no DICOM file.
    """
    import pydicom

    try:
        with quiet():
            bare = is_dicom(file)
            wanted = None if only is None else list(only)
            return pydicom.dcmread(file, stop_before_pixels=not pixels, force=bare, specific_tags=wanted)
    except Exception as error:  # damaged files make pydicom raise nearly everything
        raise SpineError("A DICOM file cannot be read: it is gone or damaged; export the series again.") from error


def _bare(head: bytes) -> bool:
    """The first element of group 2 or 8, little or big endian, with a length or the letters of its type."""
    for order in ("little", "big"):
        group, element = (int.from_bytes(head[at : at + 2], order) for at in (0, 2))
        length = int.from_bytes(head[4:8], order)
        if group in (2, 8) and element <= 0x20 and (re.match(rb"[A-Z]{2}", head[4:6]) or 0 < length < 256):
            return True
    return False


@contextmanager
def quiet() -> Iterator[None]:
    """pydicom without its warnings: they would print paths and values."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def value_of(header: Dataset, keyword: str) -> Any:
    """The value of an element: text, a number, or a list of either; None where it is missing, empty or malformed."""
    try:
        with quiet():
            value = header.get(keyword)
    except Exception:  # a malformed value, found when it is converted
        return None
    if value is None or value == "":
        return None
    if isinstance(value, (list, tuple)) or (isinstance(value, Sequence) and not isinstance(value, (str, bytes))):
        return [_plain(one) for one in value]
    return _plain(value)


def text_of(header: Dataset, keyword: str) -> str:
    """The value as text without padding; several values apart by a backslash; "" where it is missing."""
    value = value_of(header, keyword)
    if value is None:
        return ""
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value).strip(" \0")


def numbers_of(header: Dataset, keyword: str, count: int) -> list[float] | None:
    """``count`` finite numbers, or None."""
    value = value_of(header, keyword)
    try:
        numbers = [float(one) for one in (value if isinstance(value, list) else [value])]
    except (TypeError, ValueError):
        return None
    return numbers if len(numbers) == count and all(map(math.isfinite, numbers)) else None


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) or type(value).__name__ == "DSdecimal":
        return float(value)
    return str(value)


def items_of(header: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where it is missing or malformed."""
    try:
        with quiet():
            return list(header.get(keyword) or [])
    except Exception:  # found when it is read
        return []


def whole_of(header: Dataset, keyword: str) -> int | None:
    """A whole number, or None."""
    number = numbers_of(header, keyword, 1)
    return int(number[0]) if number and number[0].is_integer() else None


def frames_of(header: Dataset) -> int:
    """How many frames a file says that it holds.

    Raises:
        SpineError: what it says is no number of frames.
    """
    if "NumberOfFrames" not in header or header.get_item("NumberOfFrames").value in (None, "", b""):
        return 1
    frames = whole_of(header, "NumberOfFrames")
    if frames is None or frames < 1:
        raise SpineError("A DICOM file has a damaged header (how many frames it holds); export the series again.")
    return frames


def decimals_of(header: Dataset, keyword: str) -> int:
    """How many decimals the numbers of an element are given with, at most 9; 9 where they are no numbers."""
    value = value_of(header, keyword)
    digits = 0
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, (int, float)) or not math.isfinite(one):
            return 9
        number, _, exponent = repr(float(one)).partition("e")
        digits = max(digits, len(number.partition(".")[2].rstrip("0")) - int(exponent or 0))
    return min(digits, 9)
