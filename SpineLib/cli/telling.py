"""What commands print of a result: by what it was made, a table of figures, and the sentences at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from SpineLib.metrics.measure import Figure


def made_by(provenance: Mapping[str, Any]) -> str:
    """ "model mets-t1t2-2d, trained on simulated data; cpu, float32, 12.3 s"."""
    model = provenance.get("model")
    badge = ", trained on simulated data" if model and model["simulated_training_data"] else ""
    ran = [provenance[key] for key in ("device", "precision") if key in provenance]
    how = ", ".join([*ran, f"{provenance['seconds']:.1f} s"])
    return f"model {model['id']}{badge}; {how}" if model else how


def attention(sentences: Iterable[str]) -> list[str]:
    """What has to be read before all else."""
    return [f"ATTENTION: {one}" for one in sentences]


def closing(notes: Iterable[str], provenance: Mapping[str, Any]) -> list[str]:
    """The notes, and that it is for research only."""
    return [*(f"Note: {note}" for note in notes), f"{provenance['notice']}."]


def figures(of: Iterable[tuple[Figure, float | None]]) -> list[str]:
    """A line for each figure: what it is called, number and unit."""
    return [f"  {figure.label:<40} {figure.text(value):>10}" for figure, value in of]


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = ()) -> list[str]:
    """Lines of a table whose columns are as wide as they must be; nothing without rows.

    Args:
        left: numbers of the columns that hold words.
    """
    if not rows:
        return []
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if n in left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in (heads, *rows)
    ]
