"""From likelihoods of slices to a list of candidates: aggregation, threshold, least area, merging across slices."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy import ndimage

from SpineLib.geometry.orientation import canonical
from SpineLib.tasks.detection.candidate_parts import bodies_of, split_body, suspicious_regions
from SpineLib.volume.places import ras_lps, to_lps
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

#: Weights of a slice and of its two neighbours (Wang 2017, section 2.5.2).
OWN_WEIGHT, NEIGHBOUR_WEIGHT = 0.4, 0.3


@dataclass(frozen=True)
class SliceRegion:
    """A candidate's region in one sagittal slice.

    Attributes:
        slice: its number, from 0 at the patient's right.
        centre_lps_mm: centre of gravity.
        area_cm2: of its pixels.
        probability: the highest likelihood in it.
    """

    slice: int
    centre_lps_mm: tuple[float, float, float]
    area_cm2: float
    probability: float


@dataclass(frozen=True)
class Candidate:
    """A suspicious place.

    Attributes:
        id: 1 for the one of the highest likelihood.
        centre_lps_mm: centre of gravity of its voxels.
        probability: the highest likelihood in it.
        mean_probability: of its voxels.
        area_cm2: of its largest region in a sagittal slice.
        volume_ml: of its voxels.
        bounds_lps_mm: least and largest coordinates of its voxels' centres.
        slices: its regions, from the patient's right to the left; one slice may hold several.
        level: "L3", "sacrum", "vertebra 4 from below"; "" where nobody knows.
    """

    id: int
    centre_lps_mm: tuple[float, float, float]
    probability: float
    mean_probability: float
    area_cm2: float
    volume_ml: float
    bounds_lps_mm: tuple[tuple[float, float, float], tuple[float, float, float]]
    slices: tuple[SliceRegion, ...]
    level: str = ""

    @property
    def centre_ras_mm(self) -> tuple[float, float, float]:
        """The centre as Slicer shows it (r, a, s)."""
        return triple(float(value) for value in ras_lps(self.centre_lps_mm))

    def to_dict(self) -> dict:
        """The JSON form, with the centre in RAS as well."""
        return {**asdict(self), "centre_ras_mm": list(self.centre_ras_mm)}

    @classmethod
    def from_dict(cls, values: dict) -> Candidate:
        """The inverse of :meth:`to_dict`."""
        values = {key: value for key, value in values.items() if key != "centre_ras_mm"}
        regions = tuple(
            SliceRegion(**(one | {"centre_lps_mm": tuple(one["centre_lps_mm"])})) for one in values["slices"]
        )
        return cls(
            **(
                values
                | {
                    "centre_lps_mm": tuple(values["centre_lps_mm"]),
                    "slices": regions,
                    "bounds_lps_mm": tuple(tuple(one) for one in values["bounds_lps_mm"]),
                }
            )
        )


def aggregate(likelihood: np.ndarray, own: float = OWN_WEIGHT, neighbour: float = NEIGHBOUR_WEIGHT) -> np.ndarray:
    """Weighted mean of each slice and its two neighbours (equation 4).

    Args:
        likelihood: (s, y, x). The first and the last slice take the two that follow or precede; of two slices each
            takes the other with both weights; one stays as it is.
        own, neighbour: weights, ``own + 2 neighbour = 1``.

    Returns:
        float32 of the same shape.
    """
    count = len(likelihood)
    if count < 2:
        return likelihood.astype(np.float32)
    place = np.arange(count)
    before, after = place - 1, place + 1
    before[0], after[-1] = min(2, count - 1), max(count - 3, 0)
    return (own * likelihood + neighbour * (likelihood[before] + likelihood[after])).astype(np.float32)


def find_candidates(likelihood: Volume, threshold: float, smallest_cm2: float = 0.0) -> list[Candidate]:
    """Candidates of a likelihood map, the most suspicious first; fast enough to follow a slider.

    Pixels of one sagittal slice that touch, also by a corner, make a region; regions that are too small go; what
    remains and touches across slices (26 neighbours) is one candidate, or several where it holds places that were
    candidates by themselves at a higher threshold (ours: the paper's regions merge).

    Args:
        likelihood: 0 to 1, of any orientation; the axis nearest to left-right counts the slices.
        threshold: a voxel of at least this likelihood is suspicious.
        smallest_cm2: regions of a smaller area in their slice are dropped (section 2.5.2: 5).
    """
    array, base = _cropped(likelihood, threshold)
    if array is None:
        return []
    pixel_cm2 = base.spacing[0] * base.spacing[1] / 100
    fewest = smallest_cm2 / pixel_cm2
    regions, sizes = suspicious_regions(array, threshold)
    bodies, _ = bodies_of(regions, sizes, fewest)
    found = []
    for number, box in enumerate(ndimage.find_objects(bodies), start=1):
        parts = split_body(array[box], bodies[box] == number, threshold, fewest, base.spacing[::-1])
        for part in range(1, parts.max() + 1):
            where = np.argwhere(parts == part) + [one.start for one in box]
            found.append(_candidate(where, array, regions, base))
    found.sort(key=lambda one: (-one.probability, -one.volume_ml, one.centre_lps_mm))
    return [Candidate(**{**vars(one), "id": number}) for number, one in enumerate(found, start=1)]


def _cropped(likelihood: Volume, threshold: float) -> tuple[np.ndarray | None, Volume]:
    """The part (s, y, x) that holds all suspicious voxels, on a grid of its own; s counts from the whole's first."""
    base, _ = canonical(likelihood)
    suspicious = base.array >= threshold
    box = [slice(0, base.shape[0])]
    for axis in (1, 2):
        places = np.flatnonzero(suspicious.any(axis=tuple({0, 1, 2} - {axis})))
        if not len(places):
            return None, base
        box.append(slice(places[0], places[-1] + 1))
    origin = (base.ijk_to_lps @ [box[2].start, box[1].start, 0, 1.0])[:3]
    array = base.array[tuple(box)]
    return array, Volume(array, base.spacing, tuple(origin), base.direction)


def _candidate(where: np.ndarray, array: np.ndarray, regions: np.ndarray, base: Volume) -> Candidate:
    """Of the voxels ``where`` (n, 3); its id is given later."""
    values, owner = array[tuple(where.T)], regions[tuple(where.T)]
    points = to_lps(where, base)
    pixel_cm2, slices = base.spacing[0] * base.spacing[1] / 100, []
    for region in np.unique(owner):
        own = owner == region
        slices.append(
            SliceRegion(
                int(where[own][0, 0]),
                _place(points[own].mean(axis=0)),
                float(own.sum() * pixel_cm2),
                float(values[own].max()),
            )
        )
    slices.sort(key=lambda one: (one.slice, -one.area_cm2))
    return Candidate(
        0,
        _place(points.mean(axis=0)),
        float(values.max()),
        float(values.mean()),
        max(one.area_cm2 for one in slices),
        len(where) * base.voxel_volume_ml,
        (_place(points.min(axis=0)), _place(points.max(axis=0))),
        tuple(slices),
    )


def _place(point: np.ndarray) -> tuple[float, float, float]:
    return triple(round(float(value), 3) for value in point)
