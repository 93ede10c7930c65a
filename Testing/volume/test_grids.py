"""Grids that are not as they should be, in every format: straightened with a note, or refused; never changed in
silence. What is written lies where it was, or is not written."""

import nibabel
import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.found import Found, checked_grid
from SpineLib.volume.told import notes_of

SIZE = (30, 40, 12)
SPACING = np.array([0.8, 0.8, 4.0])
ORIGIN = np.array([-10.0, 20.0, 30.0])


def skewed(degrees):
    """Axes of which the third leans by so many degrees towards the first, LPS."""
    direction = np.eye(3)
    direction[:, 2] = (np.sin(np.radians(degrees)), 0, np.cos(np.radians(degrees)))
    return direction


def write(path, direction):
    """A file with this direction, skewed or not, in any format, each written by somebody else's code."""
    array, matrix = np.arange(np.prod(SIZE), dtype=np.int16).reshape(SIZE), direction * SPACING
    if path.suffix == ".nrrd":
        header = {"space": "left-posterior-superior", "space directions": matrix.T, "space origin": ORIGIN}
        nrrd.write(str(path), array, header)
    elif path.suffix == ".mha":
        image = sitk.GetImageFromArray(array.T)
        image.SetSpacing(SPACING)
        image.SetOrigin(ORIGIN)
        sitk.WriteImage(image, str(path))
        told = " ".join(f"{value:.17g}" for value in direction.T.ravel()).encode()
        content = path.read_bytes()
        path.write_bytes(content.replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1", b"TransformMatrix = " + told))
    else:
        affine = np.eye(4)
        affine[:3, :3], affine[:3, 3] = matrix, ORIGIN
        image = nibabel.Nifti1Image(array, np.diag([-1, -1, 1, 1]) @ affine)
        image.set_qform(None, 0)
        nibabel.save(image, path)
    return path


def corners(matrix, origin):
    ends = np.array(np.meshgrid(*[(0, 1)] * 3)).reshape(3, -1) * (np.array(SIZE)[:, None] - 1)
    return matrix @ ends + np.array(origin)[:, None]


FORMATS = [".nrrd", ".mha", ".nii", ".nii.gz"]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("degrees", [0.3, 0.4, 0.49])
def test_a_skew_up_to_half_a_degree_is_straightened_where_the_corners_move_least_and_said(tmp_path, suffix, degrees):
    volume = read_volume(write(tmp_path / f"a{suffix}", skewed(degrees)), "T1")
    np.testing.assert_allclose(volume.direction.T @ volume.direction, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(volume.spacing, SPACING, rtol=1e-6)
    moved = corners(volume.ijk_to_lps[:3, :3], volume.origin) - corners(skewed(degrees) * SPACING, ORIGIN)
    worst = np.linalg.norm(moved, axis=0).max()
    # Half of the skew at half of the image's size, along both axes that lean.
    assert worst <= np.radians(degrees) / 2 * np.linalg.norm(np.array(SIZE) * SPACING) / 2 + 1e-6
    [note] = notes_of(volume)
    assert f"{degrees:.2g} degrees off right angles: they were straightened" in note
    assert f"by up to {worst:.1f} mm" in note


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_numbers_were_rounded_by_is_straightened_unsaid(tmp_path, suffix):
    volume = read_volume(write(tmp_path / f"a{suffix}", np.round(skewed(0.02), 3)))
    np.testing.assert_allclose(volume.direction.T @ volume.direction, np.eye(3), atol=1e-5)
    assert notes_of(volume) == ()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("degrees", [0.6, 3, 20, 60])
def test_a_larger_skew_is_refused_with_its_angle(tmp_path, suffix, degrees):
    with pytest.raises(SpineError, match=rf"not at right angles \({degrees:.1f} degrees off"):
        read_volume(write(tmp_path / f"a{suffix}", skewed(degrees)), "T1")


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_mask_of_a_straightened_image_lies_where_the_image_was_read_whatever_its_format(tmp_path, suffix):
    image = read_volume(write(tmp_path / "a.nrrd", skewed(0.3)))
    write_volume(image.with_array((image.array > 500).astype(np.uint8)), tmp_path / f"m{suffix}")
    assert read_volume(tmp_path / f"m{suffix}").same_grid(image)
    known = sitk.ReadImage(str(tmp_path / f"m{suffix}"))
    matrix = np.reshape(known.GetDirection(), (3, 3)) * known.GetSpacing()
    np.testing.assert_allclose(
        corners(matrix, known.GetOrigin()), corners(image.ijk_to_lps[:3, :3], image.origin), atol=1e-3
    )


@pytest.mark.parametrize("degrees", [0.3, 3])
def test_a_skewed_grid_is_written_to_no_format_that_loses_it(tmp_path, degrees):
    volume = Volume(np.zeros(SIZE[::-1], np.uint8), tuple(SPACING), tuple(ORIGIN), skewed(degrees))
    if degrees > 0.5:
        with pytest.raises(SpineError, match="not at right angles"):
            write_volume(volume, tmp_path / "m.nii.gz")
    else:
        with pytest.raises(SpineError, match="would change its place"):
            write_volume(volume, tmp_path / "m.nii.gz")
    assert list(tmp_path.iterdir()) == []
    write_volume(volume, tmp_path / "m.nrrd")
    np.testing.assert_allclose(
        nrrd.read_header(str(tmp_path / "m.nrrd"))["space directions"].T, skewed(degrees) * SPACING
    )


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    "spacing, words",
    [((1e-9, 1, 1), "impossible voxel spacing"), ((1, 1, 400), "impossible voxel spacing"), ((1e6,) * 3, "impossible")],
)
def test_an_absurd_spacing_is_refused(tmp_path, suffix, spacing, words):
    image = sitk.GetImageFromArray(np.ones((4, 5, 6), np.int16))
    image.SetSpacing(spacing)
    sitk.WriteImage(image, str(tmp_path / f"a{suffix}"))
    with pytest.raises(SpineError, match=words):
        read_volume(tmp_path / f"a{suffix}", "T1")


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"spacing": (0, 1, 1)}, "spacing of zero"),
        ({"spacing": (np.nan, 1, 1)}, "no number or negative"),
        ({"spacing": (np.inf, 1, 1)}, "no number or negative"),
        ({"spacing": (-1, 1, 1)}, "no number or negative"),
        ({"origin": (np.nan, 0, 0)}, "no valid position"),
        ({"origin": (1e7, 0, 0)}, "no valid position"),
        ({"direction": np.zeros((3, 3))}, "no unit vectors"),
        ({"direction": 2 * np.eye(3)}, "no unit vectors"),
        ({"direction": np.full((3, 3), np.nan)}, "no unit vectors"),
        ({"direction": np.eye(3)[:, [0, 0, 2]]}, "not at right angles"),
        ({"array": np.zeros((0, 5, 6))}, "no voxels"),
    ],
)
def test_an_impossible_grid_is_refused(changes, words):
    usual = {"array": np.zeros((4, 5, 6)), "spacing": (1, 1, 1), "origin": (0, 0, 0), "direction": np.eye(3)}
    with pytest.raises(SpineError, match=words):
        checked_grid(Found(**(usual | changes)), "The T1 file")


def test_mirrored_and_turned_axes_are_as_good_as_any(tmp_path):
    for number, direction in enumerate((np.diag([-1, 1, 1]), np.eye(3)[:, [2, 0, 1]], np.eye(3)[:, [1, 0, 2]])):
        volume = read_volume(write(tmp_path / f"{number}.nrrd", direction))
        np.testing.assert_array_equal(volume.direction, direction)
        assert notes_of(volume) == ()


@pytest.mark.parametrize("suffix", [".nrrd", ".nhdr", ".mha", ".mhd", ".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_type_is_written_and_read_back_or_refused(tmp_path, suffix, dtype):
    array = np.arange(-60, 60).reshape(4, 5, 6).astype(dtype)
    write_volume(Volume(array, (1, 2, 3)), tmp_path / f"a{suffix}")
    again = read_volume(tmp_path / f"a{suffix}")
    assert again.array.dtype == array.dtype
    np.testing.assert_array_equal(again.array, array)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"a{suffix}"))), array)
