"""Where the body and the spinal canal of a whole vertebra are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import Column, VertebraFrame

#: The canal lies within this of the mirror plane, and is at least so wide (radius), mm.
_OFF_MIDDLE_MM, _NARROWEST_MM = 12.0, 3.0


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Places in a vertebra's frame (u, v, w), mm.

    Attributes:
        body: middle of the body.
        half: half width, depth and height of the body.
        canal: middle of the spinal canal at the pedicles.
        radius: of the canal.
    """

    body: np.ndarray
    half: np.ndarray
    canal: np.ndarray
    radius: float


def landmarks(column: Column, label: int, frame: VertebraFrame) -> Landmarks:
    """Body and canal of a whole vertebra.

    Raises:
        SpineError: its arch is not closed, so that no canal is seen.
    """
    labels = column.around(label, 5.0, 1.2)
    grid = frame.grid()
    bone = sampled(signed_distance(labels.with_array((labels.array == label).astype(np.uint8))), grid, None) < 0
    seen = bone.any(axis=0)
    holes, count = ndimage.label(ndimage.binary_fill_holes(seen) & ~seen)
    depth = ndimage.distance_transform_edt(holes > 0) * grid.spacing[0]
    middle = (np.array(grid.shape) - 1) / 2
    depth[:, np.abs(np.arange(grid.shape[2]) - middle[2]) * grid.spacing[0] > _OFF_MIDDLE_MM] = 0
    if not count or depth.max() < _NARROWEST_MM:
        raise SpineError(f"Vertebra {label} has no closed arch around a canal; choose another one.")
    row, column_ = np.unravel_index(int(np.argmax(depth)), depth.shape)
    v, u = (np.array([row, column_]) - middle[1:]) * grid.spacing[0]
    radius = float(depth.max())
    places = (np.argwhere(bone) - middle)[:, ::-1] * grid.spacing[0]
    front = places[places[:, 1] < v - radius]
    core = front[np.abs(front[:, 0] - u) < 8]
    if len(core) < 50:
        raise SpineError(f"Vertebra {label} has no body in front of its canal; choose another one.")
    low, high = np.percentile(core[:, 1:], 1, axis=0), np.percentile(core[:, 1:], 99, axis=0)
    inside = front[np.abs(front[:, 2] - (low[1] + high[1]) / 2) < 4]
    half = np.array([np.percentile(np.abs(inside[:, 0] - u), 97), *((high - low) / 2)])
    body = np.array([u, *((low + high) / 2)])
    return Landmarks(body, half, np.array([u, v, body[2]]), radius)
