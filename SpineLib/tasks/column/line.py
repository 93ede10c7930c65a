"""Which of the centres that were voted for lie along one column: hips, arms, an aorta, the table are voted for, too.

Vertebrae stand below each other at the pitch of a column, each with bone, with voxels that agree on its centre, and
with the canal behind it. The line of centres that has most of this is the column; what is not on it is no vertebra.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from SpineLib.tasks.column.parts import CANAL

#: Neighbours' centres are so far apart, mm (from, to); beyond it vertebrae were overlooked, up to the third number.
_PITCH_MM, _GAP_MM = (11.0, 58.0), 120.0
#: From one to the next the column goes aside at most this share of the way, over a gap (a hip lies beyond one) at most
#: the second; and forwards or backwards at most the third.
_ASIDE, _ASIDE_GAP, _FORWARD = 0.7, 0.35, 0.85
#: What a gap costs: as much as half a vertebra is worth.
_GAP = 0.35
#: As much bone, and canal behind it, as a whole vertebra has for certain, ml.
_BONE_ML, _CANAL_ML = 40.0, 7.0
#: Where the canal lies from a body's centre, mm: above and below, behind (from, to), to the sides.
_UP_MM, _BEHIND_MM, _SIDE_MM = 15.0, (8.0, 40.0), 15.0
#: What bone without a canal is worth.
_WITHOUT_CANAL = 0.1


def canal_behind_ml(parts: np.ndarray, centres: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Canal behind each centre, ml; centres are (n, 3), mm along (z, y, x) from the first voxel."""
    steps = np.asarray(spacing, float)
    places = np.argwhere(parts == CANAL) * steps
    found = []
    for centre in centres:
        z, y, x = (places - centre).T
        behind = (np.abs(z) < _UP_MM) & (y > _BEHIND_MM[0]) & (y < _BEHIND_MM[1]) & (np.abs(x) < _SIDE_MM)
        found.append(float(np.count_nonzero(behind)) * float(steps.prod()) / 1000)
    return np.array(found)


def along_one_line(centres: np.ndarray, bone_ml: ArrayLike, agreement: ArrayLike, canal_ml: ArrayLike) -> list[int]:
    """Indices of the centres that make up the column, from cranial to caudal.

    Args:
        centres: (n, 3), mm along (z, y, x); z grows to superior.
        bone_ml: of each.
        agreement: share of its voxels that voted near each.
        canal_ml: behind each.
    """
    canal = np.clip(np.asarray(canal_ml) / _CANAL_ML, _WITHOUT_CANAL, 1)
    worth = np.clip(np.asarray(bone_ml) / _BONE_ML, 0, 1) * np.asarray(agreement) * canal
    order = np.argsort(-centres[:, 0])
    best, before = worth.astype(float).copy(), np.full(len(centres), -1)
    for place, lower in enumerate(order):
        for upper in order[:place]:
            down, back, aside = centres[upper] - centres[lower]
            way = float(np.linalg.norm((down, back, aside)))
            gap = way > _PITCH_MM[1]
            most = _ASIDE_GAP if gap else _ASIDE
            if not _PITCH_MM[0] <= way <= _GAP_MM or abs(aside) > most * way or abs(back) > _FORWARD * way:
                continue
            value = best[upper] + worth[lower] - (_GAP if gap else 0.0)
            if value > best[lower]:
                best[lower], before[lower] = value, upper
    line: list[int] = []
    at = int(best.argmax()) if len(centres) else -1
    while at >= 0:
        line.insert(0, at)
        at = int(before[at])
    return line
