"""The seven augmentations: the paper's ranges, and image and mask move together."""

import numpy as np
import pytest
import torch

from SpineLab.training.segmentation.augmentation import (
    AugmentationSettings,
    SpatialDraw,
    change_intensity,
    draw_spatial,
    resample,
    sampling_points,
)

PAPER = AugmentationSettings()
SHAPE = (40, 100, 100)


def _ball(centre, radius, spacing=(1.0, 1.0, 1.0), shape=SHAPE):
    """A bright ball, radius in mm, with noise elsewhere, and its mask."""
    axes = np.meshgrid(*((np.arange(n) - c) * step for n, c, step in zip(shape, centre, spacing)), indexing="ij")
    mask = (sum(axis**2 for axis in axes) <= radius**2).astype(np.uint8)
    return np.where(mask, 1.0, 0.0).astype(np.float16)[None], mask


def _centre(mask):
    return np.argwhere(mask[0].numpy() > 0).mean(axis=0)


def _apply(draw, patch, volume, centre, spacing=(1.0, 1.0, 1.0)):
    return resample(*volume, sampling_points(draw, patch, np.array(centre, float), spacing))


def test_drawn_changes_fill_the_papers_ranges_and_stay_within_them():
    rng = np.random.default_rng(0)
    draws = [draw_spatial(rng, PAPER, (64, 128, 128)) for _ in range(400)]
    mirrors = np.array([d.mirror for d in draws])
    assert set(np.unique(mirrors)) == {-1.0, 1.0} and (np.abs(mirrors.mean(axis=0)) < 0.2).all()
    for values, low, high in (
        ([d.scale for d in draws], 0.6, 1.4),
        (np.degrees([d.angles[0] for d in draws]), -30, 30),
        (np.degrees([d.angles[1] for d in draws]), -20, 20),
        ([d.shift[1] for d in draws], -20, 20),
        ([d.shift[2] for d in draws], -20, 20),
    ):
        assert low <= min(values) < low + 0.03 * (high - low) and high - 0.03 * (high - low) < max(values) <= high
    assert all(d.shift[0] == 0 for d in draws)
    deviations = np.array([d.displacement.std() for d in draws]) / PAPER.elastic_grid_voxels
    assert deviations.max() < 0.3 * 1.2 and deviations.max() > 0.25 and deviations.min() < 0.02


def test_without_changes_the_patch_is_the_volume_itself():
    rng = np.random.default_rng(0)
    channels, mask = rng.normal(size=(2, *SHAPE)).astype(np.float16), rng.integers(0, 2, SHAPE).astype(np.uint8)
    image, found = _apply(SpatialDraw(), (9, 32, 33), (channels, mask), (20, 49.5, 50))
    block = np.s_[16:25, 34:66, 34:67]
    assert np.allclose(image.numpy(), channels[(slice(None), *block)], atol=1e-4)
    assert (found.numpy()[0] == mask[block]).all()


@pytest.mark.parametrize("patch", [(64, 64), (32, 64, 64)])
def test_a_bright_ball_stays_under_its_mask_whatever_is_drawn(patch):
    rng, volume = np.random.default_rng(1), _ball((20, 50, 50), 9)
    seen = 0
    for _ in range(20):
        image, mask = _apply(draw_spatial(rng, PAPER, patch), patch, volume, (20, 50, 50), (1.2, 0.9, 0.9))
        assert torch.equal(mask, (image[:1] >= 0.5).float())
        seen += bool(mask.any())
    assert seen >= 18


@pytest.mark.parametrize(("axis", "name"), enumerate(["right-left", "superior-inferior", "anterior-posterior"]))
def test_mirroring_flips_its_own_direction_only(axis, name):
    offset = np.array([5.0, 12.0, 9.0])
    volume, sign = _ball((20, 50, 50) + offset, 3), np.ones(3)
    sign[axis] = -1
    _, mask = _apply(SpatialDraw(mirror=sign), (31, 61, 61), volume, (20, 50, 50))
    assert np.allclose(_centre(mask) - (15, 30, 30), offset * sign, atol=0.1)
    rng = np.random.default_rng(0)
    drawn = np.array([draw_spatial(rng, AugmentationSettings(mirror=(name,)), (8, 8)).mirror for _ in range(50)])
    assert [len(set(column)) for column in drawn.T] == [2 if i == axis else 1 for i in range(3)]


def test_scaling_makes_a_lesion_larger_by_its_factor():
    volume = _ball((20, 50, 50), 8)
    areas = [float(_apply(SpatialDraw(scale=s), (64, 64), volume, (20, 50, 50))[1].sum()) for s in (1.0, 1.4, 0.6)]
    assert areas[1] / areas[0] == pytest.approx(1.4**2, rel=0.06)
    assert areas[2] / areas[0] == pytest.approx(0.6**2, rel=0.06)


def test_rotation_about_the_left_right_axis_turns_within_the_slice():
    _, mask = _apply(SpatialDraw(angles=(np.radians(30), 0)), (31, 81, 81), _ball((20, 50, 75), 4), (20, 50, 50))
    s, y, x = _centre(mask) - (15, 40, 40)
    assert abs(s) < 0.2 and np.hypot(y, x) == pytest.approx(25, abs=0.3)
    assert abs(np.degrees(np.arctan2(y, x))) == pytest.approx(30, abs=1)


def test_rotation_about_the_front_back_axis_tilts_in_mm_although_slices_lie_farther_apart():
    spacing = (3.0, 1.0, 1.0)
    volume = _ball((20, 80, 50), 6, spacing)
    _, mask = _apply(SpatialDraw(angles=(0, np.radians(20))), (21, 81, 81), volume, (20, 50, 50), spacing)
    s, y, x = (_centre(mask) - (10, 40, 40)) * spacing
    assert abs(x) < 0.3 and np.hypot(s, y) == pytest.approx(30, abs=0.6)
    assert abs(np.degrees(np.arctan2(s, y))) == pytest.approx(20, abs=1.5)


def test_the_shift_moves_the_lesion_the_other_way():
    _, mask = _apply(SpatialDraw(shift=np.array([0, 10.0, -7.0])), (63, 63), _ball((20, 50, 50), 5), (20, 50, 50))
    assert np.allclose(_centre(mask)[1:] - 31, (-10, 7), atol=0.1)


def test_elastic_displacement_bends_smoothly_and_by_its_sigma():
    rng = np.random.default_rng(0)
    draws = [SpatialDraw(displacement=rng.normal(0, 5, (3, 1, 5, 5))) for _ in range(40)]
    moved = np.stack(
        [
            sampling_points(d, (128, 128), np.zeros(3), (1, 1, 1))
            - sampling_points(SpatialDraw(), (128, 128), np.zeros(3), (1, 1, 1))
            for d in draws
        ]
    )
    assert moved.std() == pytest.approx(5 * 0.75, rel=0.25)
    assert np.abs(np.diff(moved, axis=-1)).max() < 2


def test_a_plane_is_bent_within_itself_and_a_block_in_all_directions():
    rng, settings = np.random.default_rng(0), AugmentationSettings(elastic=0.3, rotation_sagittal_degrees=0)
    for patch, bent in (((64, 64), [False, True, True]), ((32, 64, 64), [True, True, True])):
        drawn = draw_spatial(rng, settings, patch)
        assert [bool(part.any()) for part in drawn.displacement] == bent
    centre = np.array([7.0, 40.0, 40.0])
    assert (sampling_points(draw_spatial(rng, settings, (64, 64)), (64, 64), centre, (3, 1, 1))[0] == 7).all()


def test_outside_the_volume_the_border_is_repeated():
    channels, mask = np.full((1, 4, 10, 10), 3, np.float16), np.zeros((4, 10, 10), np.uint8)
    image, found = _apply(SpatialDraw(), (32, 32), (channels, mask), (-8, 60, -20))
    assert (image == 3).all() and not found.any()


def test_a_patch_is_whitened_and_otherwise_keeps_mean_and_deviation():
    rng, image = np.random.default_rng(0), torch.rand(2, 64, 64) * 50 + 7
    white = change_intensity(image, rng, PAPER, True)
    assert torch.allclose(white.mean((1, 2)), torch.zeros(2), atol=1e-4)
    assert torch.allclose(white.std((1, 2)), torch.ones(2), atol=1e-3)
    kept = change_intensity(image, rng, AugmentationSettings(blur=(0, 0)), False)
    assert torch.allclose(kept.mean((1, 2)), image.mean((1, 2)), rtol=1e-3)
    assert torch.allclose(kept.std((1, 2)), image.std((1, 2)), rtol=1e-3)


def test_gamma_is_drawn_for_each_channel_within_its_range():
    ramp = torch.linspace(0, 1, 4096).reshape(64, 64).expand(2, 64, 64).clone()
    rng, settings, found = np.random.default_rng(0), AugmentationSettings(blur=(0, 0)), []
    for _ in range(100):
        changed = change_intensity(ramp, rng, settings, True)
        low, high = changed.amin((1, 2), keepdim=True), changed.amax((1, 2), keepdim=True)
        scaled = (changed - low) / (high - low)
        found.append((torch.log(scaled[:, 32, 0]) / torch.log(ramp[:, 32, 0])).tolist())
    found = np.array(found)
    assert 0.5 <= found.min() < 0.53 and 1.9 < found.max() <= 2.0
    assert (np.abs(found[:, 0] - found[:, 1]) > 0.01).mean() > 0.9
    assert np.median(found) == pytest.approx(1, abs=0.15)


def test_blur_is_at_most_half_a_voxel():
    point = torch.zeros(1, 33, 33)
    point[0, 16, 16] = 1
    rng, peaks = np.random.default_rng(0), []
    for _ in range(60):
        out = change_intensity(point, rng, AugmentationSettings(gamma=(1.0, 1.0)), False)
        assert out.sum().item() == pytest.approx(1, abs=1e-3)
        peaks.append(out.max().item())
    assert max(peaks) == pytest.approx(1, abs=0.01)
    assert 0.4 < min(peaks) < 0.65


OURS = {"brightness": 0.5, "contrast": (0.5, 1.5), "bias_field": 0.4, "noise": 0.3, "low_resolution": 3.0}


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("shape", [(2, 32, 32), (1, 16, 32, 32)])
def test_each_of_our_own_changes_is_off_by_default_and_works_alone(name, shape):
    torch.manual_seed(0)
    image, quiet = torch.randn(shape), {"blur": (0.0, 0.0), "gamma": (1.0, 1.0)}
    assert torch.equal(change_intensity(image, np.random.default_rng(0), AugmentationSettings(**quiet), False), image)
    settings = AugmentationSettings(**quiet, probability=1.0, **{name: OURS[name]})
    changed = change_intensity(image, np.random.default_rng(0), settings, False)
    assert changed.shape == image.shape and torch.isfinite(changed).all()
    assert 0.01 < (changed - image).abs().max() < 5


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="known directions"):
        AugmentationSettings(mirror=("up",))
