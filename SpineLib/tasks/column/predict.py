"""Running a column network over a prepared image in windows."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from SpineLib.errors import SpineError, is_out_of_memory
from SpineLib.networks.column import OFFSETS, ColumnNet
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.parts import OFFSET_MM

#: Windows overlap by this share and are blended with Gaussian weights; 384 mm of 1.5 mm are two of 144 voxels then.
_OVERLAP = 0.22


def predict_column(
    image: np.ndarray,
    network: ColumnNet,
    window: tuple[int, int, int],
    normalised: Callable[[np.ndarray], np.ndarray],
    *,
    wanted: Callable[[np.ndarray], bool] = lambda part: True,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Probabilities of the parts, and offsets.

    Args:
        image: float32 (z, y, x) on the network's grid.
        network: with one input.
        window: size that the network was trained on, voxels; smaller images are padded by their edge.
        normalised: makes a window of the image what the network was shown in training.
        wanted: whether a window can hold any of the column; others are not computed and are background.
        device, precision: as :func:`SpineLib.inference.predict.predict` takes them.
        progress: told for each window.

    Returns:
        float16 (parts, z, y, x), float16 (3, z, y, x) in mm, device and precision.

    Raises:
        SpineError: no such device or precision, or not enough memory.
        Cancelled: by ``progress``.
    """
    import torch

    from SpineLib.inference.predict import choose_device, choose_precision
    from SpineLib.networks.arrays import array_of, tensor_of

    device = choose_device(device)
    precision = choose_precision(precision, device)
    size = tuple(-(-max(side, multiple) // multiple) * multiple for side, multiple in zip(window, network.multiples))
    pads = [(0, max(0, side - have)) for side, have in zip(size, image.shape)]
    padded = np.pad(image, pads, mode="edge")
    bell = _bell(size)
    total = np.zeros((network.parts + OFFSETS, *padded.shape), np.float32)
    weights = np.zeros(padded.shape, np.float32)
    boxes = [
        tuple(slice(a, a + side) for a, side in zip(corner, size))
        for corner in itertools.product(*(_starts(have, side) for have, side in zip(padded.shape, size)))
    ]
    network = network.to(device).eval()
    try:
        for number, box in enumerate(boxes):
            progress(number / len(boxes), f"Network on window {number + 1} of {len(boxes)}")
            part = padded[box]
            weights[box] += bell
            if not wanted(part):
                total[0][box] += bell
                continue
            tensor = tensor_of(np.ascontiguousarray(normalised(part), dtype=np.float32))[None, None].to(device)
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                answer = network(tensor).float()[0]
                answer[: network.parts] = answer[: network.parts].softmax(0)
            total[(slice(None), *box)] += array_of(answer) * bell
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpineError("There is not enough memory for this volume; close other programs and try again.") from error
    total /= weights
    total = total[(slice(None), *(slice(side) for side in image.shape))]
    parts, offsets = total[: network.parts], total[network.parts :] * OFFSET_MM
    return parts.astype(np.float16), offsets.astype(np.float16), device, precision


def _starts(have: int, size: int) -> list[int]:
    if size >= have:
        return [0]
    count = 1 + int(np.ceil((have - size) / (size * (1 - _OVERLAP))))
    return [round(n * (have - size) / (count - 1)) for n in range(count)]


def _bell(size: tuple[int, ...]) -> np.ndarray:
    sides = [np.exp(-0.5 * ((np.arange(n) - (n - 1) / 2) / (n / 5)) ** 2) for n in size]
    return np.einsum("i,j,k->ijk", *sides).astype(np.float32) + np.float32(1e-3)
