"""Lesions of bone on a CT as a network marks them in 3-D: by kind, each with its box, diameters and probability."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError, is_out_of_memory
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.ct.lesion_boxes import CtLesion
from SpineLib.tasks.segmentation.recist import axes_of
from SpineLib.volume.places import to_index
from SpineLib.volume.triples import triple

if TYPE_CHECKING:
    import torch

#: What a voxel may be; 0 is none.
LYTIC, SCLEROTIC, MIXED, MASS = 1, 2, 3, 4
KINDS = {0: "", LYTIC: "lytic", SCLEROTIC: "sclerotic", MIXED: "mixed", MASS: "soft-tissue mass"}
#: The two channels: HU that become -1 and 1, for bone and for soft tissue.
WINDOWS = ((-250.0, 1250.0), (-120.0, 260.0))
CHANNELS = len(WINDOWS)
#: A lesion is what hangs together from this share of the threshold on; smaller ones are noise, ml.
_WEAK, _SMALLEST_ML = 0.6, 0.15
#: Its probability is the mean of so much of it, the most likely voxels, ml.
_PEAK_ML = 0.1
#: A lesion that is a mass to this share is told to have one.
_MASS_SHARE = 0.15
#: Windows overlap by this share.
_OVERLAP = 0.5


def channels_of(hu: torch.Tensor) -> torch.Tensor:
    """What the network sees of a CT (..., z, y, x) in HU: (..., 2, z, y, x), -1 to 1."""
    import torch

    parts = [(hu.clamp(low, high) - (low + high) / 2) / ((high - low) / 2) for low, high in WINDOWS]
    return torch.stack(parts, dim=-4)


def mark_probabilities(
    grid: ColumnGrid,
    network: torch.nn.Module,
    patch: tuple[int, ...],
    where: np.ndarray,
    device: str,
    precision: str,
    progress: Progress = silent,
) -> np.ndarray:
    """Probabilities of the kinds, float32 (kinds, z, y, x); background where no window was looked at.

    Args:
        grid: of the CT.
        network: in eval mode, on the device.
        patch: size of the windows.
        where: bool (z, y, x), what is searched; windows without any of it are left out.

    Raises:
        SpineError: not enough memory.
        Cancelled: by ``progress``.
    """
    import torch

    image = grid.image
    pads = [(0, max(0, side - have)) for side, have in zip(patch, image.shape)]
    padded = np.pad(image, pads, constant_values=-1000)
    searched = np.pad(where, pads)
    total = np.zeros((len(KINDS), *padded.shape), np.float32)
    weights = np.zeros(padded.shape, np.float32)
    bell = np.ones((), np.float32)
    for axis, side in enumerate(patch):
        curve = np.exp(-0.5 * ((np.arange(side) - (side - 1) / 2) / (side / 5)) ** 2).astype(np.float32)
        bell = bell * curve.reshape([-1 if axis == n else 1 for n in range(3)]) + np.float32(1e-4)
    boxes = [
        box
        for corner in itertools.product(*(_starts(have, side) for have, side in zip(padded.shape, patch)))
        if searched[box := tuple(slice(first, first + side) for first, side in zip(corner, patch))].any()
    ]
    try:
        for number, box in enumerate(boxes):
            progress(number / len(boxes), f"Network on window {number + 1} of {len(boxes)}")
            tensor = channels_of(torch.from_numpy(np.ascontiguousarray(padded[box])))[None].to(device)
            with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
                answer = network(tensor).float()[0].softmax(0).cpu().numpy()
            total[(slice(None), *box)] += answer * bell
            weights[box] += bell
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise SpineError("There is not enough memory for this CT; close other programs and try again.") from error
    total[0][weights == 0] = 1.0
    total /= np.maximum(weights, 1e-6) * (weights > 0) + (weights == 0)
    return total[(slice(None), *(slice(size) for size in image.shape))]


def lesions_of(
    grid: ColumnGrid, probability: np.ndarray, where: np.ndarray, threshold: float
) -> tuple[list[CtLesion], list[np.ndarray]]:
    """Lesions, their ids 0, and the mask of each: uint8 (z, y, x), the kinds.

    Args:
        grid: of the CT.
        probability: of :func:`mark_probabilities`.
        where: bool (z, y, x), what is searched; a lesion must touch it.
        threshold: least probability of a lesion.
    """
    likely = 1 - probability[0]
    kinds = 1 + probability[1:].argmax(0).astype(np.uint8)
    pieces, _ = ndimage.label(likely >= _WEAK * threshold)
    voxel_ml = float(np.prod(grid.spacing)) / 1000
    peak = max(1, round(_PEAK_ML / voxel_ml))
    lesions, masks = [], []
    for number, box in enumerate(ndimage.find_objects(pieces), start=1):
        inside = pieces[box] == number
        count = int(np.count_nonzero(inside))
        if count * voxel_ml < _SMALLEST_ML or not (inside & where[box]).any():
            continue
        value = float(np.sort(likely[box][inside])[-peak:].mean())
        if value < threshold:
            continue
        mask = np.zeros(likely.shape, np.uint8)
        mask[box][inside] = kinds[box][inside]
        lesions.append(lesion_from_mask(grid, mask, box, count * voxel_ml, round(value, 4)))
        masks.append(mask)
    return lesions, masks


def lesion_from_mask(
    grid: ColumnGrid, mask: np.ndarray, box: tuple[slice, ...], ml: float, probability: float
) -> CtLesion:
    spacing = np.array(grid.spacing)
    low = np.array([part.start - 0.5 for part in box]) * spacing
    high = np.array([part.stop - 0.5 for part in box]) * spacing
    first, last, upwards = (
        np.array(grid.lps(tuple(place))) for place in (low, high, (low + high) / 2 + [10.0, 0.0, 0.0])
    )
    centre = np.array(grid.lps(tuple((low + high) / 2)))
    size = (high - low)[::-1]
    sections = [axes_of(section, grid.spacing[1:]) for section in mask[box] > 0 if section.any()]
    longest, shortest = max(sections)
    ends = [to_index(place[None], grid.source)[0] for place in (first, last)]
    axis = int(np.argmax(np.abs(np.linalg.inv(grid.source.ijk_to_lps)[:3, :3] @ (upwards - centre))))
    along = sorted(float(end[2 - axis]) for end in ends)
    count = grid.source.shape[2 - axis]
    return CtLesion(
        0,
        triple(round(float(value), 3) for value in centre),
        triple(round(float(value), 3) for value in size),
        _axes(grid),
        probability,
        (int(np.clip(round(along[0] + 0.5), 0, count - 1)), int(np.clip(round(along[1] - 0.5), 0, count - 1))),
        (round(longest, 3), round(shortest, 3)),
        "region",
        (),
        kind_of(mask[box]),
        round(ml, 3),
    )


def _axes(grid: ColumnGrid) -> tuple[tuple[float, float, float], ...]:
    """Unit vectors of the grid as columns, LPS: to the left, backwards, upwards."""
    start = np.array(grid.lps((0.0, 0.0, 0.0)))
    ways = [np.array(grid.lps(tuple(100.0 * np.eye(3)[axis]))) - start for axis in (2, 1, 0)]
    columns = np.stack([way / np.linalg.norm(way) for way in ways], axis=1)
    return triple(triple(round(float(value), 9) for value in row) for row in columns)


def kind_of(mask: np.ndarray) -> str:
    """ "lytic", "mixed with soft-tissue mass": of a mask that holds kinds."""
    counts = np.bincount(mask.ravel(), minlength=len(KINDS))[: len(KINDS)]
    counts[0] = 0
    in_bone = counts[:MASS]
    if not in_bone.any():
        return KINDS[MASS]
    name = KINDS[int(in_bone.argmax())]
    return f"{name} with {KINDS[MASS]}" if counts[MASS] > _MASS_SHARE * counts.sum() else name


def _starts(have: int, size: int) -> list[int]:
    if size >= have:
        return [0]
    count = 1 + int(np.ceil((have - size) / (size * (1 - _OVERLAP))))
    return [round(n * (have - size) / (count - 1)) for n in range(count)]
