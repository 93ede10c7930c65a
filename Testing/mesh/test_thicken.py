"""Walls that are too thin to print are thickened, as long as the vertebra stays what it is."""

import numpy as np
import pytest

from SpineLib.mesh.model import ModelSettings, build_model
from SpineLib.volume import Volume
from Testing.tasks.balls import ball, grid, rotation, union

GRIDS = {
    "cubes": ((0.6, 0.6, 0.6), np.eye(3)),
    "oblique, left-handed": ((0.6, 0.6, 0.6), rotation((20, -15, 35)) * (1, -1, 1)),
}


def with_fin(on: Volume, radius: float = 12.0) -> Volume:
    """A ball with a sheet of one voxel, 6 mm wide and about 5 mm long, on its side."""
    fin = on.with_array(np.zeros(on.shape, np.uint8))
    k, j, i = (count // 2 for count in on.shape)
    fin.array[k, j - 5 : j + 6, i : i + int((radius + 5) / on.spacing[0])] = 1
    centre = (on.ijk_to_lps @ [i, j, k, 1])[:3]
    return union(ball(radius, centre, on), fin)


@pytest.mark.parametrize("name", GRIDS)
def test_a_thin_fin_is_thickened_and_the_note_tells_by_how_much(name):
    spacing, direction = GRIDS[name]
    mask = with_fin(grid(spacing, 18.0, direction, (31.0, -140.0, -612.0)))
    model = build_model(mask, ModelSettings(decimation_mm=0.0))  # decimation cuts a ball's volume
    assert model.report.passed, model.report.reasons
    told = model.measures["thickened_ml"]
    assert 0 < told <= 0.01 * model.measures["mask_ml"]
    assert model.measures["mask_ml"] == pytest.approx(mask.array.sum() * mask.voxel_volume_ml)
    # The surface keeps to the mask's volume within a tenth of a per cent, and then the fin is thicker.
    assert model.measures["volume_error"] == pytest.approx(told / model.measures["mask_ml"], abs=1e-3)
    assert any(f"{told:.3f} ml" in note for note in model.notes)


def test_only_what_is_thin_is_thickened():
    on = grid((0.6, 0.6, 0.6), 18.0)
    plain, fin = (build_model(mask) for mask in (ball(12.0, on=on), with_fin(on)))
    assert "thickened_ml" not in plain.measures and plain.notes == []
    from_centre = np.linalg.norm(fin.points - 0.3, axis=1)  # the ball lies half a voxel off the grid's middle
    assert np.abs(from_centre[fin.points[:, 0] < 10] - 12).max() < 0.3  # half a voxel


@pytest.mark.parametrize(("radius", "thickening"), [(12.0, 0.0), (6.0, 0.01)])
def test_walls_are_refused_where_thickening_is_not_wanted_or_would_add_too_much(radius, thickening):
    mask = with_fin(grid((0.6, 0.6, 0.6), 18.0), radius)
    model = build_model(mask, ModelSettings(thickening=thickening))
    assert [check.name for check in model.report.checks if not check.passed] == ["smallest wall"]
    assert "thickened_ml" not in model.measures and model.report.bad_triangles.any()


def test_a_wall_that_is_thin_only_in_a_smaller_print_is_thickened_for_that_print():
    on = grid((0.6, 0.6, 0.6), 18.0)
    mask = with_fin(on)
    mask.array[1:] |= with_fin(on).array[:-1]  # a fin of two voxels
    full, small = (build_model(mask, ModelSettings(scale=scale)) for scale in (1.0, 0.6))
    assert full.report.passed and "thickened_ml" not in full.measures
    assert small.report.passed and small.measures["thickened_ml"] > 0
