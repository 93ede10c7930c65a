"""What stands in the header of a DICOM file, read with pydicom: values that are missing or malformed are None."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib.errors import SpineError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def read_header(file: str | Path) -> Dataset:
    """All elements of a DICOM file but its pixels.

    Raises:
        SpineError: it cannot be read, or is no DICOM file.
    """
    import pydicom

    try:
        with quiet():
            return pydicom.dcmread(file, stop_before_pixels=True)
    except Exception as error:  # damaged files make pydicom raise nearly everything
        raise SpineError("A DICOM file cannot be read: it is gone or damaged; export the series again.") from error


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
