"""Where vertebrae lie, as few points: enough to name the level of a place long after the label map is gone."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.spatial import cKDTree

from SpineLib.tasks.segmentation.levels import place_name, ranks_from_below
from SpineLib.volume import Volume
from SpineLib.volume.places import to_lps

#: Points are so far apart, mm; one that lies farther from any than this reach says nothing of the level, mm.
_STEP_MM, _REACH_MM = 2.5, 12.0


@dataclass(frozen=True, eq=False)
class LevelPlaces:
    """Points within vertebrae.

    Attributes:
        points: (n, 3), LPS mm in the space of the scan.
        numbers: (n,), VerSe's, or from ``FIRST_COUNTED`` on where they are only counted.
    """

    points: np.ndarray
    numbers: np.ndarray

    @classmethod
    def of(cls, vertebrae: Volume) -> LevelPlaces:
        """Every so many voxels of labelled vertebrae."""
        steps = [max(1, round(_STEP_MM / side)) for side in vertebrae.spacing[::-1]]
        thinned = np.asarray(vertebrae.array)[:: steps[0], :: steps[1], :: steps[2]]
        where = np.argwhere(thinned > 0)
        return cls(to_lps(where * steps, vertebrae), thinned[tuple(where.T)].astype(np.uint8))

    def moved(self, matrix: np.ndarray) -> LevelPlaces:
        """The same points elsewhere, by a 4 x 4 matrix."""
        return LevelPlaces(self.points @ matrix[:3, :3].T + matrix[:3, 3], self.numbers)

    def level_at(self, place_lps_mm) -> str:
        """ "L3", "sacrum", "vertebra 2 from below"; "" where no vertebra is near."""
        if not len(self.points):
            return ""
        distance, nearest = self._tree.query(np.asarray(place_lps_mm, float))
        if distance > _REACH_MM + _STEP_MM / 2:
            return ""
        return place_name((int(self.numbers[nearest]),), self._ranks)

    def text(self) -> str:
        """For an attribute of a node: tenths of a millimetre, packed."""
        packed = zlib.compress(np.round(10 * self.points).astype("<i2").tobytes() + self.numbers.tobytes(), 6)
        return json.dumps({"count": len(self.numbers), "packed": base64.b64encode(packed).decode()})

    @classmethod
    def from_text(cls, text: str) -> LevelPlaces:
        """The inverse of :meth:`text`; no points of what cannot be read."""
        try:
            told = json.loads(text)
            data = zlib.decompress(base64.b64decode(told["packed"]))
            count = int(told["count"])
            points = np.frombuffer(data[: 6 * count], "<i2").reshape(count, 3) / 10.0
            return cls(points, np.frombuffer(data[6 * count :], np.uint8)[:count])
        except (ValueError, TypeError, KeyError, zlib.error):
            return cls(np.empty((0, 3)), np.empty(0, np.uint8))

    @cached_property
    def _ranks(self) -> dict[int, int]:
        return ranks_from_below(self.numbers, self.points[:, 2])

    @cached_property
    def _tree(self) -> cKDTree:
        return cKDTree(self.points)
