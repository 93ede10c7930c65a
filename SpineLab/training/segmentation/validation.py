"""How well the network does on held-out cases, fast enough to look often."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.tensors import over_windows
from SpineLib.metrics.overlap import lesion_matches, overlap

#: Looked at besides the threshold of the configuration.
THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def predict(
    network: torch.nn.Module,
    channels: np.ndarray,
    *,
    whitening: str,
    patch: tuple[int, ...],
    autocast: Callable[[], AbstractContextManager],
    device: torch.device,
    batch: int = 8,
) -> np.ndarray:
    """Probability (s, y, x) float32 of prepared channels (c, s, y, x).

    In 2D whole slices, in 3D windows of the patch's size with a quarter's overlap; ``tasks.segment`` does the same with
    more care and is what users and the final evaluation run.
    """
    multiple, shape = cast(int, network.multiple), channels.shape[1:]

    def run(x: torch.Tensor) -> torch.Tensor:
        if whitening == "patch":
            axes = tuple(range(2, x.ndim))
            x = (x - x.mean(axes, keepdim=True)) / (x.std(axes, keepdim=True) + 1e-6)
        padding = [value for size in reversed(x.shape[2:]) for value in (0, -size % multiple)]
        with autocast():
            out = network(functional.pad(x, padding, mode="replicate"))
        own: tuple = (..., *(slice(size) for size in x.shape[2:]))
        return torch.sigmoid(out.float())[own]

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

    with torch.inference_mode():
        if network.dimensions == 2:
            slices = [
                run(tensor(channels[:, start : start + batch].swapaxes(0, 1))) for start in range(0, shape[0], batch)
            ]
            return torch.cat(slices)[:, 0].cpu().numpy()
        return over_windows(run, tensor(channels)[None], patch)[0, 0].cpu().numpy()


def validate(
    network: torch.nn.Module, cases: list[PreparedCase], *, slice_step: int, threshold: float, **how
) -> dict[str, float]:
    """Means over the cases: dice, sensitivity (voxels), found (share of lesions), false_positives (lesions a case).

    Also ``best_threshold``, the one of :data:`THRESHOLDS` with the highest mean Dice, and that ``best_dice``; a model
    may be exported with it. The mean Dice counts a case without lesion and without prediction as 1, and with a
    prediction as 0.
    """
    figures, dices = [], []
    for case in cases:
        step = slice_step if network.dimensions == 2 else 1
        probability = predict(network, case.channels[:, ::step], **how)
        truth, mask = np.asarray(case.lesions[::step]), probability >= threshold
        result, matches = overlap(truth > 0, mask), lesion_matches(truth, mask)
        dices.append([_dice(overlap(truth, probability >= value).dice) for value in THRESHOLDS])
        figures.append(
            (
                _dice(result.dice),
                result.tpr,
                len(matches.found),
                len(matches.found) + len(matches.missed),
                len(matches.false_positives),
            )
        )
    if not figures:
        return {}
    by_threshold = np.mean(dices, axis=0)
    dice, tpr, found, lesions, false = (np.array(column, dtype=float) for column in zip(*figures))
    return {
        "dice": float(dice.mean()),
        "sensitivity": float(np.nanmean(tpr)) if np.isfinite(tpr).any() else 0.0,
        "found": float(found.sum() / max(lesions.sum(), 1)),
        "false_positives": float(false.mean()),
        "best_threshold": THRESHOLDS[int(by_threshold.argmax())],
        "best_dice": float(by_threshold.max()),
    }


def _dice(value: float) -> float:
    """1 where there is neither lesion nor prediction."""
    return 1.0 if np.isnan(value) else value
