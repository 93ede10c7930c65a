"""Batches made at once hold the samples that are drawn one by one, to rounding: so they are distributed alike, too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLab.training.segmentation.augmentation import draw_spatial
from SpineLab.training.segmentation.batches import BatchSampler
from SpineLab.training.segmentation.sampling import Steps

CPU = torch.device("cpu")
SEVEN = {
    "scale": (0.6, 1.4),
    "elastic": 0.3,
    "blur": (0.0, 0.5),
    "gamma": (0.5, 2.0),
    "translation_voxels": 8.0,
}


def both(tiny, balls, whitening, **sections):
    config = tiny(augmentation=SEVEN, **sections)
    steps = Steps(balls, config.sampling, config.augmentation, whitening)
    return steps, BatchSampler(steps, CPU)


@pytest.mark.parametrize("whitening", ["patch", "volume"])
@pytest.mark.parametrize(
    "sampling",
    [
        {"patch": (32, 32), "batch": 6, "background_fraction": 0.3},
        {"patch": (32, 32), "batch": 6, "slices": "all"},
        {"patch": (16, 32, 32), "batch": 2},
        {"patch": (8, 32, 32), "batch": 2, "background_fraction": 0.5},
    ],
)
def test_a_batch_at_once_is_the_batch_drawn_one_by_one(tiny, balls, whitening, sampling):
    more = {"network": {"dimensions": 3}} if len(sampling["patch"]) == 3 else {}
    steps, sampler = both(tiny, balls, whitening, sampling=sampling, **more)
    assert sampler.whole
    for step in (0, 7):
        (images, masks), (at_once, marked) = steps[step], sampler[step]
        assert images.shape == at_once.shape and masks.shape == marked.shape
        # Sums of single precision in another order; whitened values reach 10.
        assert torch.allclose(images, at_once, atol=2e-3)
        # A voxel whose interpolated mask is one half to rounding may fall to either side.
        assert (masks != marked).float().mean() < 1e-3


def test_other_changes_than_the_papers_are_drawn_one_by_one(tiny, balls):
    config = tiny(augmentation={"noise": 0.1})
    steps = Steps(balls, config.sampling, config.augmentation, "volume")
    sampler = BatchSampler(steps, CPU)
    assert not sampler.whole
    assert all(torch.equal(a, b) for a, b in zip(steps[3], sampler[3]))


def test_what_is_read_of_a_whole_volume_is_what_is_read_of_its_block(tiny, balls):
    """As on a graphics card, where the volume lies in memory."""
    steps, sampler = both(tiny, balls, "patch", sampling={"patch": (32, 32), "batch": 4})
    rng = np.random.default_rng(3)
    case, centre = steps._place(rng, False)
    (points,) = sampler._points([(case, centre, draw_spatial(rng, steps.augmentation, (32, 32)))])
    (image, mask), (whole, marked) = sampler._read(case, points), sampler.read_whole(case, points)
    # Half precision is what cases are kept in; coordinates are single precision in both.
    assert torch.allclose(image, whole, atol=2e-3) and (mask != marked).float().mean() < 2e-3


def test_a_gamma_and_a_blur_are_drawn_for_each_channel(tiny, balls):
    steps, sampler = both(tiny, balls, "patch", sampling={"patch": (32, 32), "batch": 4})
    images, _ = sampler[1]
    assert not torch.allclose(images[:, 0], images[:, 1]) and np.isfinite(images.numpy()).all()
