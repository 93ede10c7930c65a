"""How far simulated scans are from real ones: how well a small classifier tells their patches apart.

It measures; nothing is trained with it. At 50 % the two cannot be told apart by what it looks at: the power at each
spatial frequency and direction, and the distribution of grey values and of local contrast.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.preprocess import Preparation, prepare
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like

#: Side of a patch, mm and pixels.
SIDE = 64
#: Frequencies, cycles a mm, between which power is summed; above the last a scanner's own grid shows, not the patient.
_BANDS = np.r_[1 / SIDE, np.geomspace(0.03, 0.4, 10)]
_PREPARATION = Preparation(slices=24, in_plane_spacing=1.0, even_mm=35.0)


def patches(image: Volume, vertebrae: Volume, count: int, seed: int = 0) -> np.ndarray:
    """Sagittal patches around vertebrae, evened and of 1 mm: (count, SIDE, SIDE), float32.

    Args:
        image: of any orientation.
        vertebrae: not 0 in vertebrae or their bodies.

    Raises:
        SpineError: no vertebra lies far enough within the image.
    """
    prepared = prepare({"MR": image}, _PREPARATION)
    there = prepared.from_input(np.asarray(resample_like(vertebrae, image, nearest=True).array), nearest=True) > 0
    half = SIDE // 2
    inside = np.zeros_like(there)
    inside[:, half:-half, half:-half] = there[:, half:-half, half:-half]
    places = np.argwhere(inside)
    if not len(places):
        raise SpineError("No vertebra lies far enough within the image; give another scan.")
    rng = np.random.default_rng(seed)
    chosen = places[rng.integers(len(places), size=count)]
    return np.stack([prepared.channels[0, s, y - half : y + half, x - half : x + half] for s, y, x in chosen])


def features(patch: np.ndarray) -> np.ndarray:
    """What the classifier looks at, (n,) float64, of one patch."""
    white = (patch - patch.mean()) / (patch.std() + 1e-6)
    window = np.outer(np.hanning(SIDE), np.hanning(SIDE))
    power = np.abs(np.fft.fft2(white * window)) ** 2
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    radius, upright = np.hypot(fy, fx), np.abs(fy) > np.abs(fx)
    bands = [(radius >= low) & (radius < high) for low, high in itertools.pairwise(_BANDS)]
    found = [np.log(power[band].mean() + 1e-9) for band in bands]
    found += [np.log((power[b & upright].mean() + 1e-9) / (power[b & ~upright].mean() + 1e-9)) for b in bands[2:]]
    found += list(np.percentile(white, (2, 10, 25, 75, 90, 98)))
    for sigma in (1.0, 3.0):
        local = white - ndimage.gaussian_filter(white, sigma)
        spread = np.sqrt(ndimage.gaussian_filter(local**2, 2 * sigma))
        found += list(np.log(np.percentile(spread, (10, 50, 90)) + 1e-6))
    return np.array(found)


def told_apart(simulated: Sequence[np.ndarray], real: Sequence[np.ndarray], ridge: float = 1.0) -> dict:
    """Balanced accuracy of a logistic regression on scans that it did not see.

    Each real scan is held out once, with its share of the simulated ones; both kinds weigh the same.

    Args:
        simulated, real: features of each scan's patches, (patches, n).

    Returns:
        ``accuracy`` (0.5: not to be told apart); ``of_simulated``, ``of_real``: shares of patches taken for what they
        are.
    """
    folds = min(len(real), len(simulated))
    if folds < 2:
        raise SpineError("Telling apart needs at least two scans of each kind; give more.")
    right: dict[int, list[float]] = {0: [], 1: []}
    for fold in range(folds):
        kinds = [
            (scans[n], kind, n % folds == fold)
            for kind, scans in enumerate((simulated, real))
            for n in range(len(scans))
        ]
        known = np.concatenate([one for one, _, held in kinds if not held])
        truth = np.concatenate([np.full(len(one), kind) for one, kind, held in kinds if not held])
        mean, spread = known.mean(0), known.std(0) + 1e-9
        weights = _regression(_with_one((known - mean) / spread), truth, ridge)
        for one, kind, held in kinds:
            if held:
                guess = _with_one((one - mean) / spread) @ weights > 0
                right[kind].append(float((guess == kind).mean()))
    shares = [float(np.mean(right[kind])) for kind in (0, 1)]
    return {"accuracy": sum(shares) / 2, "of_simulated": shares[0], "of_real": shares[1]}


def _with_one(table: np.ndarray) -> np.ndarray:
    return np.concatenate([table, np.ones((len(table), 1))], axis=1)


def _regression(table: np.ndarray, truth: np.ndarray, ridge: float) -> np.ndarray:
    """Weights of a logistic regression whose two kinds weigh the same, by Newton's method."""
    share = np.where(truth == 1, 0.5 / max((truth == 1).sum(), 1), 0.5 / max((truth == 0).sum(), 1)) * len(truth)
    weights, penalty = np.zeros(table.shape[1]), ridge * np.eye(table.shape[1])
    for _ in range(30):
        guess = 1 / (1 + np.exp(-np.clip(table @ weights, -30, 30)))
        gradient = table.T @ (share * (guess - truth)) + penalty @ weights
        curvature = table.T @ (table * (share * guess * (1 - guess))[:, None]) + penalty
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < 1e-8:
            break
    return weights
