"""Whether the arch of a vertebra closes around a canal, and whether both pedicles are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.mesh.cut import DEEP, FEW_TILTS, STEP_MM, TILTS, turn_of, upright
from SpineLib.volume.volume import Volume

#: Looked at along its own axis a whole vertebra shows a hole in which a ball of this radius has room, mm; of 44 whole
#: vertebrae of five people the smallest has 5.0, of halves and of those without an arch the largest 4.
LEAST_CANAL_MM = 4.5
#: The thinnest section of one pedicle is at least this share of the other's: of the same whole vertebrae 0.62 or more.
LEAST_PEDICLE = 0.5
#: A pedicle lies no farther from the canal's middle, mm; half the thickness of a section.
_ASIDE_MM, _SECTION_MM = 25.0, 0.75
#: A larger tilt has to show so much more of the canal, mm.
_BETTER_MM = 0.5


@dataclass(frozen=True)
class Arch:
    """What a vertebra's arch is like.

    Attributes:
        canal_mm: radius of the largest ball's shadow in the hole that the vertebra shows; 0: there is none.
        left_mm2, right_mm2: thinnest sections of the pedicles (of what joins body and arch on each side of the canal);
            None without a canal.
    """

    canal_mm: float
    left_mm2: float | None = None
    right_mm2: float | None = None

    @property
    def closed(self) -> bool:
        """Whether a canal goes through."""
        return self.canal_mm >= LEAST_CANAL_MM

    def sentences(self) -> list[str]:
        """What is missing of a whole vertebra."""
        if not self.closed:
            return [
                "The arch does not close: no canal goes through this model, as it does through every whole vertebra. A "
                "pedicle, a lamina or half of the arch is missing, or the labels of the neighbours hold it; mend the "
                "segmentation before this is taken for the vertebra."
            ]
        assert self.left_mm2 is not None and self.right_mm2 is not None
        less, more = sorted((self.left_mm2, self.right_mm2))
        if less >= LEAST_PEDICLE * more:
            return []
        side, other = ("left", "right") if self.left_mm2 < self.right_mm2 else ("right", "left")
        return [
            f"The {side} pedicle is incomplete: its thinnest section has {less:.0f} mm2, that of the {other} one "
            f"{more:.0f} mm2; look at it before this is taken for a whole vertebra."
        ]


def arch_of(mask: Volume) -> Arch:
    """The arch of a vertebra, looked at along its own axis.

    The hole is looked for in the vertebra's shadow, so that laminae a voxel thick, which leave gaps between coarse
    slices, close it, and a pedicle that is not there does not.

    Args:
        mask: of one vertebra, not 0 inside; not empty.
    """
    best, found = 0.0, None
    for tilts in (FEW_TILTS, [tilt for tilt in TILTS if tilt not in FEW_TILTS]):  # larger ones as beside a kyphosis
        for tilt in tilts:
            bone, _ = upright(mask, turn_of(tilt))
            shadow = bone.any(axis=0)
            hole = ndimage.binary_fill_holes(shadow) & ~shadow
            depth = ndimage.distance_transform_edt(hole) * STEP_MM
            if depth.max() > best + _BETTER_MM:
                best, found = float(depth.max()), (bone, depth)
        if best >= LEAST_CANAL_MM:
            break
    if found is None or best < LEAST_CANAL_MM:
        return Arch(best)
    return Arch(best, *_pedicles(*found))


def _pedicles(bone: np.ndarray, depth: np.ndarray) -> tuple[float, float]:
    """Thinnest sections of the left and the right pedicle, mm².

    Args:
        bone: (k, j, i), upright.
        depth: of its canal in the shadow (j, i), mm.
    """
    holes, _ = ndimage.label(depth > 0)
    canal = np.argwhere(holes == holes[np.unravel_index(int(depth.argmax()), depth.shape)])
    middle = canal.mean(axis=0)
    tissue = np.argwhere(bone)[:, 1:]
    inside = ndimage.distance_transform_edt(bone)[bone]
    forward = tissue[inside > DEEP * inside.max()].mean(axis=0) - middle
    forward /= max(float(np.linalg.norm(forward)), 1e-6)
    if forward[0] > 0.3:  # behind the canal, as of an arch alone: trust the position
        forward = np.array([-1.0, 0.0])
    left = np.array([-forward[1], forward[0]])  # in a vertebra that looks forwards, along i
    left *= np.sign(left[1]) or 1.0
    front = np.percentile((canal - middle) @ forward, 99) * STEP_MM
    ahead, aside = ((tissue - middle) @ way * STEP_MM for way in (forward, left))
    areas = []
    for one in (aside, -aside):
        part = ahead[(one > 0) & (one < _ASIDE_MM)]
        sections = [
            np.count_nonzero(np.abs(part - at) <= _SECTION_MM) for at in np.arange(0.0, front + STEP_MM, STEP_MM / 2)
        ]
        areas.append(min(sections) * STEP_MM**3 / (2 * _SECTION_MM))
    return areas[0], areas[1]
