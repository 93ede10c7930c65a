"""Patches are drawn where the network errs."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from SpineLab.training.segmentation import loop
from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.dataset import PreparedCase, _measure
from SpineLab.training.segmentation.mining import Errors, find_errors
from SpineLab.training.segmentation.sampling import SamplingSettings, Steps
from SpineLib.errors import Cancelled

SHAPE = (12, 64, 64)
NONE = Errors(np.zeros((0, 3), int), np.zeros(0, int))


class Bright(torch.nn.Module):
    """Marks every pixel above 0: what a test paints is what the network finds."""

    dimensions, multiple = 2, 1

    def forward(self, x):
        return x[:, :1] * 20 - 10


def _case(marked, lesions):
    centres, boxes = map(np.array, _measure(lesions))
    nowhere = np.zeros((0, 3), np.int16)
    return PreparedCase(
        "sub-001",
        Path(),
        marked[None].astype(np.float16),
        lesions.astype(np.uint8),
        (2.0, 1.0, 1.0),
        centres,
        boxes,
        nowhere,
        nowhere,
        nowhere,
    )


def _errors(case, slice_step=1):
    return find_errors(
        Bright(),
        case,
        slice_step=slice_step,
        threshold=0.5,
        whitening="volume",
        patch=(32, 32),
        autocast=lambda: torch.autocast("cpu", enabled=False),
        device=torch.device("cpu"),
    )


def _block(*corner, size=8):
    array = np.zeros(SHAPE)
    array[tuple(slice(c, c + (4 if axis == 0 else size)) for axis, c in enumerate(corner))] = 1
    return array


@pytest.mark.parametrize("slice_step", [1, 2])
def test_a_false_alarm_is_told_by_places_within_it(slice_step):
    alarm, lesion = _block(4, 40, 40), _block(4, 10, 10)
    errors = _errors(_case(alarm + lesion, lesion), slice_step)
    assert len(errors.alarms) == 8 and len(errors.missed) == 0
    assert all(alarm[tuple(place)] for place in errors.alarms)


def test_a_mask_that_runs_over_the_lesions_border_is_no_false_alarm():
    lesion = _block(4, 20, 20)
    assert len(_errors(_case(_block(4, 16, 16, size=16), lesion)).alarms) == 0


def test_every_false_alarm_has_its_places_however_small_it_is():
    places = _errors(_case(_block(0, 2, 2, size=1) + _block(6, 40, 40, size=20), np.zeros(SHAPE))).alarms
    assert len(places) == 4 + 8  # the small one has four voxels


def test_a_lesion_that_is_marked_by_less_than_half_is_missed():
    first, second, third = _block(4, 4, 4), _block(4, 4, 40), _block(4, 40, 20)
    lesions = first * 2 + second * 5 + third * 7  # ids need not be 1, 2, 3
    marked = first + _block(4, 4, 40, size=3)
    assert _errors(_case(marked, lesions)).missed.tolist() == [1, 2]


def test_a_share_of_the_patches_is_drawn_at_the_errors():
    lesions = _block(4, 4, 4) + 2 * _block(4, 40, 40)
    cases = [_case(np.zeros(SHAPE), lesions) for _ in range(2)]
    still = AugmentationSettings(
        mirror=(),
        scale=(1, 1),
        rotation_transversal_degrees=0,
        rotation_sagittal_degrees=0,
        elastic=0,
        translation_voxels=0,
    )
    rng = np.random.default_rng(0)
    for share, background, low, high in ((1.0, 1.0, 1, 1), (1.0, 0.0, 1, 1), (0.5, 1.0, 0.4, 0.6), (0, 1.0, 0, 0.1)):
        steps = Steps(cases, SamplingSettings((16, 16), 4, background, hard_fraction=share), still, "volume")
        steps.remember([NONE, Errors(np.array([[2, 30, 8]]), np.array([1]))])
        drawn = [steps._place(rng, background == 1) for _ in range(300)]
        wanted = [
            case is cases[1] and (tuple(centre) == (2, 30, 8) if background else tuple(centre[1:]) == (43.5, 43.5))
            for case, centre in drawn
        ]
        assert low <= np.mean(wanted) <= high


def test_without_errors_patches_are_drawn_as_without_the_setting(balls):
    plain, hard = (
        Steps(balls, SamplingSettings((16, 16), 6, 0.5, hard_fraction=share), AugmentationSettings(), "volume")
        for share in (0, 0.5)
    )
    hard.remember([NONE] * len(balls))
    assert all(torch.equal(one, two) for one, two in zip(plain[3], hard[3]))


def test_a_training_looks_through_its_cases_every_so_many_steps(tiny, balls, tmp_path):
    told = []
    config = tiny(optimisation={"steps": 7}, sampling={"hard_fraction": 0.5, "hard_every": 3})
    loop.train(config, balls[2:], [], tmp_path, report=told.append)
    assert sum("Cases looked through" in line for line in told) == 2  # at steps 3 and 6


def test_ctrl_c_while_cases_are_looked_through_stops_after_the_case_with_all_steps_saved(
    tiny, balls, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_LOOK_CASES", 1)
    config = tiny(optimisation={"steps": 7}, sampling={"hard_fraction": 0.5, "hard_every": 3})
    told = []

    def interrupt(text):
        told.append(text)
        if text.startswith("looked through 1 of"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Cancelled):
        loop.train(config, balls[2:], [], tmp_path, report=interrupt)
    assert not any("looked through 2 of" in line for line in told)
    loop.train(config, balls[2:], [], tmp_path, report=told.append)
    assert any(line.startswith("Going on at step 3") for line in told)
