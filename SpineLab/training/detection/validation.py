"""How well a detector finds metastases in cases that are not trained on, fast enough to look often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import torch

from SpineLab.training.detection.cases import BACKGROUND, LESION, VERTEBRA, DetectorCase
from SpineLib.networks.siamese import Siamese
from SpineLib.tasks.detection.candidates import aggregate, find_candidates
from SpineLib.tasks.detection.likelihood import patches, whitened, window
from SpineLib.volume import Volume

#: A candidate hits a lesion when their centres of gravity are at most this far apart (section 3.3).
_RADIUS_MM = 20.0
#: Likelihoods that are tried as thresholds, and false positives a case at which sensitivity is averaged.
_THRESHOLDS = tuple(np.round(np.arange(0.2, 0.96, 0.05), 2)) + (0.97, 0.98, 0.99, 0.995)
_RATES = (0.125, 0.25, 0.5, 1.0)
#: Places of each kind and slice of which patches are made where no lattice can be.
_PLACES = 12


def validate(
    network: Siamese,
    cases: Sequence[DetectorCase],
    *,
    spacing: float,
    smallest_cm2: float,
    whiten: bool,
    autocast: Callable[[], AbstractContextManager],
    device: torch.device,
) -> dict[str, float]:
    """Figures on cases that are not trained on.

    Returns:
        ``auc``: how often a metastasis's place has a higher likelihood than a normal one, of which 70 % lie in a
        vertebra; and, for the context "margin", of aggregated maps on a lattice: ``score``, the mean sensitivity by
        lesion at 1/8, 1/4, 1/2 and 1 false positive a case, and ``sensitivity`` at 1/4 with its ``threshold``. What
        ``spine evaluate`` measures later is finer. Without maps ``score`` is the auc.
    """
    scores: dict[int, list[np.ndarray]] = {BACKGROUND: [], VERTEBRA: [], LESION: []}
    counted = []
    network.eval()
    with torch.inference_mode():
        for case in cases:
            if network.context == "margin":
                map_, kinds = _lattice(network, case, spacing, autocast, device)
                counted.append(_count(case, map_, spacing, smallest_cm2))
                values = [(kind, map_.array[kinds == kind]) for kind in scores]
            else:
                values = _at_random(network, case, whiten, autocast, device)
            for kind, found in values:
                scores[kind].append(found)
    joined = {kind: np.concatenate(found) for kind, found in scores.items()}
    figures = {"auc": 0.7 * _auc(joined[LESION], joined[VERTEBRA]) + 0.3 * _auc(joined[LESION], joined[BACKGROUND])}
    return {"score": figures["auc"], **figures, **(_sensitivities(counted) if counted else {})}


def _lattice(network: Siamese, case: DetectorCase, spacing: float, autocast, device) -> tuple[Volume, np.ndarray]:
    """Aggregated likelihoods of the middle half, places ``spacing`` mm apart, and their kinds."""
    step, columns, count = round(spacing), case.columns, len(case.kinds)
    kinds = case.kinds[:, ::step, columns][:, :, ::step]
    multiple = network.multiple(spacing)
    size = tuple(-(-length // multiple) * multiple for length in kinds.shape[1:])
    found = np.empty(kinds.shape, np.float32)
    for s in range(count):
        images = [
            torch.from_numpy(
                window(case.images[scale][s], network, scale, (0, columns.start), size, spacing).astype(np.float32)
            )[None, None].to(device)
            for scale in network.scales
        ]
        with autocast():
            map_ = network.probability(images, spacing)
        found[s] = map_[0, : kinds.shape[1], : kinds.shape[2]].cpu().numpy()
    # Any placement will do, the same for map and lesions: s to the left, rows down, columns to the back.
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
    return Volume(aggregate(found), (spacing, spacing, case.spacing[0]), direction=direction), kinds


def _count(case: DetectorCase, map_: Volume, spacing: float, smallest_cm2: float) -> np.ndarray:
    """Lesions, and for each threshold how many are found and how many candidates hit none: (thresholds, 3)."""
    centres = []
    for label in np.unique(case.lesions[case.lesions > 0]):
        s, row, column = np.argwhere(case.lesions == label).mean(axis=0)
        place = (map_.ijk_to_lps @ [(column - case.columns.start) / spacing, row / spacing, s, 1.0])[:3]
        centres.append(place)
    rows = []
    for threshold in _THRESHOLDS:
        places = np.array([one.centre_lps_mm for one in find_candidates(map_, threshold, smallest_cm2)]).reshape(-1, 3)
        hit = np.linalg.norm(places[:, None] - np.reshape(centres, (-1, 3))[None], axis=2) <= _RADIUS_MM
        rows.append((len(centres), hit.any(axis=0).sum(), (~hit.any(axis=1)).sum()))
    return np.array(rows, float)


def _sensitivities(counted: list[np.ndarray]) -> dict[str, float]:
    total = np.sum(counted, axis=0)
    sensitivity, false = total[:, 1] / max(total[0, 0], 1), total[:, 2] / len(counted)
    at = [
        max((float(value) for value, rate in zip(sensitivity, false) if rate <= most), default=0.0) for most in _RATES
    ]
    allowed = np.flatnonzero(false <= 0.25)
    best = allowed[sensitivity[allowed].argmax()] if len(allowed) else len(_THRESHOLDS) - 1
    return {"score": float(np.mean(at)), "sensitivity": at[1], "threshold": float(_THRESHOLDS[best])}


def _at_random(network: Siamese, case: DetectorCase, whiten: bool, autocast, device) -> list[tuple[int, np.ndarray]]:
    """Likelihoods of some places of each kind, the same each time."""
    rng, found = np.random.default_rng(1), []
    for s in np.flatnonzero((case.kinds == LESION).any(axis=(1, 2))):
        for kind in (BACKGROUND, VERTEBRA, LESION):
            places = np.argwhere(case.kinds[s][:, case.columns] == kind)
            if not len(places):
                continue
            places = places[rng.integers(len(places), size=_PLACES)] + (0, case.columns.start)
            images = []
            for scale in network.scales:
                cut = patches(case.images[scale][s], network, scale, places, False).astype(np.float32)
                images.append(torch.from_numpy(whitened(cut) if whiten else cut)[:, None].to(device))
            with autocast():
                found.append((kind, network.probability(images)[:, 0, 0].cpu().numpy()))
    return found


def _auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Area under the ROC curve; a tie counts a half. 0 where a side is empty."""
    if not len(positive) or not len(negative):
        return 0.0
    order = np.sort(negative)
    below, equal = np.searchsorted(order, positive, "left"), np.searchsorted(order, positive, "right")
    return float((below + equal).mean() / 2 / len(negative))
