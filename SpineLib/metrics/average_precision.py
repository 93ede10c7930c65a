"""Average precision of boxes found in images (Everingham et al., The PASCAL Visual Object Classes Challenge, 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Least intersection over union of a hit.
OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """What was found in one image, and what is there.

    Attributes:
        found: (n, 2 d) boxes, least corner then largest one: (x0, y0, x1, y1), or six numbers in 3-D.
        scores: (n,) how sure each is.
        truth: (m, 2 d) boxes.
    """

    found: np.ndarray
    scores: np.ndarray
    truth: np.ndarray

    def __post_init__(self):
        scores = np.asarray(self.scores, float).reshape(-1)
        arrays = [np.asarray(one, float) for one in (self.found, self.truth)]
        sides = next((one.shape[1] for one in arrays if one.ndim == 2 and one.shape[1]), 4)
        found, truth = (one.reshape(-1, sides) for one in arrays)
        if len(found) != len(scores):
            raise ValueError(f"{len(found)} boxes and {len(scores)} scores")
        for name, value in (("found", found), ("scores", scores), ("truth", truth)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """The curve over falling scores.

    Attributes:
        scores: (n,) falling, of all boxes found.
        precision, recall: (n,) of the boxes with at least that score.
        truths: how many boxes there are.
    """

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    truths: int

    @property
    def average_precision(self) -> float:
        """Area under the curve with all-point interpolation: at each recall the best precision at that or a higher one.

        0 when nothing was found; nan when there is nothing to find.
        """
        if not self.truths:
            return float("nan")
        best = np.maximum.accumulate(self.precision[::-1])[::-1]
        return float(np.sum(np.diff(self.recall, prepend=0.0) * best))

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision (nan when nothing is found) and recall of the boxes with at least this score."""
        count = int((self.scores >= threshold).sum())
        return (float(self.precision[count - 1]), float(self.recall[count - 1])) if count else (float("nan"), 0.0)


def precision_recall(images: Sequence[ImageBoxes], overlap: float = OVERLAP) -> PrecisionRecall:
    """Go through all boxes, the surest first: a hit is one that overlaps its best truth enough, if no surer one has.

    A second box on the same truth counts as false. Of equal scores the earlier image's comes first.

    Args:
        images: of all images; boxes hit truths of their own image only.
        overlap: least intersection over union.
    """
    scores = np.concatenate([np.zeros(0), *(one.scores for one in images)])
    owners = np.repeat(np.arange(len(images)), [len(one.scores) for one in images])
    places = np.concatenate([np.zeros(0, int), *(np.arange(len(one.scores)) for one in images)])
    order = np.argsort(-scores, kind="stable")
    tables = [overlaps(one.found, one.truth) for one in images]
    taken = [np.zeros(len(one.truth), bool) for one in images]
    hits = np.zeros(len(order), bool)
    for number, (owner, place) in enumerate(zip(owners[order], places[order])):
        row = tables[owner][place]
        if len(row) and row.max() >= overlap and not taken[owner][row.argmax()]:
            taken[owner][row.argmax()] = hits[number] = True
    truths = sum(len(one.truth) for one in images)
    found = np.cumsum(hits)
    return PrecisionRecall(scores[order], found / np.arange(1, len(order) + 1), found / max(truths, 1), truths)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 2 d) and (m, 2 d): (n, m)."""
    half = first.shape[1] // 2
    low = np.maximum(first[:, None, :half], second[None, :, :half])
    high = np.minimum(first[:, None, half:], second[None, :, half:])
    shared = np.maximum(high - low, 0).prod(-1)
    own, other = ((one[:, half:] - one[:, :half]).prod(-1) for one in (first, second))
    joined = own[:, None] + other[None] - shared
    return np.where(joined > 0, shared / np.maximum(joined, 1e-12), 0.0)
