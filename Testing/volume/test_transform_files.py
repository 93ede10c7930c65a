"""Transform files: their direction, what comes back, and which are refused."""

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.volume.transform import check_linear, read_transform, rotation_degrees, write_transform


def movement(degrees=(5.0, -3.0, 8.0), shift=(4.0, -12.0, 7.0)):
    euler = sitk.Euler3DTransform((10.0, -20.0, 30.0), *np.radians(degrees), shift)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(euler.GetMatrix(), (3, 3))
    matrix[:3, 3] = euler.TransformPoint((0.0, 0.0, 0.0))
    return matrix


@pytest.mark.parametrize("ending", [".tfm", ".txt", ".h5", ".mat"])
def test_a_rigid_transform_comes_back_as_it_was(tmp_path, ending):
    write_transform(movement(), tmp_path / f"t{ending}")
    # Text files and Euler angles keep 15 digits or more: far below a thousandth of a millimetre.
    np.testing.assert_allclose(read_transform(tmp_path / f"t{ending}"), movement(), atol=1e-8)
    assert [file.name for file in tmp_path.iterdir()] == [f"t{ending}"]


def test_the_file_takes_points_before_to_points_after_as_itk_resamples(tmp_path):
    write_transform(movement(), tmp_path / "t.tfm")
    transform = sitk.ReadTransform(str(tmp_path / "t.tfm"))
    assert transform.GetName() == "Euler3DTransform"
    after = np.array([12.0, -7.0, 99.0, 1.0])
    before = movement() @ after
    np.testing.assert_allclose(transform.TransformPoint(before[:3].tolist()), after[:3], atol=1e-9)


def test_a_slightly_scaling_transform_is_kept_as_an_affine_one(tmp_path):
    matrix = movement() @ np.diag([1.02, 0.99, 1.0, 1.0])
    write_transform(matrix, tmp_path / "t.tfm")
    assert sitk.ReadTransform(str(tmp_path / "t.tfm")).GetName() == "AffineTransform"
    np.testing.assert_allclose(read_transform(tmp_path / "t.tfm"), matrix, atol=1e-9)


def test_chained_linear_transforms_of_slicer_are_read_as_one(tmp_path):
    first, second = sitk.Euler3DTransform(), sitk.TranslationTransform(3, (1.0, 2.0, 3.0))
    first.SetTranslation((10.0, 0.0, 0.0))
    sitk.WriteTransform(sitk.CompositeTransform([first, second]), str(tmp_path / "t.h5"))
    np.testing.assert_allclose(read_transform(tmp_path / "t.h5")[:3, 3], (-11.0, -2.0, -3.0), atol=1e-12)


@pytest.mark.parametrize(
    "change, words",
    [
        (np.diag([1.0, 1.0, 0.0, 1.0]), "singular"),
        (np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "singular"),
        (np.diag([1.0, 1.0, -1.0, 1.0]), "mirrors"),
        (np.diag([1.5, 1.0, 1.0, 1.0]), "scales or shears"),
        (np.array([[1, 0.4, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "scales or shears"),
        (np.full((4, 4), np.nan), "impossible numbers"),
        (np.eye(3), "no 4 x 4"),
        ([["a"]], "no 4 x 4"),
    ],
)
def test_what_no_movement_does_is_refused(tmp_path, change, words):
    with pytest.raises(SpineError, match=words):
        check_linear(change)
    with pytest.raises(SpineError, match=words):
        write_transform(change, tmp_path / "t.tfm")
    assert not list(tmp_path.iterdir())


def test_a_singular_file_is_refused(tmp_path):
    affine = sitk.AffineTransform(3)
    affine.SetMatrix((1, 0, 0, 0, 1, 0, 0, 0, 1e-9))
    sitk.WriteTransform(affine, str(tmp_path / "t.tfm"))
    with pytest.raises(SpineError, match="singular"):
        read_transform(tmp_path / "t.tfm")


def test_a_deformation_is_refused(tmp_path):
    field = sitk.DisplacementFieldTransform(sitk.Image([4, 4, 4], sitk.sitkVectorFloat64, 3))
    sitk.WriteTransform(field, str(tmp_path / "t.h5"))
    with pytest.raises(SpineError, match="not linear"):
        read_transform(tmp_path / "t.h5")


@pytest.mark.parametrize(
    "name, content, words",
    [
        ("t.tfm", "nothing", "damaged"),
        ("t.tfm", None, "does not exist"),
        ("t.png", "x", "unknown ending"),
    ],
)
def test_files_that_are_no_transform_are_refused(tmp_path, name, content, words):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SpineError, match=words):
        read_transform(tmp_path / name)


def test_a_transform_is_not_written_under_an_unknown_ending_and_an_older_file_stays(tmp_path):
    with pytest.raises(SpineError, match="cannot be written as '.png'"):
        write_transform(np.eye(4), tmp_path / "t.png")
    write_transform(np.eye(4), tmp_path / "t.tfm")
    old = (tmp_path / "t.tfm").read_bytes()
    with pytest.raises(SpineError):
        write_transform(np.zeros((4, 4)), tmp_path / "t.tfm")
    assert (tmp_path / "t.tfm").read_bytes() == old


def test_the_angle_of_a_rotation():
    assert rotation_degrees(movement((0, 0, 30.0))) == pytest.approx(30.0)
    assert rotation_degrees(np.eye(4)) == 0.0
