"""The Tversky loss has Salehi's values."""

import pytest
import torch

from SpineLab.training.segmentation.losses import TverskyLoss


def _logits(probability):
    return torch.logit(torch.tensor(probability, dtype=torch.float64)).float()


def test_the_loss_is_one_minus_salehis_index():
    probability, target = [0.9, 0.6, 0.2, 0.1], torch.tensor([1.0, 0.0, 1.0, 0.0])
    hit, false_positive, false_negative = 0.9 + 0.2, 0.6 + 0.1, 0.1 + 0.8
    wanted = 1 - hit / (hit + 0.3 * false_positive + 0.7 * false_negative)
    loss = TverskyLoss(smooth=0.0)(_logits(probability), target)
    assert loss.item() == pytest.approx(wanted, abs=1e-5)


def test_with_one_half_each_it_is_one_minus_the_soft_dice():
    probability, target = [0.7, 0.3, 0.8], torch.tensor([1.0, 1.0, 0.0])
    dice = 2 * (0.7 + 0.3) / (0.7 + 0.3 + 0.8 + 2)
    assert TverskyLoss(0.5, 0.5, smooth=0.0)(_logits(probability), target).item() == pytest.approx(1 - dice, abs=1e-5)


def test_it_runs_from_0_to_1_and_not_to_2():
    target = torch.zeros(1, 1, 8, 8)
    target[..., 2:5, 2:5] = 1
    loss = TverskyLoss(smooth=0.0)
    assert loss((target * 2 - 1) * 50, target).item() == pytest.approx(0, abs=1e-6)
    assert loss((1 - target * 2) * 50, target).item() == pytest.approx(1, abs=1e-6)


def test_missing_a_voxel_costs_more_than_adding_one():
    target = torch.tensor([1.0, 1.0, 0.0, 0.0])
    loss = TverskyLoss(smooth=0.0)
    missed = loss(torch.tensor([50.0, -50, -50, -50]), target)
    added = loss(torch.tensor([50.0, 50, 50, -50]), target)
    assert missed > added


def test_an_empty_reference_and_an_empty_prediction_cost_nothing():
    assert TverskyLoss()(torch.full((4,), -50.0), torch.zeros(4)).item() == pytest.approx(0, abs=1e-6)


def test_by_sample_a_small_lesion_missed_costs_as_much_as_a_large_one():
    target = torch.zeros(2, 1, 16, 16)
    target[0, 0, 2:14, 2:14] = 1  # 144 pixels
    target[1, 0, 2:4, 2:4] = 1  # 4 pixels
    only_large, only_small = ((target * keep - 0.5) * 100 for keep in torch.eye(2).reshape(2, 2, 1, 1, 1))
    together, apart = TverskyLoss(smooth=0.0), TverskyLoss(smooth=0.0, by_sample=1.0)
    assert together(only_small, target) > 5 * together(only_large, target)
    assert apart(only_small, target).item() == pytest.approx(0.5) == apart(only_large, target).item()
    half = TverskyLoss(smooth=0.0, by_sample=0.5)(only_large, target).item()
    assert half == pytest.approx((0.5 + together(only_large, target).item()) / 2)


def test_by_sample_those_without_lesion_count_in_the_batch_alone():
    target = torch.zeros(2, 1, 8, 8)
    target[0, 0, :4] = 1
    alarm = (target - 0.5) * 100
    alarm[1, 0, :2] = 50  # a false alarm where there is no lesion
    assert TverskyLoss(smooth=0.0, by_sample=1.0)(alarm, target).item() == pytest.approx(0, abs=1e-6)
    assert TverskyLoss(smooth=0.0, by_sample=0.5)(alarm, target) > 0.05
    healthy = torch.zeros(2, 1, 8, 8)
    assert TverskyLoss(by_sample=1.0)(alarm, healthy) == TverskyLoss()(alarm, healthy) > 0.5


def test_the_gradient_is_that_of_finite_differences_and_pulls_the_right_way():
    target = torch.tensor([1.0, 0.0, 1.0, 0.0])
    logits = torch.tensor([0.3, -0.2, -1.0, 0.8], requires_grad=True)
    loss = TverskyLoss(cross_entropy=0.5)
    loss(logits, target).backward()
    for index in range(4):
        step = torch.zeros(4)
        step[index] = 1e-2
        slope = (loss(logits.detach() + step, target) - loss(logits.detach() - step, target)) / 2e-2
        assert logits.grad[index].item() == pytest.approx(slope.item(), abs=1e-3)
    assert (logits.grad[target == 1] < 0).all() and (logits.grad[target == 0] > 0).all()
