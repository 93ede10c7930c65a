"""What a network sees in a part of an image, as a few rows of numbers for each slice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

#: Slices in which less is looked at say nothing, pixels.
LEAST_PIXELS = 400


class Features:
    """Means and standard deviations of a 2D network's maps over a part of each slice, level by level.

    Args:
        where: bool (s, y, x), on the grid that the network is run on: what is looked at.
        levels: of the network, 0 the finest, -1 the deepest.
        depth: how many levels the network has.

    """

    def __init__(self, where: np.ndarray, levels: tuple[int, ...], depth: int):
        self.where, self.levels = where, tuple(level % depth for level in levels)
        self.enough = np.count_nonzero(where, axis=(1, 2)) >= LEAST_PIXELS
        self._rows: dict[int, np.ndarray] = {}

    def of_scan(self) -> list[np.ndarray]:
        """For each of the levels float32 (n, 2 c), the means and then the deviations of the slices with enough to look
        at; [] where there is none, and before and after a network that tells nothing.
        """
        if not self.enough.any() or any(level not in self._rows for level in self.levels):
            return []
        return [self._rows[level][self.enough] for level in self.levels]

    def of(self, box: tuple[slice, slice, slice]) -> Callable[[int, torch.Tensor], None]:
        """What is given a level and its maps (n, c, y, x), for the slices of a box."""

        def take(level: int, maps: torch.Tensor) -> None:
            from SpineLib.networks.arrays import array_of

            if level not in self.levels:
                return
            rows = self._rows.setdefault(level, np.full((len(self.where), 2 * maps.shape[1]), np.nan, np.float32))
            for number in range(maps.shape[0]):
                index = (box[0].start + number, *box[1:])
                if self.enough[index[0]]:
                    shares = _shares(self.where[index], 2**level, (maps.shape[2], maps.shape[3]))
                    rows[index[0]] = _pooled(array_of(maps[number].float().cpu()), shares)

        return take


def _shares(where: np.ndarray, step: int, cells: tuple[int, int]) -> np.ndarray:
    """Share of each cell of the maps, ``step`` pixels wide, that is looked at."""
    padded = np.zeros([count * step for count in cells], np.float32)
    padded[: where.shape[0], : where.shape[1]] = where
    return padded.reshape(cells[0], step, cells[1], step).mean((1, 3))


def _pooled(maps: np.ndarray, shares: np.ndarray) -> np.ndarray:
    there = shares > 0
    values, weights = maps[:, there], shares[there] / shares.sum()
    mean = values @ weights
    return np.concatenate([mean, np.sqrt(np.maximum((values**2) @ weights - mean**2, 0))])
