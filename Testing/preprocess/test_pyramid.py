"""Sagittal slices at several resolutions: where pixels lie, how they are normalised, what is said about odd volumes."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.geometry.orientation import canonical
from SpineLib.preprocess.pyramid import make_pyramid
from SpineLib.volume import Volume

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # i to posterior, j to inferior, k to left
SCALES, WINDOW = (0.5, 1.0, 2.0), (79, 55)


def volume(shape=(4, 60, 50), spacing=(0.8, 0.8, 4.0), direction=SAGITTAL):
    """Smooth waves along all axes."""
    k, j, i = np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij")
    array = 100 + 40 * np.sin(i / 7) * np.cos(j / 9) + 5 * k
    return Volume(array.astype(np.float32), spacing, (5.0, -20.0, 30.0), direction, "STIR")


def test_a_place_lies_in_the_same_spot_at_all_resolutions():
    pyramid = make_pyramid(volume(), "STIR", SCALES, WINDOW, "patch")
    s, rows, columns = pyramid.shape
    assert (s, rows, columns) == (4, 48, 40)
    assert pyramid.images[0.5].shape == (4, 95, 79) and pyramid.images[2.0].shape == (4, 48, 40)
    inner = (slice(None), slice(6, -6), slice(6, -6))
    # The waves are long against the pixels, so that interpolation and the blur to 2 mm change them little.
    assert np.abs(pyramid.images[0.5][:, ::2, ::2] - pyramid.images[1.0])[inner].max() < 0.5
    assert np.abs(pyramid.images[2.0] - pyramid.images[1.0])[inner].max() < 3


def test_the_coarser_image_is_blurred_to_its_resolution():
    plain = volume()
    fine = plain.with_array(plain.array + 30 * (np.indices(plain.shape)[2] % 2).astype(np.float32))
    pyramid = make_pyramid(fine, "STIR", (1.0, 2.0), WINDOW, "patch")
    ripple = {scale: np.abs(np.diff(image, n=2, axis=2)).mean() for scale, image in pyramid.images.items()}
    assert ripple[2.0] < 0.5 * ripple[1.0]


def test_likelihoods_go_back_to_where_their_places_lie():
    source = volume()
    pyramid = make_pyramid(source, "STIR", SCALES, WINDOW, "patch")
    back = pyramid.prepared.to_input(pyramid.images[1.0])
    assert back.same_grid(source)
    assert np.abs(back.array - source.array)[:, 4:-4, 4:-4].max() < 3
    map_ = pyramid.volume(pyramid.images[1.0])
    middle = np.array([20, 24, 2, 1.0])  # i, j, k of a place
    ijk = np.linalg.inv(source.ijk_to_lps) @ map_.ijk_to_lps @ middle
    base, _ = canonical(source)
    here = base.array[tuple(np.round(ijk[2::-1]).astype(int))]
    assert abs(here - map_.array[2, 24, 20]) < 8 and map_.spacing == (1.0, 1.0, 4.0)


def test_local_normalisation_is_the_z_score_of_the_window_around_each_pixel():
    image = make_pyramid(volume(), "STIR", (1.0,), (9, 7), "local").images[1.0][0]
    raw = make_pyramid(volume(), "STIR", (1.0,), (9, 7), "patch").images[1.0][0].astype(float)
    around = raw[20 - 4 : 20 + 5, 15 - 3 : 15 + 4]
    wanted = (raw[20, 15] - around.mean()) / np.hypot(around.std(), 0.1 * raw.std())
    assert image[20, 15] == pytest.approx(wanted, abs=1e-3)  # float32


def test_square_roots_are_normalised_as_their_image_would_be():
    # Pixels of the image's own size are taken as they are, so that taking roots before or after makes no difference.
    plain = volume(spacing=(1.0, 1.0, 4.0))
    roots = plain.with_array(np.sign(plain.array) * np.sqrt(np.abs(plain.array.astype(np.float64))))
    found, wanted = (
        make_pyramid(one, "STIR", (1.0,), (9, 7), how).images[1.0]
        for one, how in ((plain, "local-root"), (roots, "local"))
    )
    assert np.allclose(found, wanted, atol=1e-5) and found.std() > 0.2


@pytest.mark.parametrize("how", ["local", "slice"])
def test_brightness_and_contrast_of_the_scanner_do_not_matter(how):
    first = make_pyramid(volume(), "STIR", SCALES, WINDOW, how).images
    other = make_pyramid(volume().with_array(volume().array * 7 + 300), "STIR", SCALES, WINDOW, how).images
    assert all(np.abs(first[scale] - other[scale]).max() < 1e-2 for scale in SCALES)  # float32 of larger numbers


def test_the_scanners_intensity_scale_does_not_matter_to_square_roots():
    first = make_pyramid(volume(), "STIR", SCALES, WINDOW, "local-root").images
    other = make_pyramid(volume().with_array(volume().array * 7), "STIR", SCALES, WINDOW, "local-root").images
    assert all(np.abs(first[scale] - other[scale]).max() < 1e-2 for scale in SCALES)


def test_a_volume_of_fine_slices_is_cut_into_sagittal_ones_and_says_so():
    pyramid = make_pyramid(volume((30, 40, 40), (1.0, 1.0, 1.0)), "T2", (1.0,), (9, 9))
    assert pyramid.shape[0] == 8 and pyramid.prepared.spacing[0] == 4.0
    assert "1.0 mm apart; it was cut into sagittal slices 4 mm apart" in pyramid.notes[0]


def test_axial_slices_are_reformatted_and_named():
    axial = volume((10, 60, 60), (0.7, 0.7, 4.0), np.eye(3))
    pyramid = make_pyramid(axial, "T2", (1.0,), (9, 9))
    assert pyramid.shape == (10, 40, 42) and "has axial slices" in pyramid.notes[0]
    assert pyramid.prepared.to_input(pyramid.images[1.0]).same_grid(axial)


def test_thick_slices_and_a_small_field_of_view_are_remarked_upon():
    notes = " ".join(make_pyramid(volume(spacing=(0.8, 0.8, 7.0)), "STIR", SCALES, WINDOW).notes)
    assert "7.0 mm apart" in notes and "smaller than a patch of the detector at 2 mm" in notes


def test_what_is_no_normalisation_is_refused():
    with pytest.raises(SpineError, match="no normalisation 'whole'"):
        make_pyramid(volume(), "STIR", SCALES, WINDOW, "whole")
