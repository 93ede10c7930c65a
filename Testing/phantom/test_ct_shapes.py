"""Signed distances the simulated CT is drawn with, the lattice, and the scanner."""

import numpy as np
import pytest

from SpineLib.phantom.ct.lattice import Lattice
from SpineLib.phantom.ct.scanner import Kernel, acquire, draw_kernel, smooth
from SpineLib.phantom.ct.shapes import covered, cut, join, limb

GRID = Lattice.over((-12, -12, -12), (12, 12, 12), 0.5)


def test_a_limb_of_no_length_is_a_ball_and_its_distance_is_exact():
    x, y, z = GRID.places()
    distance = limb((x, y, z), (0, 0, 0), (0, 0, 0), (5, 5, 5))
    assert np.allclose(distance, np.sqrt(x**2 + y**2 + z**2) - 5, atol=1e-2)


def test_the_layer_below_a_flat_limbs_surface_is_as_thick_all_round():
    distance = limb(GRID.places(), (-4, 0, 0), (4, 0, 0), (3, 3, 9))
    middle = 24
    for line in (distance[middle, :, middle], distance[:, middle, middle]):
        inside = line[line < 0.5]
        slope = np.diff(inside[: len(inside) // 3]) / 0.5
        assert np.allclose(np.abs(slope), 1, atol=0.15)


def test_joining_adds_and_cutting_takes_away():
    a, b = limb(GRID.places(), (-3, 0, 0), (-3, 0, 0), (4, 4, 4)), limb(GRID.places(), (3, 0, 0), (3, 0, 0), (4, 4, 4))
    both = join(a, b, 1.0)
    assert (both <= np.minimum(a, b) + 1e-5).all() and (cut(a, b, 1.0) >= np.maximum(a, b) - 1e-5).all()
    assert (both < 0).sum() >= ((a < 0) | (b < 0)).sum()


def test_a_voxels_share_integrates_to_the_volume_of_the_shape():
    distance = limb(GRID.places(), (0, 0, 0), (0, 0, 0), (5, 5, 5))
    assert covered(distance, 0.5).sum() * 0.125 == pytest.approx(4 / 3 * np.pi * 125, rel=0.01)


def test_sampling_finds_the_same_values_between_and_holds_them_outside():
    x, y, z = GRID.places()
    field = (2 * x + 3 * y - z).astype(np.float32)
    target = Lattice(np.array([-3.3, 5.1]), np.array([0.2, 30.0]), np.array([1.7]))
    expected = 2 * 1.7 + 3 * np.array([0.2, 12.0])[None, :, None] - np.array([-3.3, 5.1])[:, None, None]
    assert np.allclose(GRID.sample(field, target), expected, atol=1e-4)
    assert GRID.sample(field, target, nearest=True).shape == (2, 2, 1)


def edge_width(kernel: Kernel) -> float:
    image = Lattice(np.arange(3.0), 0.5 * np.arange(40), 0.5 * np.arange(80))
    hu = np.zeros(image.shape, np.float32)
    hu[:, :, 40:] = 400
    line = acquire(np.random.default_rng(0), hu, image, kernel, None).astype(float)[:, 5:35].mean(axis=(0, 1))
    return float(((line > 80) & (line < 320)).sum() * 0.5)


def test_a_bone_kernel_has_the_sharper_edge():
    soft, bone = Kernel("soft", 0.75, 0.0, 1.0, 0.5), Kernel("bone", 0.3, 0.5, 1.0, 0.25)
    assert edge_width(bone) < edge_width(soft)


@pytest.mark.parametrize("name", ["soft", "bone"])
def test_the_noise_is_as_strong_as_the_kernel_says_and_lies_within_what_a_scanner_stores(name):
    image = Lattice(np.arange(8.0), 0.8 * np.arange(64), 0.8 * np.arange(64))
    kernel = Kernel(name, 0.4, 0.0, 25.0, 0.4)
    ct = acquire(np.random.default_rng(1), np.zeros(image.shape, np.float32), image, kernel, None)
    assert ct.std() == pytest.approx(25, rel=0.35)  # the noise differs by a quarter over the body
    air = acquire(np.random.default_rng(1), np.full(image.shape, -1000, np.float32), image, kernel, None)
    assert air.min() == -1024


def test_thin_slices_are_noisier_than_thick_ones():
    thin, thick = (np.mean([draw_kernel(np.random.default_rng(n), t).noise_hu for n in range(40)]) for t in (0.7, 3.0))
    assert thin > 1.5 * thick


def test_the_fast_blur_is_as_wide_as_asked():
    point = np.zeros((1, 61, 61), np.float32)
    point[0, 30, 30] = 1
    blurred = smooth(point, 4.0)[0]
    offset = np.arange(61) - 30
    assert np.sqrt((blurred.sum(axis=0) * offset**2).sum()) == pytest.approx(4.0, rel=0.15)
