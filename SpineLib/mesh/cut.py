"""Cuts through a model: free planes, and the plane that leaves the vertebral body."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from SpineLib.errors import SpineError
from SpineLib.mesh.solid import from_solid, to_solid
from SpineLib.volume.volume import Volume

#: Step of the grid on which the canal is looked for, mm.
STEP_MM = 1.0
#: A canal is at least so large on one slice, mm², and goes through so many mm.
_SMALLEST_MM2, _SHORTEST_MM = 60.0, 4.0
#: The body: what lies deeper than this share of the deepest place; nothing of a vertebra is as thick.
DEEP = 0.6
#: Arches with a gap, or cut by a tumour, are closed by so many mm before the canal is looked for.
_CLOSINGS_MM = (0.0, 3.0, 6.0)
#: Vertebrae that kyphosis and scoliosis tilt are looked at along their own axis: degrees forwards and to the side, the
#: least tilt first.
TILTS = sorted(product(range(-45, 46, 15), repeat=2), key=lambda tilt: (np.hypot(tilt[0], tilt[1]), tilt))
#: Those that are looked at first, and alone where it is known that no arch closes: all together take most of a minute.
FEW_TILTS = [tilt for tilt in TILTS if max(map(abs, tilt)) <= 15]
#: Neighbours in a section only.
_SECTION = np.array([np.zeros((3, 3)), [[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.zeros((3, 3))], int)
#: The pedicles' plane lies where least is cut, in the anterior part of the canal: up to this share of its depth.
_PEDICLES = 0.6


@dataclass(frozen=True)
class Plane:
    """A plane; what lies on the side that the normal points to is kept.

    Attributes:
        point: any point of it, LPS mm.
        normal: of any length.
    """

    point: tuple[float, float, float]
    normal: tuple[float, float, float]

    def __post_init__(self):
        for name in ("point", "normal"):
            values = np.asarray(getattr(self, name), float)
            if values.shape != (3,) or not np.isfinite(values).all():
                raise SpineError(f"The {name} of a cut plane must be three numbers.")
            object.__setattr__(self, name, tuple(map(float, values)))
        if np.linalg.norm(self.normal) < 1e-9:
            raise SpineError("The normal of a cut plane must not be 0.")

    @classmethod
    def of(cls, values: Plane | Sequence | Mapping) -> Plane:
        """Of a pair of point and normal, or of the JSON form with these names."""
        if isinstance(values, Plane):
            return values
        try:
            return cls(**values) if isinstance(values, Mapping) else cls(*values)
        except (TypeError, ValueError) as error:
            raise SpineError("A cut plane is a point and a normal: two times three numbers.") from error


def cut(points: np.ndarray, triangles: np.ndarray, planes: Sequence[Plane]) -> tuple[np.ndarray, np.ndarray]:
    """The part of a closed surface on the kept sides of all planes, closed there by flat caps.

    Raises:
        SpineError: nothing is left, or the surface is no manifold.
    """
    middle = points.mean(axis=0)
    solid = to_solid(points - middle, triangles)
    if solid is None:
        raise SpineError("The model cannot be cut: its surface is no closed manifold; smooth the mask first.")
    for plane in planes:
        normal = np.asarray(plane.normal) / np.linalg.norm(plane.normal)
        solid = solid.trim_by_plane(tuple(normal), float(normal @ (np.asarray(plane.point) - middle)))
    if solid.is_empty():
        raise SpineError("The cut leaves nothing of the model: move the plane, or turn its normal round.")
    points, triangles = from_solid(solid)
    return points + middle, triangles


def body_plane(mask: Volume, through: str = "body", tilts: Sequence[tuple[int, ...]] = tuple(TILTS)) -> Plane:
    """The plane that parts the vertebral body from the arch, found by the vertebral canal.

    The canal is the hole of the vertebra on cross-sections, axial ones or, where these show none, tilted ones; its
    course gives the direction along the spine, and from it towards the thickest part of the bone lies the body. Arches
    that are open on every cross-section are closed by up to 6 mm for this.

    Args:
        mask: of one whole vertebra, not 0 inside.
        through: "body": the plane touches the canal's anterior wall; "pedicles": it goes where the section is smallest,
            in the anterior part of the canal.
        tilts: that are looked at, degrees forwards and to the side.

    Returns:
        The plane; its normal points to the body.

    Raises:
        SpineError: no canal is found.
    """
    if through not in ("body", "pedicles"):
        raise SpineError(f"There is no cut '{through}'; choose body or pedicles.")
    if not mask.array.any():
        raise SpineError("The mask is empty: segment or choose the vertebra first.")
    for tilt in tilts:
        turn = turn_of(tilt)
        bone, corner = upright(mask, turn)
        canal = _canal(bone)
        if canal is not None:
            plane = _in_front_of(canal, bone, corner, through)
            return Plane(tuple(turn.T @ plane.point), tuple(turn.T @ plane.normal))
    raise SpineError(
        "No canal was found in this vertebra, so its body cannot be told from the arch: give the "
        "plane of the cut instead."
    )


def _in_front_of(canal: np.ndarray, bone: np.ndarray, corner: np.ndarray, through: str) -> Plane:
    """The plane for a canal (k, j, i) in the bone on the grid of :func:`upright`."""
    place = corner + STEP_MM * np.argwhere(canal)[:, ::-1]
    levels = np.unique(place[:, 2])
    course = np.array([place[place[:, 2] == level].mean(axis=0) for level in levels])
    along = np.array([*(np.polyfit(levels, course[:, axis], 1)[0] for axis in (0, 1)), 1.0])
    along /= np.linalg.norm(along)
    tissue = corner + STEP_MM * np.argwhere(bone)[:, ::-1]
    depth_mm = ndimage.distance_transform_edt(bone)[bone]
    body = tissue[depth_mm > DEEP * depth_mm.max()].mean(axis=0)
    forward = body - place.mean(axis=0)
    forward -= (forward @ along) * along
    if forward[1] > 0.3 * np.linalg.norm(forward):  # behind the canal, as of an arch alone: trust the position
        forward = np.array([0.0, -1.0, 0.0]) - np.array([0.0, -1.0, 0.0]) @ along * along
    forward /= np.linalg.norm(forward)
    ahead = (place - place.mean(axis=0)) @ forward
    back, front = np.percentile(ahead, [1, 99])
    at = front + STEP_MM / 2
    if through == "pedicles":
        depth = (tissue - place.mean(axis=0)) @ forward
        steps = np.arange(front - _PEDICLES * (front - back), front, STEP_MM / 2)
        sections = [np.count_nonzero(np.abs(depth - step) < STEP_MM) for step in steps]
        at = float(steps[int(np.argmin(sections))])
    return Plane(tuple(place.mean(axis=0) + at * forward), tuple(forward))


def turn_of(tilt: tuple[int, ...]) -> np.ndarray:
    """3 x 3, the rotation by one of :data:`TILTS`."""
    return Rotation.from_euler("xy", tilt, degrees=True).as_matrix()


def upright(mask: Volume, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mask, turned by a rotation, on a grid of ``STEP_MM`` along LPS with outside all around: bool (k, j, i), and
    the place of its first sample."""
    mask = replace(mask, direction=turn @ mask.direction, origin=tuple(turn @ np.asarray(mask.origin)))
    ijk = np.argwhere(mask.array)[:, ::-1]
    low, high = ijk.min(axis=0) - 0.5, ijk.max(axis=0) + 0.5
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1)
    places = (mask.ijk_to_lps @ np.vstack([corners, np.ones(8)]))[:3]
    border = _CLOSINGS_MM[-1] + 2 * STEP_MM
    first = places.min(axis=1) - border
    shape = np.ceil((places.max(axis=1) + border - first) / STEP_MM).astype(int) + 1
    to_lps = np.diag([STEP_MM, STEP_MM, STEP_MM, 1.0])
    to_lps[:3, 3] = first
    matrix = np.linalg.inv(mask.ijk_to_lps) @ to_lps
    values = ndimage.affine_transform(
        (mask.array != 0).astype(np.float32),
        matrix[:3, :3][::-1, ::-1],
        matrix[:3, 3][::-1],
        tuple(shape[::-1]),
        order=1,
    )
    return values > 0.5, first


def _canal(bone: np.ndarray) -> np.ndarray | None:
    """The largest hole of the cross-sections; None where there is none."""
    for radius_mm in _CLOSINGS_MM:
        holes = _holes(_closed(bone, round(radius_mm / STEP_MM)) if radius_mm else bone)
        label, count = ndimage.label(holes & ~bone)
        if not count:
            continue
        largest = label == 1 + np.bincount(label.ravel())[1:].argmax()
        if np.count_nonzero(largest.any(axis=(1, 2))) * STEP_MM >= _SHORTEST_MM:
            return largest
    return None


def _closed(bone: np.ndarray, reach: int) -> np.ndarray:
    """Each section closed by a disk of this radius; of bone with more outside than that around it."""
    return ~_grown(~_grown(bone, reach), reach)


def _grown(bone: np.ndarray, reach: int) -> np.ndarray:
    """Each section dilated by a disk, row by row of the disk: many times faster than by its single voxels."""
    grown = np.zeros(bone.shape, bool)
    for j in range(reach + 1):
        wide = ndimage.maximum_filter1d(bone, 2 * math.isqrt(reach * reach - j * j) + 1, axis=2, mode="constant")
        grown[:, j:] |= wide[:, : wide.shape[1] - j]
        grown[:, : wide.shape[1] - j] |= wide[:, j:]
    return grown


def _holes(bone: np.ndarray) -> np.ndarray:
    """The holes of the cross-sections that are as large as a canal; outside lies around each section."""
    label, _ = ndimage.label(~bone, _SECTION)
    large = np.bincount(label.ravel()) * STEP_MM * STEP_MM >= _SMALLEST_MM2
    large[label[:, 0, 0]] = large[0] = False
    return large[label]
