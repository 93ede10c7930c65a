"""A segmentation beside a reference, lesion by lesion: which belong together, and how well they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from SpineLib.errors import SpineError
from SpineLib.metrics.agreement import AGREEMENT_MEASURES, Agreement
from SpineLib.progress import Progress, silent
from SpineLib.volume import Volume

ALL = "All lesions"
#: What is said of a lesion that has no partner.
NOT_FOUND, ONLY_IN_RESULT = "not found", "not in the reference"


_Pair = tuple[str, str, Volume | None, Volume | None, tuple[float, float, float] | None]


@dataclass(frozen=True)
class AgreementRow:
    """One line of the table.

    Attributes:
        reference, result: names of the lesions; "" where there is none.
        values: of :data:`SpineLib.metrics.agreement.AGREEMENT_MEASURES` by key; None or nan where there is none.
        centre_ras_mm: of the reference's lesion, or of the result's; None of all together.
    """

    reference: str
    result: str
    values: Mapping[str, float | None]
    centre_ras_mm: tuple[float, float, float] | None = None

    @property
    def remark(self) -> str:
        """Why there is nothing to compare; "" where there is."""
        return NOT_FOUND if not self.result else ONLY_IN_RESULT if not self.reference else ""

    def to_dict(self) -> dict:
        """The JSON form."""
        return {"reference": self.reference, "result": self.result, "remark": self.remark, **self.values}


def agreement(
    reference: Sequence[tuple[str, Volume]], result: Sequence[tuple[str, Volume]], progress: Progress = silent
) -> list[AgreementRow]:
    """Compare all together, then each lesion of the reference with its partner in the result.

    Partners are chosen so that the sum of their Dice coefficients is as large as it can be; what overlaps nothing has
    no partner.

    Args:
        reference: names and masks (not 0 inside), all on one grid.
        result: likewise, on the same grid.
        progress: may raise ``Cancelled``.

    Returns:
        All together first, then the reference's lesions in their order, then what the result has besides.

    Raises:
        SpineError: there is nothing to compare, or the grids differ.
    """
    reference, result = ([one for one in ones if one[1].array.any()] for ones in (reference, result))
    if not reference and not result:
        raise SpineError("Neither segmentation holds a lesion, so there is nothing to compare.")
    grid = (reference or result)[0][1]
    if not all(mask.same_grid(grid) for _, mask in (*reference, *result)):
        raise SpineError("The two segmentations lie on different grids: draw both on one image.")
    progress(0.0, "Finding what belongs together")
    partners = _partners([mask.array != 0 for _, mask in reference], [mask.array != 0 for _, mask in result])
    pairs: list[_Pair] = [(ALL, ALL, _union(reference, grid), _union(result, grid), None)]
    for number, (name, mask) in enumerate(reference):
        other = partners.get(number)
        partner: tuple[str, Volume | None] = ("", None) if other is None else result[other]
        pairs.append((name, partner[0], mask, partner[1], _centre(mask)))
    alone = [one for number, one in enumerate(result) if number not in partners.values()]
    pairs += [("", name, None, mask, _centre(mask)) for name, mask in alone]
    rows = []
    for number, (first, second, truth, found, centre) in enumerate(pairs):
        progress(0.1 + 0.9 * number / len(pairs), "Measuring distances")
        measured = Agreement(truth, found)
        values = {key: measure.of(measured) for key, measure in AGREEMENT_MEASURES.items()}
        rows.append(AgreementRow(first, second, values, centre))
    return rows


def words(rows: Sequence[AgreementRow]) -> str:
    """ "2 of 3 lesions found, 1 not in the reference"."""
    lesions = [row for row in rows if row.reference != ALL]
    there = [row for row in lesions if row.reference]
    found, more = sum(not row.remark for row in there), sum(not row.reference for row in lesions)
    text = f"{found} of {len(there)} lesion{'s' if len(there) != 1 else ''} found"
    return f"{text}, {more} {ONLY_IN_RESULT}" if more else text


def _partners(reference: Sequence[np.ndarray], result: Sequence[np.ndarray]) -> dict[int, int]:
    if not reference or not result:
        return {}
    dice = np.zeros((len(reference), len(result)))
    sizes = [np.count_nonzero(one) for one in result]
    for row, truth in enumerate(reference):
        inside = np.flatnonzero(truth)
        for column, found in enumerate(result):
            dice[row, column] = 2 * np.count_nonzero(found.ravel()[inside]) / (len(inside) + sizes[column])
    return {int(row): int(column) for row, column in zip(*linear_sum_assignment(-dice)) if dice[row, column] > 0}


def _union(masks: Sequence[tuple[str, Volume]], grid: Volume) -> Volume:
    union = np.zeros(grid.shape, np.uint8)
    for _, mask in masks:
        union[mask.array != 0] = 1
    return grid.with_array(union)


def _centre(mask: Volume) -> tuple[float, float, float]:
    kji = np.argwhere(mask.array).mean(axis=0)
    lps = (mask.ijk_to_lps @ [*kji[::-1], 1.0])[:3]
    return -float(lps[0]), -float(lps[1]), float(lps[2])
