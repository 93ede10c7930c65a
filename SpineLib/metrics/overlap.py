"""Overlap of two masks, voxel by voxel and lesion by lesion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage


@dataclass(frozen=True)
class Overlap:
    """Hille et al. (2020), equation 2; R and P are reference and prediction, 1 foreground, 0 background.

    Attributes:
        dice: 2 |R1 P1| / (|R1| + |P1|); nan when both are empty (nothing to agree on), 0 when one is.
        tpr: |R1 P1| / |R1|, sensitivity; nan when the reference is empty.
        tnr: |R0 P0| / |R0|, specificity; nan when the reference fills the grid.
        reference_voxels, prediction_voxels, common_voxels: counts.
    """

    dice: float
    tpr: float
    tnr: float
    reference_voxels: int
    prediction_voxels: int
    common_voxels: int


@dataclass(frozen=True)
class LesionMatches:
    """Which lesions were found.

    Attributes:
        found: ids of reference lesions that the prediction overlaps enough.
        missed: ids of the other reference lesions.
        false_positives: ids, in ``predicted``, of predicted lesions that touch no reference lesion.
        predicted: the prediction's lesions, labelled 1..n.
    """

    found: tuple[int, ...]
    missed: tuple[int, ...]
    false_positives: tuple[int, ...]
    predicted: np.ndarray


def overlap(reference: np.ndarray, prediction: np.ndarray) -> Overlap:
    """Compare two masks of one shape; everything not 0 is foreground.

    Raises:
        ValueError: the shapes differ.
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"reference of shape {reference.shape} and prediction of shape {prediction.shape}")
    reference, prediction = reference != 0, prediction != 0
    first, second = int(np.count_nonzero(reference)), int(np.count_nonzero(prediction))
    common = int(np.count_nonzero(reference & prediction))
    background = reference.size - first
    return Overlap(
        dice=2 * common / (first + second) if first + second else float("nan"),
        tpr=common / first if first else float("nan"),
        tnr=(background - (second - common)) / background if background else float("nan"),
        reference_voxels=first,
        prediction_voxels=second,
        common_voxels=common,
    )


def lesion_matches(
    reference: np.ndarray, prediction: np.ndarray, *, least_share: float = 0.1, least_voxels: int = 1
) -> LesionMatches:
    """Match lesions by overlap.

    A reference lesion is found when the prediction covers at least ``least_share`` of it (and one voxel). A predicted
    lesion, i.e. a component connected over faces, edges or corners, is a false positive when it touches no reference
    lesion at all. Several lesions may be found by one predicted component.

    Args:
        reference: lesion ids, 0 outside; a boolean mask is split into its components.
        prediction: mask.
        least_share: of a reference lesion's volume.
        least_voxels: smaller predicted components are ignored.
    """
    if reference.shape != prediction.shape:
        raise ValueError(f"reference of shape {reference.shape} and prediction of shape {prediction.shape}")
    neighbours = np.ones((3,) * reference.ndim)
    if reference.dtype == bool:
        reference, _ = ndimage.label(reference, neighbours)
    predicted, _ = ndimage.label(prediction != 0, neighbours)
    sizes = np.bincount(predicted.ravel())
    if (sizes[1:] < least_voxels).any():
        predicted[(sizes < least_voxels)[predicted]] = 0
    total = np.bincount(reference.ravel().astype(np.int64))
    hit = np.bincount(reference[predicted > 0].astype(np.int64), minlength=len(total))
    ids = [int(i) for i in np.flatnonzero(total) if i]
    found = tuple(i for i in ids if hit[i] > 0 and hit[i] >= least_share * total[i])
    touching = set(np.unique(predicted[reference > 0]).tolist())
    false = tuple(int(i) for i in np.unique(predicted) if i and i not in touching)
    return LesionMatches(found, tuple(i for i in ids if i not in found), false, predicted)
