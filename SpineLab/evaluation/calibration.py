"""Whether a probability means what it says: reliability on cases with truth, and what brings it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from SpineLib.cohort.mr import Cohort
from SpineLib.models import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from SpineLib.volume import read_volume
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.segments import read_mask

#: Voxels of a lower probability, nearly all of the image, are left out: they would make any model look honest.
LEAST = 0.02
BINS = 10
#: Voxels of a case that are kept for the fit.
_KEPT = 20_000


@dataclass(frozen=True)
class Reliability:
    """Counts in equal bins of probability; voxels below :data:`LEAST` are left out.

    Attributes:
        voxels: in each bin.
        probability: mean of them.
        share: of them that are lesion.
    """

    voxels: np.ndarray
    probability: np.ndarray
    share: np.ndarray

    @property
    def expected_error(self) -> float:
        """Mean distance of share and probability, weighted by voxels (expected calibration error; Guo et al. 2017)."""
        weight = self.voxels / max(self.voxels.sum(), 1)
        return float((weight * np.abs(np.nan_to_num(self.share - self.probability))).sum())


def reliability(probability: np.ndarray, lesion: np.ndarray) -> Reliability:
    """Of probabilities and truths (bool), one each a voxel; bins without voxels hold nan."""
    kept = probability >= LEAST
    p, truth = probability[kept].astype(np.float64), lesion[kept].astype(np.float64)
    where = np.minimum((p * BINS).astype(int), BINS - 1)
    voxels = np.bincount(where, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(where, weights=values, minlength=BINS) / voxels for values in (p, truth)]
    return Reliability(voxels, means[0], means[1])


def fitted(probability: np.ndarray, lesion: np.ndarray) -> tuple[float, float]:
    """Slope and shift of the logit that make the probabilities likeliest (Platt 1999).

    Args:
        probability: of voxels; those below :data:`LEAST` are left out.
        lesion: truth, bool.

    Returns:
        (1, 0) where there are not both lesion and other voxels.
    """
    kept = probability >= LEAST
    p = np.clip(probability[kept].astype(np.float64), 1e-6, 1 - 1e-6)
    truth = lesion[kept].astype(np.float64)
    if not 0 < truth.sum() < len(truth):
        return 1.0, 0.0
    design = np.stack([np.log(p / (1 - p)), np.ones_like(p)], axis=1)
    sign = 2 * truth - 1

    def unlikely(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logit = design @ weights
        return float(np.logaddexp(0, -sign * logit).mean()), design.T @ (expit(logit) - truth) / len(truth)

    slope, shift = minimize(unlikely, (1.0, 0.0), jac=True, method="BFGS").x
    return float(slope), float(shift)


def voxels_of(
    cohort: Cohort,
    bundle: ModelBundle,
    settings: SegmentSettings = SegmentSettings(),
    *,
    label: str = "lesion",
    given: Sequence[str] | None = None,
    progress: Progress = silent,
) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of at least :data:`LEAST` and whether they are lesion, of a sample of each case's voxels."""
    rng = np.random.default_rng(0)
    found, truths = [], []
    for number, case in enumerate(cohort.cases):
        share = part(progress, number / len(cohort.cases), (number + 1) / len(cohort.cases))
        used = bundle.card.inputs_of(given or case.sequences)
        result = segment({name: read_volume(case.sequences[name], name) for name in used}, bundle, settings, share)
        truth = resample_like(read_mask(case.labels[label], label), result.mask, nearest=True).array > 0
        where = np.flatnonzero(result.probability.array >= LEAST)
        where = rng.choice(where, min(_KEPT, len(where)), replace=False)
        found.append(result.probability.array.ravel()[where])
        truths.append(truth.ravel()[where])
    return np.concatenate(found), np.concatenate(truths)
