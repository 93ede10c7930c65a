"""How well a detector does on cases that are not trained on, fast enough to look often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch

from SpineLab.training.ct_lesions.cases import SliceCase
from SpineLib.metrics.average_precision import ImageBoxes, precision_recall
from SpineLib.networks.faster_rcnn import STRIDE, FasterRCNN

#: At most so many slices of a case, evenly spread, and so many at a time.
_SLICES, _BATCH = 24, 4
#: Pixels around the vertebrae that are looked at as well.
_MARGIN = 32


def validate(
    network: FasterRCNN,
    cases: Sequence[SliceCase],
    *,
    autocast: Callable[[], AbstractContextManager],
    device: torch.device,
) -> dict[str, float]:
    """Figures over slices of cases, around their vertebrae.

    Returns:
        ``ap``, average precision at an overlap of 0.5; ``recall`` and ``precision`` from a probability of 0.5 on. What
        ``spine evaluate ct-lesions`` measures later is on whole slices, all of them.
    """
    images = []
    for case in cases:
        numbers = np.flatnonzero(case.known)
        numbers = numbers[np.unique(np.linspace(0, len(numbers) - 1, min(_SLICES, len(numbers))).astype(int))]
        rows, columns = window(case)
        for start in range(0, len(numbers), _BATCH):
            batch = numbers[start : start + _BATCH]
            found = found_in(
                network, np.stack([case.stack(number)[:, rows, columns] for number in batch]), autocast, device
            )
            for number, (boxes, scores) in zip(batch, found):
                images.append(ImageBoxes(boxes + [columns.start, rows.start] * 2, scores, case.boxes_of(number)))
    curve = precision_recall(images)
    precision, recall = curve.at(0.5)
    return {
        "ap": 0.0 if not curve.truths else curve.average_precision,
        "recall": recall,
        "precision": 0.0 if np.isnan(precision) else precision,
    }


def window(case: SliceCase) -> tuple[slice, slice]:
    """Rows and columns around the case's vertebrae; the whole slice where they are not known."""
    if not len(case.spine):
        rows, columns = (slice(0, size) for size in case.images.shape[1:])
        return rows, columns
    low, high = case.spine.min(axis=0)[1:] - _MARGIN, case.spine.max(axis=0)[1:] + _MARGIN
    rows, columns = (slice(max(int(a), 0), min(int(b), n)) for a, b, n in zip(low, high, case.images.shape[1:]))
    return rows, columns


def found_in(
    network: FasterRCNN, stacks: np.ndarray, autocast: Callable[[], AbstractContextManager], device: torch.device
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Boxes and scores of each image, uint8 (n, 3, rows, columns)."""
    padded = np.pad(stacks, [(0, 0), (0, 0), *((0, -size % STRIDE) for size in stacks.shape[2:])])
    images = torch.from_numpy(padded.astype(np.float32) * np.float32(1 / 255))
    with torch.inference_mode(), autocast():
        found = network(images.to(device, memory_format=torch.channels_last))
    return [(one.boxes.float().cpu().numpy(), one.scores.float().cpu().numpy()) for one in found]
