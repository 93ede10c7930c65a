"""How well a network segments whole slices: the two figures of the paper's table I, and Dice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.vertebrae.cases import SliceCase
from SpineLib.preprocess.ct import window_to_8bit


def slice_figures(
    network: torch.nn.Module,
    cases: list[SliceCase],
    *,
    window: tuple[float, float],
    slice_step: int,
    threshold: float,
    autocast: Callable[[], AbstractContextManager],
    device: torch.device,
) -> dict[str, float]:
    """Means over the cases, each by all of its slices together.

    Returns:
        ``iou``: intersection over union of mask and truth; ``dice``; ``loss``: binary cross-entropy of a pixel (the
        paper does not say which loss it has; 0.0055 is of this one's size). Empty without cases.
    """
    figures = []
    for case in cases:
        hit = either = total = 0
        multiple = cast(int, network.multiple)
        losses = []
        for z in range(0, len(case.hu), slice_step):
            grey = window_to_8bit(np.asarray(case.hu[z], dtype=np.float32), window) * np.float32(1 / 255)
            x = torch.from_numpy(grey)[None, None].to(device)
            truth = torch.from_numpy(np.array(case.mask[z]))[None, None].to(device).float()
            padding = [value for size in reversed(x.shape[2:]) for value in (0, -size % multiple)]
            x = functional.pad(x, padding).contiguous(memory_format=torch.channels_last)
            with torch.inference_mode(), autocast():
                logits = network(x)[(..., *(slice(size) for size in truth.shape[2:]))].float()
            losses.append(float(functional.binary_cross_entropy_with_logits(logits, truth)))
            found = torch.sigmoid(logits) >= threshold
            hit += int((found & (truth > 0)).sum())
            either += int((found | (truth > 0)).sum())
            total += int(found.sum() + (truth > 0).sum())
        figures.append((hit / max(either, 1), 2 * hit / max(total, 1), float(np.mean(losses))))
    if not figures:
        return {}
    iou, dice, loss = np.mean(figures, axis=0)
    return {"iou": float(iou), "dice": float(dice), "loss": float(loss)}
