"""A measure, said once: its key for programs, its words for people, and how it is computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """How a number is called and shown.

    Attributes:
        key: the column of a CSV table, and the name in JSON.
        label: what people read.
        unit: "ml", "mm", "mm²"; "%": the number is a fraction, and people read it times 100; "": none.
        digits: decimals that people read.
        missing: what people read where there is no number.
        stored: decimals in files for programs; None: all there are.
    """

    key: str
    label: str
    unit: str = ""
    digits: int = 1
    missing: str = "–"
    stored: int | None = None

    def in_unit(self, value: float | None) -> float | None:
        """The number in its unit: a fraction in per cent."""
        return 100 * value if value is not None and self.unit == "%" else value

    def text(self, value: float | None) -> str:
        """Number and unit as people read them."""
        shown = self.shown(value)
        return shown if shown == self.missing else f"{shown} {self.unit}".rstrip()

    def written(self, value: float | None) -> str:
        """The number as files hold it: no unit, nothing where there is none."""
        if value is None or math.isnan(value):
            return ""
        return str(value) if self.stored is None else f"{value:.{self.stored}f}"

    def shown(self, value: float | None) -> str:
        """The number alone as people read it, below a heading that has the unit."""
        number = self.in_unit(value)
        return self.missing if number is None or math.isnan(number) else f"{number:.{self.digits}f}"

    @property
    def heading(self) -> str:
        """Label and unit, for the head of a column."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


@dataclass(frozen=True)
class Measure(Figure):
    """A figure and the function that gives it.

    Attributes:
        of: the number of what is measured; None where there is none.
        group: which of several tables it belongs to.
        listed: whether tables with a line for each of many hold it.
    """

    of: Callable[[Any], float | None] = lambda measured: None
    group: str = ""
    listed: bool = True
