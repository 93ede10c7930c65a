"""Which of many boxes overlap: a tree of boxes, searched level by level."""

from __future__ import annotations

import numpy as np

#: Children of a node.
_BRANCH = 4
#: Pairs of nodes opened at a time; their children are so many times more.
_PORTION = 200_000


class BoxTree:
    """Axis-aligned boxes in a tree, neighbours along a space-filling curve together.

    Args:
        low: lower corners (m, 3).
        high: upper corners (m, 3).
    """

    def __init__(self, low: np.ndarray, high: np.ndarray):
        self._order = np.argsort(_along_curve((low + high) / 2), kind="stable")
        levels = [(low[self._order], high[self._order])]
        while len(levels[-1][0]) > 1:
            more = -len(levels[-1][0]) % _BRANCH
            below = [
                np.concatenate([side, np.full((more, 3), fill)])
                for side, fill in zip(levels[-1], (np.inf, -np.inf), strict=True)
            ]
            levels[-1] = (below[0], below[1])
            levels.append((below[0].reshape(-1, _BRANCH, 3).min(axis=1), below[1].reshape(-1, _BRANCH, 3).max(axis=1)))
        self._levels = levels

    def overlapping_pairs(self) -> np.ndarray:
        """Pairs (p, 2) of different boxes that have a point in common, each once, the smaller number first."""
        found = []
        waiting = [(len(self._levels) - 1, np.zeros((1, 2), np.int64))]
        while waiting:
            level, pairs = waiting.pop()
            if level == 0:
                found.append(pairs[pairs[:, 0] != pairs[:, 1]])
                continue
            for start in range(0, len(pairs), _PORTION):
                waiting.append((level - 1, self._opened(level - 1, pairs[start : start + _PORTION])))
        return np.sort(self._order[np.concatenate(found)], axis=1)

    def _opened(self, level: int, parents: np.ndarray) -> np.ndarray:
        """Overlapping pairs of the children of pairs of nodes."""
        children = np.arange(_BRANCH)
        one = np.repeat(parents[:, :1] * _BRANCH + children, _BRANCH, axis=1).ravel()
        other = np.tile(parents[:, 1:] * _BRANCH + children, (1, _BRANCH)).ravel()
        low, high = self._levels[level]
        keep = one <= other  # of a node with itself, each pair of children once
        for axis in range(3):
            one, other = one[keep], other[keep]
            keep = (low[one, axis] <= high[other, axis]) & (low[other, axis] <= high[one, axis])
        return np.stack([one[keep], other[keep]], axis=1)


def _along_curve(places: np.ndarray) -> np.ndarray:
    """Position of each place on a Morton curve (bits of the three coordinates in turn)."""
    span = np.maximum(np.ptp(places, axis=0).max(), 1e-30)
    steps = ((places - places.min(axis=0)) / span * 1023).astype(np.int64)
    code = np.zeros(len(places), np.int64)
    for bit in range(10):
        for axis in range(3):
            code |= ((steps[:, axis] >> bit) & 1) << (3 * bit + axis)
    return code
