"""What a program can see of SINS on CT and MR, as proposals with a reason; the rest the reader has to choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from SpineLib.geometry.orientation import canonical
from SpineLib.metrics.spine_scores import SINS, sins_location
from SpineLib.volume import Volume
from SpineLib.volume.places import to_lps
from SpineLib.volume.resampling import resample_like

#: A part of the lesion darker or brighter than 19 of 20 voxels of the bone around counts as lytic or blastic; from this
#: share of the lesion on it matters.
_LYTIC_SHARE = _BLASTIC_SHARE = 0.25
_BONE_SHARE = 5.0
#: Loss of height from which a body is called collapsed, and share of the body that makes a difference.
_COLLAPSED, _HALF = 0.2, 0.5
#: What lies farther from a lesion is not its vertebra's, mm.
_NEAR_MM = 20.0
#: Less of a lesion on one side of the arch is the masks' own raggedness, ml.
_SIDE_ML = 0.05


@dataclass(frozen=True)
class Proposal:
    """One answer that the program proposes: the option's key, and why."""

    option: str
    reason: str


def sins_proposals(
    level: str = "",
    lesion: Volume | None = None,
    ct: Volume | None = None,
    body: Volume | None = None,
    arch: Volume | None = None,
    neighbours: tuple[Volume, ...] = (),
) -> dict[str, Proposal]:
    """What can be told from what there is; pain and alignment never are.

    Args:
        level: of the vertebra, "L3".
        lesion: its mask.
        ct: a CT of it, HU, for lytic and blastic parts.
        body, arch: masks of the vertebra's body and of all behind it; nothing is proposed from one that does not lie at
            the lesion (:func:`lies_at`).
        neighbours: masks of the bodies above and below, for the loss of height.
    """
    found: dict[str, Proposal] = {}
    if lesion is not None:
        body = body if body is not None and lies_at(lesion, body) else None
        arch = arch if arch is not None and lies_at(lesion, arch) else None
    if location := sins_location(level):
        found["location"] = Proposal(location, f"{level} is {_label('location', location)}.")
    if lesion is not None and ct is not None and (bone := _bone(lesion, ct, body)):
        found["bone"] = bone
    if body is not None and (collapse := _collapse(body, neighbours, lesion)):
        found["collapse"] = collapse
    if lesion is not None and arch is not None:
        found["posterolateral"] = _posterolateral(lesion, arch, body)
    return found


def lies_at(lesion: Volume, part: Volume) -> bool:
    """Whether the boxes of two masks, LPS mm, come within 20 mm: masks of two spaces don't; an empty one never."""
    one, other = _box(lesion), _box(part)
    if one is None or other is None:
        return False
    return bool((one[0] - _NEAR_MM <= other[1]).all() and (other[0] <= one[1] + _NEAR_MM).all())


def _box(mask: Volume) -> tuple[np.ndarray, np.ndarray] | None:
    """Lowest and highest corner, LPS mm, of what is not 0."""
    ends = []
    for axis in range(3):
        places = np.flatnonzero(mask.array.any(axis=tuple(other for other in range(3) if other != axis)))
        if not len(places):
            return None
        ends.append((places[0], places[-1]))
    corners = to_lps(np.array(list(product(*ends)), float), mask)
    return corners.min(axis=0), corners.max(axis=0)


def _label(component: str, option: str) -> str:
    found = SINS[component].option(option)
    return "" if found is None else found.label[0].lower() + found.label[1:]


def _bone(lesion: Volume, ct: Volume, body: Volume | None) -> Proposal | None:
    """By the lesion's HU beside that of the body's bone that it left, or, without a body, of the bone around it."""
    inside = resample_like(_binary(lesion), ct, nearest=True).array != 0
    if not inside.any():
        return None
    if body is not None:
        around = resample_like(_binary(body), ct, nearest=True).array != 0
    else:
        around = ndimage.binary_dilation(inside, iterations=6) & (ct.array > 50)
    around &= ~ndimage.binary_dilation(inside, iterations=1)
    if np.count_nonzero(around) < 50:
        return None
    low, high = np.percentile(ct.array[around], [_BONE_SHARE, 100 - _BONE_SHARE])
    lytic, blastic = float(np.mean(ct.array[inside] < low)), float(np.mean(ct.array[inside] > high))
    reason = f"{100 * lytic:.0f} % of the lesion is darker and {100 * blastic:.0f} % brighter than the bone around it."
    if lytic >= _LYTIC_SHARE and blastic >= _BLASTIC_SHARE:
        return Proposal("mixed", reason)
    if lytic >= _LYTIC_SHARE:
        return Proposal("lytic", reason)
    return Proposal("blastic", reason) if blastic >= _BLASTIC_SHARE else None


def _collapse(body: Volume, neighbours: tuple[Volume, ...], lesion: Volume | None) -> Proposal | None:
    heights = [height for one in neighbours if (height := lowest_height(one)) > 0]
    own = lowest_height(body)
    if own <= 0 or not heights:
        return None
    lost = 1 - own / float(np.mean(heights))
    reason = f"The lowest part of the body is {own:.0f} mm high, its neighbours {np.mean(heights):.0f} mm."
    if lost > _HALF:
        return Proposal("over_half", reason)
    if lost > _COLLAPSED:
        return Proposal("under_half", reason)
    if lesion is None:
        return None
    taken = resample_like(_binary(lesion), body, nearest=True).array != 0
    share = float(taken[body.array != 0].mean())
    told = f"{reason} The lesion fills {100 * share:.0f} % of the body."
    return Proposal("body_involved" if share > _HALF else "none", told)


def lowest_height(body: Volume) -> float:
    """Height of a vertebral body where it is lowest, mm: the smallest of its front, middle and back third; 0: empty."""
    array = canonical(body)[0]
    filled = array.array != 0
    columns = np.count_nonzero(filled, axis=1) * array.spacing[1]  # towards the left, down, back: heights (left, back)
    heights = []
    back = np.flatnonzero(columns.any(axis=0))
    for third in np.array_split(back, 3):
        values = columns[:, third]
        values = values[values > 0]
        if len(values):
            heights.append(float(np.median(values)))
    return min(heights, default=0.0)


def _posterolateral(lesion: Volume, arch: Volume, body: Volume | None) -> Proposal:
    there = canonical(resample_like(_binary(lesion), arch, nearest=True))[0].array != 0
    bone = canonical(_binary(arch))[0]
    middle_of = bone if body is None else canonical(resample_like(_binary(body), arch, nearest=True))[0]
    places = np.flatnonzero(middle_of.array.any(axis=(1, 2)))
    middle = float(places.mean()) if len(places) else bone.shape[0] / 2
    taken = np.argwhere(there & (bone.array != 0))[:, 0]
    ml = bone.voxel_volume_ml
    right, left = float(np.sum(taken < middle)) * ml, float(np.sum(taken > middle)) * ml
    sides = [name for name, volume in (("right", right), ("left", left)) if volume >= _SIDE_ML]
    if len(sides) == 2:
        return Proposal("bilateral", f"The lesion reaches the arch on both sides ({right:.1f} and {left:.1f} ml).")
    if sides:
        return Proposal("unilateral", f"The lesion reaches the arch on the {sides[0]}.")
    return Proposal("none", "The lesion does not reach the arch.")


def _binary(mask: Volume) -> Volume:
    return mask.with_array((mask.array != 0).astype(np.uint8))


def answers(proposals: Mapping[str, Proposal]) -> dict[str, str]:
    """Component to option, as a form is prefilled."""
    return {key: one.option for key, one in proposals.items()}
