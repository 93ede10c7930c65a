"""How well the network does on held-out cases, fast enough to look often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, cast

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.tensors import over_windows
from SpineLib.metrics.overlap import lesion_matches, overlap
from SpineLib.networks.channels import InputChannels

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
    layout: InputChannels | None = None,
    there: Sequence[int] = (),
    slice_mm: float = 1.0,
    only: slice = slice(None),
    batch: int = 8,
) -> np.ndarray:
    """Probability (s, y, x) float32 of prepared channels (c, s, y, x).

    In 2D whole slices, or windows of the patch's size where each patch is whitened by itself; in 3D such windows; they
    overlap by a quarter. ``tasks.segment`` does the same with more care and is what users and evaluations run.

    Args:
        layout: of the network's input; without one each channel is an input.
        there, slice_mm: as of :meth:`SpineLib.networks.channels.InputChannels.slices`.
        only: the slices wanted, where the network looks at slices.
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
            first, last, _ = only.indices(shape[0])
            parts = (slice(start, min(start + batch, last)) for start in range(first, last, batch))
            look = run if whitening != "patch" else lambda x: over_windows(run, x, patch)
            slices = [
                look(
                    tensor(
                        (
                            channels[:, part] if layout is None else layout.slices(channels, there, part, slice_mm)
                        ).swapaxes(0, 1)
                    )
                )
                for part in parts
            ]
            return torch.cat(slices)[:, 0].cpu().numpy()
        return over_windows(run, tensor(channels)[None], patch)[0, 0].cpu().numpy()


def predict_case(
    network: torch.nn.Module,
    case: PreparedCase,
    number: int,
    step: int,
    *,
    layout: InputChannels | None = None,
    looks: Sequence[Sequence[int]] = (),
    **how,
) -> np.ndarray:
    """Probability of a case's every ``step``-th slice.

    Args:
        number: of the case; it is given the sequences ``looks[number % len(looks)]``, all without ``looks``.
        layout, how: of :func:`predict`.
    """
    if layout is None:
        return predict(network, case.channels[:, ::step], **how)
    there = list(looks[number % len(looks)]) if looks else list(range(layout.sequences))
    channels = np.stack([np.asarray(case.channels[n]) for n in there])
    whole: dict[str, Any] = {"layout": layout, "there": there, "slice_mm": case.spacing[0]}
    if step == 1 or not layout.neighbours:
        return predict(network, channels[:, ::step], **whole, **how)
    wanted = range(0, channels.shape[1], step)  # each with its own neighbours, not with the next one looked at
    reach = max(layout.offsets(case.spacing[0]))
    parts = []
    for place in wanted:
        low = max(place - reach, 0)
        block = channels[:, low : place + reach + 1]
        parts.append(predict(network, block, only=slice(place - low, place - low + 1), **whole, **how))
    return np.concatenate(parts)


def validate(
    network: torch.nn.Module, cases: list[PreparedCase], *, slice_step: int, threshold: float, **how
) -> dict[str, float]:
    """Means over the cases: dice, sensitivity (voxels), found (share of lesions), false_positives (lesions a case).

    Also ``best_threshold``, the one of :data:`THRESHOLDS` with the highest mean Dice, and that ``best_dice``; a model
    may be exported with it. The mean Dice counts a case without lesion and without prediction as 1, and with a
    prediction as 0.
    """
    figures, dices = [], []
    for number, case in enumerate(cases):
        step = slice_step if network.dimensions == 2 else 1
        probability = predict_case(network, case, number, step, **how)
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
