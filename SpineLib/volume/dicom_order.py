"""Pictures in the order of their places, and the grid that they make; a series that makes none is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_pictures import Picture
from SpineLib.volume.found import MOST_SKEW, lowered

#: Places are the same up to this (mm); no rounding is finer than that of positions with three decimals.
_SAME_MM = 1e-3
#: Places may lie this far (mm) beside those of even slices unsaid, and by this share of a step with a note.
_EVEN_MM, _NEARLY = 0.05, 0.05


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices in order.

    Attributes:
        pictures: from the first to the last.
        spacing: between columns (i), rows (j), slices (k), mm.
        origin: LPS mm, centre of the first voxel.
        direction: (3, 3), columns are i, j, k.
        notes: sentences for the user.
    """

    pictures: tuple[Picture, ...]
    spacing: np.ndarray
    origin: np.ndarray
    direction: np.ndarray
    notes: list[str] = field(default_factory=list)


def along_normal(pictures: Sequence[Picture], label: str) -> np.ndarray:
    """The place of each picture along the normal of the slices, mm.

    Raises:
        SpineError: a position or orientation is missing or impossible, or the slices are not parallel.
    """
    if any(one.position is None or one.orientation is None for one in pictures):
        raise SpineError(f"{label} lacks the position or orientation of a slice; export it again.")
    orientations = np.array([one.orientation for one in pictures])
    lengths = np.linalg.norm(orientations.reshape(-1, 2, 3), axis=2)
    if np.abs(lengths - 1).max() > 0.01:
        raise SpineError(f"{label} has no valid orientation (its axes are no unit vectors); export it again.")
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        raise SpineError(f"{label} holds slices of unlike orientation; choose a series of parallel slices.")
    return np.array([one.position for one in pictures]) @ _normal(orientations[0])


def stack_of(pictures: Sequence[Picture], label: str) -> Stack:
    """The grid of pictures of which no two are of one place.

    Args:
        pictures: in any order, with positions and orientations.
        label: how messages call the series ("The T1 series").

    Raises:
        SpineError: sizes or spacings that differ or are missing, several pictures of a place, slices that are missing,
            unevenly spaced, shifted against each other, or stacked along a tilted line (gantry tilt).
    """
    along = along_normal(pictures, label)
    order = np.argsort(along, kind="stable")
    pictures, along = [pictures[n] for n in order], along[order]
    _check_alike(pictures, label)
    first = pictures[0]
    assert first.orientation is not None and first.spacing is not None
    row, column = (one / np.linalg.norm(one) for one in np.reshape(first.orientation, (2, 3)))
    normal = _normal(np.array(first.orientation))
    positions = np.array([one.position for one in pictures])
    if len(pictures) == 1:
        gap = first.gap or 1.0
        return Stack((first,), np.array([*first.spacing[::-1], gap]), positions[0], np.array([row, column, normal]).T)
    if np.diff(along).min() < _SAME_MM:
        raise SpineError(
            f"{label} holds several images of each place (times, echoes), and nothing tells which belong together; "
            "choose another."
        )
    rounding = _rounding(pictures)
    step, worst, notes = _even(along, rounding, first.gap, label)
    number = np.arange(len(pictures))
    aside = positions - np.outer(positions @ normal, normal)
    drift = np.polyfit(number, aside, 1)[0]
    loose = np.abs(aside - aside.mean(axis=0) - np.outer(number - number.mean(), drift)).max()
    if loose > max(_EVEN_MM, rounding):
        raise SpineError(
            f"{label} holds slices that are shifted against each other by {loose:.1f} mm; export it again."
        )
    shift = np.linalg.norm(drift) * (len(pictures) - 1)
    tilt = np.degrees(np.arctan2(np.linalg.norm(drift), step))
    if shift > max(2 * rounding, _SAME_MM) and tilt > MOST_SKEW:
        raise SpineError(f"{label} was taken with a tilted gantry ({tilt:.0f} degrees); correct that first.")
    vector = step * normal + (drift if shift > max(2 * rounding, _SAME_MM) else 0)
    exact = max(worst, loose) <= _SAME_MM
    origin = positions[0] if exact else positions.mean(axis=0) - number.mean() * vector
    length = float(np.linalg.norm(vector))
    spacing = np.array([*first.spacing[::-1], length])
    return Stack(tuple(pictures), spacing, origin, np.array([row, column, vector / length]).T, notes)


def numbering_notes(pictures: Sequence[Picture], label: str) -> list[str]:
    """What the numbers of a series' pictures, in order, say of slices that are missing at its ends."""
    numbers = [one.instance for one in pictures if one.instance is not None]
    known = len(numbers) == len(pictures) > 1
    notes = []
    expected = max(one.expected for one in pictures)
    if expected > len(pictures) and len({one.apart.get("AcquisitionNumber") for one in pictures}) == 1:
        notes.append(
            f"{label} was taken with {expected} images, and {len(pictures)} are here: slices at its ends may be "
            "missing."
        )
    elif known and min(numbers) > 1 and set(np.abs(np.diff(numbers))) == {1}:
        notes.append(
            f"The images of {lowered(label)} are numbered from {min(numbers)} to {max(numbers)}: slices before them "
            "may be missing."
        )
    return notes


def _normal(orientation: np.ndarray) -> np.ndarray:
    normal = np.cross(orientation[:3], orientation[3:])
    return normal / max(np.linalg.norm(normal), 1e-12)


def _check_alike(pictures: Sequence[Picture], label: str) -> None:
    if any(one.spacing is None for one in pictures):
        raise SpineError(
            f"{label} does not tell its voxel spacing (PixelSpacing); export it again with its true spacing."
        )
    if len({one.size for one in pictures}) > 1:
        raise SpineError(f"{label} holds slices of unlike sizes (rows or columns); choose a series of one size.")
    spacings = np.array([one.spacing for one in pictures])
    if (spacings == 0).any():
        raise SpineError(f"{label} has a voxel spacing of zero; export it again with its true spacing.")
    if np.abs(spacings / spacings[0] - 1).max() > 1e-3:
        raise SpineError(f"{label} holds slices of unlike voxel spacings; choose a series of one spacing.")


def _rounding(pictures: Sequence[Picture]) -> float:
    """Half of the last decimal that positions are given with, mm; 0 where that is too fine to matter."""
    decimals = max(one.decimals for one in pictures)
    return 0.0 if decimals > 2 else 0.5 * 10.0**-decimals * 1.001


def _even(along: np.ndarray, rounding: float, gap: float, label: str) -> tuple[float, float, list[str]]:
    """The step between slices, how far the worst one lies beside its place (mm), and sentences."""
    number = np.arange(len(along))
    centred = number - number.mean()

    def beside(step: float) -> float:
        apart = along - step * centred
        return float(np.abs(apart - (apart.max() + apart.min()) / 2).max())

    ends = float(along[-1] - along[0]) / (len(along) - 1)
    if beside(ends) <= _SAME_MM:
        return ends, beside(ends), []
    fitted = float(centred @ along / (centred @ centred))
    if gap > 0 and rounding > 0 and beside(gap) <= rounding + _SAME_MM:
        told = (
            f"{label} has positions rounded to {2 * rounding:.2g} mm; the {gap:g} mm between slices are its header's."
        )
        return gap, beside(gap), [told]
    step, worst = min(((one, beside(one)) for one in (fitted, ends)), key=lambda pair: pair[1])
    if worst <= min(max(_EVEN_MM, rounding + _SAME_MM), 0.1 * step):
        return step, worst, []
    if worst <= _NEARLY * step:
        return (
            step,
            worst,
            [f"{label} has slices up to {worst:.2f} mm beside their even places; they were taken for even."],
        )
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    whole = np.rint(gaps / usual)
    near = np.abs(gaps - whole * usual) <= np.maximum(max(_EVEN_MM, 2 * rounding), _NEARLY * usual)
    if whole.max() > 1 and whole.min() >= 1 and near.all():
        raise SpineError(f"{label} lacks {int((whole - 1).sum())} of its slices; export it again, complete.")
    raise SpineError(f"The slices of {lowered(label)} are unevenly spaced; use an evenly spaced series.")
