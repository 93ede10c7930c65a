"""A second look at the lower end of a lumbar column, turned until L5 stands as upright as the vertebrae above it.

A network that has learned from usual spines takes a steep L5 for the first piece of the sacrum, and then every level is
wrong by one. Turned about the patient's left-right axis, the same L5 lies as L4 does, with a disc below it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from SpineLib.networks.column import ColumnNet
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.chain import are_lumbar, body_centres, sacrum_below
from SpineLib.tasks.column.predict import predict_column

#: So far the image is turned, degrees. On eight real scans 12 and 24 both found every L5, which lies 20 to 60 off.
TURN = 18.0
#: Where the middle of the second look lies, from the centre of the lowest body that the first one found, (z, y) mm.
_BELOW_MM = (-25.0, 15.0)
#: Within the first distance of that middle the second look counts alone, beyond the other not at all, mm.
_ALONE_MM, _LAST_MM = 62.0, 80.0


def with_second_look(
    image: np.ndarray,
    probability: np.ndarray,
    offsets: np.ndarray,
    spacing: tuple[float, float, float],
    network: ColumnNet,
    window: tuple[int, int, int],
    normalised: Callable[[np.ndarray], np.ndarray],
    *,
    device: str,
    precision: str,
    progress: Progress = silent,
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and offsets of :func:`SpineLib.tasks.column.predict.predict_column` with those of the second look
    around the promontory; as they are where no lumbar vertebra stands on a sacrum.

    Args:
        image: float32 (z, y, x) on the network's grid; z grows to superior, y to posterior.
        probability, offsets: of the first look.
        spacing: mm along (z, y, x); the voxels of a sagittal slice are square.
        network, window, normalised, device, precision, progress: as for the first look.
    """
    parts = probability.argmax(0).astype(np.uint8)
    centres = body_centres(parts, spacing)
    if not are_lumbar(centres.tolist()) or sacrum_below(parts, centres[-1], spacing) is None:
        return probability, offsets
    step = spacing[0]
    middle = (centres[-1][:2] + _BELOW_MM) / step
    rows, columns = window[:2]
    turn, shift = _turned(middle, (rows, columns))
    there = np.stack(
        [
            ndimage.affine_transform(plane, turn, shift, (rows, columns), order=1, mode="nearest")
            for plane in np.moveaxis(image, 2, 0)
        ],
        axis=2,
    )
    seen, ways, _, _ = predict_column(
        there, network, window, normalised, kept=np.float32, device=device, precision=precision, progress=progress
    )
    reach = _LAST_MM / step
    low = np.maximum(np.floor(middle - reach), 0).astype(int)
    high = np.minimum(np.ceil(middle + reach) + 1, image.shape[:2]).astype(int)
    box = (slice(low[0], high[0]), slice(low[1], high[1]))
    z, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]), indexing="ij")
    far = np.hypot(z - middle[0], y - middle[1]) * step
    weight = np.clip((_LAST_MM - far) / (_LAST_MM - _ALONE_MM), 0, 1).astype(np.float32)[..., None]

    back, start = turn.T, turn.T @ (low - shift)
    size = tuple(high - low)
    ways = np.stack([turn[0, 0] * ways[0] + turn[0, 1] * ways[1], turn[1, 0] * ways[0] + turn[1, 1] * ways[1], ways[2]])
    probability, offsets = probability.copy(), offsets.copy()
    for whole, new in ((probability, seen), (offsets, ways)):
        for channel, answer in zip(whole, new):
            planes = [
                ndimage.affine_transform(plane, back, start, size, order=1, mode="nearest")
                for plane in np.moveaxis(answer, 2, 0)
            ]
            channel[box] = weight * np.stack(planes, axis=2) + (1 - weight) * channel[box]
    return probability, offsets


def _turned(middle: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and shift from indices (z, y) of the turned window to those of the image."""
    angle = np.radians(-TURN)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn, middle - turn @ (np.array(shape) / 2)
