"""Surfaces of masks: the mask's volume and place, closed, smooth, whatever the grid."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.gate import PrintLimits, check_model
from SpineLib.mesh.model import ModelSettings, as_in_files, build_model
from SpineLib.mesh.polydata import distances_to_triangles
from SpineLib.mesh.simplify import distance_mm, simplified
from SpineLib.mesh.surface import repaired, surface_of
from SpineLib.volume import Volume
from Testing.mesh.shapes import sphere, vertebra
from Testing.tasks.balls import ball, box, grid, rotation, union

CENTRE = np.array([31.0, -140.0, -612.0])
OBLIQUE = rotation((20, -15, 35))
MIRRORED = OBLIQUE * (1, -1, 1)
GRIDS = {
    "cubes": ((0.8, 0.8, 0.8), np.eye(3)),
    "thick slices": ((0.5, 0.5, 3.0), np.eye(3)),
    "oblique": ((0.6, 0.9, 1.5), OBLIQUE),
    "left-handed": ((0.6, 0.9, 1.5), MIRRORED),
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_the_surface_encloses_the_masks_volume_turned_outwards(name, smoothing):
    spacing, direction = GRIDS[name]
    mask = ball(9.0, CENTRE, grid(spacing, 12.0, direction, CENTRE))
    clean, _ = repaired(mask)
    volume = volume_mm3(*surface_of(clean, smoothing))
    assert volume == pytest.approx(1000 * mask.array.sum() * mask.voxel_volume_ml, rel=1e-3)


@pytest.mark.parametrize("name", GRIDS)
def test_a_ball_is_round_and_in_its_place_in_lps(name):
    spacing, direction = GRIDS[name]
    mask = ball(9.0, CENTRE, grid(spacing, 12.0, direction, CENTRE))
    points, _ = surface_of(repaired(mask)[0])
    radius = np.linalg.norm(points - CENTRE, axis=1)
    # what voxels say of a ball: half of the longest side, less what smoothing averages
    assert np.abs(radius - 9.0).max() < 0.4 * max(spacing)
    assert np.abs(points.mean(axis=0) - CENTRE).max() < 0.1


def test_a_mask_that_touches_the_edge_of_its_image_is_closed_there():
    on = grid((1.0, 1.0, 1.0), 8.0)
    mask = on.with_array(np.ones(on.shape, np.uint8))
    model = build_model(mask)
    assert model.report.passed and any("cut off by the edge of its image" in one for one in model.attention)
    assert model.measures["volume_error"] == pytest.approx(0, abs=0.01)


def test_an_empty_mask_is_refused():
    with pytest.raises(SpineError, match="empty"):
        build_model(grid())


def test_islands_are_left_out_cavities_filled_and_the_notes_say_so():
    on = grid((1.0, 1.0, 1.0), 14.0)
    mask = union(ball(9.0, (-3, 0, 0), on), ball(1.6, (10, 0, 0), on))
    mask.array[tuple(np.argwhere(ball(2.0, (-3, 0, 0), on).array).T)] = 0
    model = build_model(mask)
    assert model.report.passed
    assert model.notes[0].startswith("1 island of 0.008") and model.notes[1].startswith("1 enclosed cavity of 0.03")
    both = build_model(mask, ModelSettings(bodies=2, largest_cavity_ml=0.0, smallest_island_ml=0.0))
    assert both.report.passed and both.notes == []
    assert both.measures["mask_ml"] == pytest.approx(mask.array.sum() * mask.voxel_volume_ml)


def test_voxels_that_touch_by_an_edge_only_are_joined_or_parted():
    on = grid((1.0, 1.0, 1.0), 12.0)
    mask = union(box((-8.1, -8.1, -5), (0, 0, 5), on), box((0.1, 0.1, -5), (8, 8, 5), on))
    alone = build_model(mask)
    assert [check.name for check in alone.report.checks if not check.passed] in ([], ["left out"])
    assert build_model(mask, ModelSettings(bodies=None)).report.passed


@pytest.mark.parametrize("seed", range(3))
def test_even_noise_becomes_a_manifold(seed):
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(14, 15, 16)), 0.8)
    mask = Volume((noise > 0.1).astype(np.uint8))
    model = build_model(mask, ModelSettings(bodies=None, smallest_wall_mm=0.0, smallest_island_ml=0.0))
    assert model.report.passed, model.report.reasons


@pytest.mark.parametrize("seed", range(3))
def test_no_triangle_passes_through_another_one_between_thick_slices(seed):
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(14, 40, 40)), (1, 3, 3))
    mask = Volume((noise > 0.6 * noise.std()).astype(np.uint8), (1.0, 1.0, 3.0))
    surface = surface_of(repaired(mask, None)[0], smoothing=0.0)
    report = check_model(*as_in_files(*surface), PrintLimits(bodies=None, smallest_wall_mm=0.0))
    assert next(check for check in report.checks if check.name == "self-intersection").passed


def test_decimation_keeps_its_bound_and_saves_triangles():
    surface = surface_of(repaired(vertebra(grid((1.0, 1.0, 1.0), 32.0)))[0])
    points, triangles, moved = simplified(*surface, 0.1)
    assert len(triangles) < 0.5 * len(surface[1]) and 0 < moved <= 0.1
    assert distance_mm(surface, (points, triangles)) == pytest.approx(moved)
    assert np.abs(distances_to_triangles(surface[0], points, triangles)).max() <= 0.1
    assert simplified(*surface, 0.0)[2] == 0.0


def test_the_distance_between_surfaces_is_exact_on_large_triangles():
    assert distance_mm(sphere(10.0, 40), sphere(10.5, 40)) == pytest.approx(0.5, abs=0.03)


def test_the_scale_is_that_of_the_printed_model():
    mask = ball(9.0, on=grid((1.0, 1.0, 1.0), 12.0))
    half, full = (build_model(mask, ModelSettings(scale=scale)) for scale in (0.5, 1.0))
    assert half.measures["volume_ml"] == pytest.approx(full.measures["volume_ml"] / 8, rel=1e-3)
    assert half.measures["volume_error"] == pytest.approx(full.measures["volume_error"])


@pytest.mark.parametrize(
    "settings",
    [
        {"smoothing": 2},
        {"decimation_mm": -1},
        {"scale": 0},
        {"cut": "half"},
        {"bodies": 0},
        {"planes": [[[0, 0, 0]]]},
        {"planes": [[[0, 0, 0], [0, 0, 0]]]},
        {"build_volume_mm": [1, 2]},
        {"colour": 1},
        {"smoothing": float("nan")},
        {"smoothing": "much"},
        {"build_volume_mm": ["a", 1, 2]},
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_sentence(settings):
    with pytest.raises(SpineError):
        ModelSettings.from_dict(settings)
