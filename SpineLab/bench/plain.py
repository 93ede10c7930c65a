"""The plain way to run a network, to measure the fast one against: what a first working version would do."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import cast

import numpy as np
import torch

from SpineLib.models import ModelBundle
from SpineLib.networks.unet import UNet
from SpineLib.preprocess import Preparation, prepare
from SpineLib.tasks.segmentation.lesions import calibrated, find_lesions, smoothed_across_slices
from SpineLib.volume import Volume


def plain(sequences: Mapping[str, Volume], bundle: ModelBundle) -> np.ndarray:
    """The mask (k, j, i) of the same weights on the same prepared images, as the fast way makes it but for the network.

    The network runs as it was trained: float32, channels first, batch normalisation apart; windows of 128 x 128 (3D:
    64 x 128 x 128) with half overlap, one after another, their probabilities averaged.
    """
    card = bundle.card
    prepared = prepare({name: sequences[name] for name in card.inputs}, Preparation.from_dict(card.preparation))
    network = cast(UNet, bundle.network())
    whiten = card.preparation.get("whitening") == "patch"
    shape = prepared.channels.shape[1:]
    window = (1 if network.dimensions == 2 else 64, 128, 128)
    more = [max(0, size - have) for size, have in zip(window, shape)]
    channels = np.pad(prepared.channels, [(0, 0), *((0, size) for size in more)], mode="reflect")
    total, count = np.zeros(channels.shape[1:], np.float32), np.zeros(channels.shape[1:], np.float32)
    with torch.inference_mode():
        for corner in itertools.product(*(_starts(*both) for both in zip(channels.shape[1:], window))):
            box = tuple(slice(start, start + size) for start, size in zip(corner, window))
            piece = channels[(slice(None), *box)]
            if whiten:
                axes = (1, 2, 3)
                deviation = piece.std(axis=axes, keepdims=True)
                piece = (piece - piece.mean(axis=axes, keepdims=True)) / np.where(deviation > 1e-6, deviation, 1)
            tensor = torch.from_numpy(np.ascontiguousarray(piece))[None]
            flat = network.dimensions == 2
            result = network.probability(tensor[:, :, 0] if flat else tensor)[0, 0].numpy()
            total[box] += result
            count[box] += 1
    probability = (total / count)[tuple(slice(size) for size in shape)]
    probability = smoothed_across_slices(probability, prepared.spacing[0], card.smoothing_mm)
    probability = calibrated(probability, card.calibration)
    mask, _, _ = find_lesions(prepared.to_input(probability), card.threshold, card.smallest_lesion_ml)
    return mask.array


def _starts(size: int, window: int) -> list[int]:
    starts = list(range(0, size - window + 1, max(1, window // 2)))
    return starts if starts[-1] == size - window else [*starts, size - window]
