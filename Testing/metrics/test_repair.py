"""Figures of a repair: of balls, whose surfaces lie known distances apart."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.metrics.repair import repair_figures
from SpineLib.volume import Volume

K, J, I = np.indices((48, 48, 48)) - 23.5  # noqa: E741 - axes as the field names them


def ball(radius: float) -> Volume:
    return Volume((radius**2 > K**2 + J**2 + I**2).astype(np.uint8))


def half() -> Volume:
    return Volume((I > 0).astype(np.uint8))


def test_the_same_vertebra_has_no_error():
    figures = repair_figures(ball(15), ball(15), half())
    assert (figures.dice, figures.volume_error) == (1, 0)
    assert figures.mean_mm == pytest.approx(0, abs=1e-4) and figures.p95_mm == pytest.approx(0, abs=1e-4)


def test_a_surface_two_millimetres_off_is_two_millimetres_off():
    figures = repair_figures(ball(15), ball(17), half())
    assert figures.mean_mm == pytest.approx(2, abs=0.1)  # a tenth of a voxel
    assert figures.p95_mm == pytest.approx(2, abs=0.3)
    assert figures.volume_error == pytest.approx((17 / 15) ** 3 - 1, abs=0.02)  # voxels of balls


def test_errors_beyond_the_region_do_not_count_but_in_the_volume():
    truth = ball(15)
    found = truth.with_array(np.where((I < -6) & (truth.array > 0), 0, truth.array))  # a cap is missing on the left
    figures = repair_figures(truth, found, half())
    assert figures.dice == 1 and figures.mean_mm == pytest.approx(0, abs=0.02)  # the level moves with the volume
    assert figures.volume_error < -0.1


def test_what_was_not_filled_counts_in_both_directions():
    truth = ball(15)
    found = truth.with_array(np.where(I > 3, 0, truth.array))
    figures = repair_figures(truth, found, half())
    assert figures.p95_mm > 8  # the pole is 11.5 mm from the cut
    assert 0 < figures.dice < 0.7


def test_a_filled_hole_within_the_bone_has_no_surface_to_measure():
    region = ball(5)
    figures = repair_figures(ball(15), ball(15), region)
    assert np.isnan(figures.mean_mm) and figures.dice == 1


@pytest.mark.parametrize(("bound", "share"), [(3.0, 1.0), (1.0, 0.0)])
def test_how_much_of_the_surface_keeps_what_the_repair_says_of_itself(bound, share):
    """The whole repaired surface is two millimetres off."""
    said = half().with_array(np.where(half().array > 0, bound, 0).astype(np.float32))
    figures = repair_figures(ball(15), ball(17), half(), uncertainty=said)
    assert figures.within_bound == pytest.approx(share) and figures.bound_mm == bound


def test_where_half_of_the_surface_keeps_it_half_is_told():
    said = half().with_array((half().array * np.where(J > 0, 3.0, 1.0)).astype(np.float32))
    figures = repair_figures(ball(15), ball(17), half(), uncertainty=said)
    assert figures.within_bound == pytest.approx(0.5, abs=0.06)  # of the voxels around a point the largest counts


def test_a_repair_that_says_nothing_of_itself_has_no_such_figure():
    assert np.isnan(repair_figures(ball(15), ball(17), half()).within_bound)
    nothing = half().with_array(np.zeros(half().shape, np.float32))
    assert np.isnan(repair_figures(ball(15), ball(17), half(), uncertainty=nothing).within_bound)


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="shape"):
        repair_figures(ball(5), ball(5), Volume(np.zeros((3, 3, 3))))
    with pytest.raises(ValueError, match="empty"):
        repair_figures(ball(5), ball(0), half())
