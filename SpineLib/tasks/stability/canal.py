"""How near lesion and necrosis come to the spinal canal, and what that says of Bilsky's grade."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import canonical
from SpineLib.geometry.shape import Shape, shape_of
from SpineLib.metrics.surface import distances_to
from SpineLib.volume import Volume
from SpineLib.volume.checks import check_mask
from SpineLib.volume.places import to_index
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.transform import check_linear

#: Less of a lesion's length beside the canal, and its distance is no whole answer.
BESIDE = 0.9
#: Farther apart than this no lesion of the spine is from its canal.
_ELSEWHERE_MM = 100.0


@dataclass(frozen=True)
class CanalDistance:
    """Of one lesion or necrosis.

    Attributes:
        distance_mm: from surface to surface; below 0: so deep it reaches into the canal, or, where it swallows that, so
            deep the canal lies in it.
        inside_ml: of it, within the canal.
        occupied_share: of the canal's cross-section where most of it is taken, 0 to 1.
        beside: share of its length along the spine at which the canal is marked, 0 to 1: where that is short, the canal
            may be nearer than it seems.
        canal_by: id of the model that found the canal; "" where a person drew it.
        error_mm: how far the registration that it was measured through may be off; None: there was none, or not known.
        trusted: False when that registration says of itself that it is not to be trusted: then no figure holds.
    """

    distance_mm: float
    inside_ml: float
    occupied_share: float
    beside: float = 1.0
    canal_by: str = ""
    error_mm: float | None = None
    trusted: bool = True

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return asdict(self)


def canal_distance(
    mask: Volume,
    canal: Volume,
    to_canal: np.ndarray | None = None,
    canal_by: str = "",
    error_mm: float | None = None,
    trusted: bool = True,
) -> CanalDistance:
    """Distance of a mask's surface from the spinal canal's.

    Args:
        mask: lesion or necrosis, not 0 inside.
        canal: the canal (or thecal sac), not 0 inside; any grid.
        to_canal: 4 x 4, LPS mm of the mask's space to LPS mm of the canal's; None: both are in one space.
        canal_by: id of the model that found the canal; "" where a person drew it.
        error_mm, trusted: of the registration that ``to_canal`` is of.

    Raises:
        SpineError: one of them is empty, or the transform is of no use.
    """
    shapes = []
    for name, one in (("lesion", mask), ("canal", canal)):
        check_mask(one, name)
        shape = shape_of(one)
        if shape is None:
            raise SpineError(f"The {name} is empty: choose another mask or segment.")
        shapes.append(shape)
    body, tube = shapes
    if to_canal is not None:
        body = body.moved(check_linear(to_canal))
    points = body.surface().points
    apart = distances_to(points, tube.surface())
    inside = tube.at(points) >= 0
    ml, share = _inside(mask, canal, body, to_canal)
    if inside.any():
        distance = -float(apart[inside].max())
    elif ml > 0:  # the lesion swallows the canal
        distance = -_depth(tube, body)
    else:
        distance = float(apart.min())
    beside = round(_beside(points, canal), 3)
    distance = round(distance, 3) + 0.0  # no -0
    return CanalDistance(distance, round(ml, 4), round(share, 4), beside, canal_by, error_mm, trusted)


def bilsky_proposal(lesion: CanalDistance, uncertain_mm: float = 1.0) -> tuple[str, str]:
    """What the masks say of Bilsky's grade: the grade, or "" where the reader has to choose, and why.

    Masks show whether a lesion reaches the canal; whether it deforms the sac or touches the cord they don't.

    Args:
        lesion: its distance from the canal.
        uncertain_mm: masks are no more exact than this: a voxel.
    """
    if lesion.distance_mm > _ELSEWHERE_MM:
        return "", (
            f"The masks do not lie at one place: {lesion.distance_mm:.0f} mm lie between lesion and canal; choose "
            "masks of one scan."
        )
    if lesion.beside < BESIDE:
        return "", "The canal is not marked all along the lesion, so that nothing can be told from masks."
    if lesion.distance_mm > uncertain_mm:
        return "0", f"The lesion stays {lesion.distance_mm:.1f} mm away from the canal."
    if lesion.distance_mm >= -uncertain_mm and lesion.occupied_share < 0.02:
        return "", "The lesion touches the canal's border, nearer than the masks can tell: look at axial T2."
    return "", (
        f"The lesion reaches into the canal and takes up to {100 * lesion.occupied_share:.0f} % of its cross-section: "
        "grade 1a or higher; whether sac or cord are deformed has to be seen on axial T2."
    )


def _depth(tube: Shape, body: Shape) -> float:
    """How deep the tube's surface lies within the body at most, mm."""
    points = tube.surface().points
    within = points[body.at(points) >= 0]
    return float(distances_to(within, body.surface()).max()) if len(within) else 0.0


def _beside(points: np.ndarray, canal: Volume) -> float:
    """Share of points (n, 3), LPS mm, at whose height the canal is marked."""
    tube = canonical(canal.with_array((canal.array != 0).astype(np.uint8)))[0]
    marked = np.asarray(tube.array.any(axis=(0, 2)))  # canonical: towards the left, down, back
    rows = np.rint(to_index(points, tube)[:, 1]).astype(int)
    inside = (rows >= 0) & (rows < len(marked))
    return float((inside & marked[np.clip(rows, 0, len(marked) - 1)]).mean())


def _inside(mask: Volume, canal: Volume, moved: Shape, to_canal: np.ndarray | None) -> tuple[float, float]:
    """ml within the canal, and the largest share of an axial cross-section."""
    matrix = None if to_canal is None else np.linalg.inv(check_linear(to_canal))
    own = mask.with_array((mask.array != 0).astype(np.uint8))
    there = resample_like(own, canal, matrix, nearest=True)
    tube = canonical(canal.with_array((canal.array != 0).astype(np.uint8)))[0]
    taken = (canonical(there)[0].array != 0) & (tube.array != 0)
    areas = np.count_nonzero(tube.array, axis=(0, 2))  # canonical: towards the left, down, back
    used = np.count_nonzero(taken, axis=(0, 2))
    share = float(np.max(used[areas > 0] / areas[areas > 0])) if (areas > 0).any() else 0.0
    return float(np.count_nonzero(taken)) * canal.voxel_volume_ml, share
