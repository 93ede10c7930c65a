"""Where the network errs on the cases it learns from, so that more patches are drawn there (hard example mining).

False alarms are few and lie far apart: patches drawn at random rarely meet one. Whole cases are looked through from
time to time instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.validation import predict_case

#: What lies so near a lesion, voxels in a slice, is a matter of its border and no false alarm.
_MARGIN = 5
#: Places kept of each false alarm.
_PLACES = 8
#: A lesion of which less is marked is a missed one.
_COVERED = 0.5
_NEIGHBOURS = np.ones((3, 3, 3))


@dataclass(frozen=True)
class Errors:
    """What is wrong in one case.

    Attributes:
        alarms: places in false alarms, shape (n, 3), index (s, y, x).
        missed: rows of ``PreparedCase.centres`` of the lesions that are missed by half or more.
    """

    alarms: np.ndarray
    missed: np.ndarray


def find_errors(
    network: torch.nn.Module, case: PreparedCase, number: int = 0, *, slice_step: int, threshold: float, **how
) -> Errors:
    """Look through a case, in 2D through every ``slice_step``-th slice; ``number`` and ``how`` are passed to
    ``validation.predict_case``."""
    step = slice_step if network.dimensions == 2 else 1
    marked = predict_case(network, case, number, step, **how) >= threshold
    lesions = np.asarray(case.lesions[::step])
    near = ndimage.binary_dilation(lesions > 0, np.ones((1, 3, 3)), iterations=_MARGIN)
    alarms, count = ndimage.label(marked & ~near, structure=_NEIGHBOURS)
    places, rng = [], np.random.default_rng(0)
    for number, box in enumerate(ndimage.find_objects(alarms), start=1):
        inside = np.argwhere(alarms[box] == number) + [part.start for part in box]
        places.append(inside[rng.choice(len(inside), min(_PLACES, len(inside)), replace=False)] * [step, 1, 1])
    numbers = np.unique(case.lesions)  # As dataset.prepare_case numbers the rows of the centres.
    missed = [
        row
        for row, number in enumerate(numbers[numbers > 0])
        if (inside := lesions == number).any() and marked[inside].mean() < _COVERED
    ]
    return Errors(np.concatenate(places) if count else np.zeros((0, 3), int), np.array(missed, int))
