"""Three values, one an axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def triple(values: Iterable[T]) -> tuple[T, T, T]:
    """The three values; ValueError if there are not three."""
    first, second, third = values
    return first, second, third
