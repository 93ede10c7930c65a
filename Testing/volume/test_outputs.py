"""Nothing is overwritten by the way: all files that a name stands for, devices, pipes and links."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.files import write_text
from SpineLib.volume.outputs import check_targets, files_read, files_written
from SpineLib.volume.transform import read_transform, write_transform

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="links and devices of POSIX")


def image(seed=0):
    return Volume(np.random.default_rng(seed).integers(0, 9, (4, 5, 6)).astype(np.int16))


def everything(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("suffix, data", [(".nhdr", "raw.gz"), (".nhdr", "raw"), (".mhd", "zraw"), (".mhd", "raw")])
def test_the_voxels_of_another_image_are_not_overwritten(tmp_path, suffix, data):
    write_volume(image(), tmp_path / f"pat{suffix}", compress=data != "raw")
    (tmp_path / f"pat{suffix}").rename(tmp_path / f"other{suffix}")
    assert tmp_path / f"pat.{data}" in files_read(tmp_path / f"other{suffix}")
    before = everything(tmp_path)
    with pytest.raises(SpineError, match="name of an input"):
        check_targets([tmp_path / f"pat{suffix}"], [tmp_path / f"other{suffix}"], overwrite=True)
    with pytest.raises(SpineError, match="exists already"):
        check_targets([tmp_path / f"pat{suffix}"], [], overwrite=False)
    with pytest.raises(SpineError, match="would overwrite another file"):
        write_volume(image(1), tmp_path / f"pat{suffix}", compress=data != "raw")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_an_older_output_is_replaced_with_its_voxels(tmp_path, suffix):
    for seed in (0, 1):
        write_volume(image(seed), tmp_path / f"pat{suffix}")
    np.testing.assert_array_equal(read_volume(tmp_path / f"pat{suffix}").array, image(1).array)
    known = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / f"pat{suffix}")))
    np.testing.assert_array_equal(known, image(1).array)


def test_two_outputs_that_share_a_file_are_refused(tmp_path):
    for one, other in (("a.nhdr", "a.mhd"), ("a.nrrd", "a.nrrd"), ("a.nhdr", "a.raw")):
        with pytest.raises(SpineError, match="name of an input or of another output"):
            check_targets([tmp_path / one, tmp_path / other], [], overwrite=True)
    check_targets([tmp_path / "a.nrrd", tmp_path / "b.nii.gz"], [], overwrite=False)
    assert files_written(tmp_path / "a.nii.gz") == (tmp_path / "a.nii.gz",)


@POSIX
def test_another_spelling_of_an_input_is_the_input(tmp_path):
    write_volume(image(), tmp_path / "a.nrrd")
    (tmp_path / "link.nrrd").symlink_to(tmp_path / "a.nrrd")
    os.link(tmp_path / "a.nrrd", tmp_path / "hard.nrrd")
    (tmp_path / "folder").mkdir()
    for name in ("link.nrrd", "hard.nrrd", "folder/../a.nrrd"):
        with pytest.raises(SpineError, match="name of an input"):
            check_targets([tmp_path / name], [tmp_path / "a.nrrd"], overwrite=True)


@POSIX
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "circle", "nowhere"])
def test_what_is_no_file_is_no_output(tmp_path, kind):
    path = tmp_path / "a.nrrd"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/null")
    else:
        path.symlink_to(path if kind == "circle" else tmp_path / "gone")
    before = sorted(os.listdir(tmp_path))
    for write in (
        lambda: check_targets([path], [], overwrite=True),
        lambda: write_volume(image(), path),
        lambda: write_text(path, "text"),
    ):
        with pytest.raises(SpineError, match="An output is a"):
            write()
    assert sorted(os.listdir(tmp_path)) == before and os.path.lexists(path)


@POSIX
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_no_input_either_and_nothing_waits_for_it(tmp_path, kind):
    path = tmp_path / "a.nrrd"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(SpineError, match="no file but a device or a pipe"):
        read_volume(path, "T1")


@POSIX
@pytest.mark.parametrize("name", ["x" * 300 + ".nrrd", "a\0b.nrrd"])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    with pytest.raises(SpineError, match="too long|cannot be that of a file"):
        check_targets([tmp_path / name], [], overwrite=False)
    with pytest.raises(SpineError, match="does not exist|cannot be reached"):
        read_volume(tmp_path / name, "T1")


NOISY = """
import sys
from pathlib import Path
from SpineLib.errors import SpineError
from SpineLib.volume import read_volume, write_volume
folder = Path(sys.argv[1])
for file in sorted(folder.iterdir()):
    try:
        write_volume(read_volume(file), folder.parent / f"{file.name}.nii.gz")
    except SpineError as error:
        print(error)
"""


def test_no_library_prints_a_path_to_standard_error(tmp_path, repository):
    from Testing.volume.slices import write_slices
    from Testing.volume.test_grids import skewed, write

    folder = tmp_path / "Doe^Jane"
    folder.mkdir()
    for suffix in (".nrrd", ".mha", ".nii"):
        write(folder / f"straight{suffix}", np.eye(3))
        write(folder / f"skewed{suffix}", skewed(0.3))
        write(folder / f"sheared{suffix}", skewed(20))
        (folder / f"cut{suffix}").write_bytes((folder / f"straight{suffix}").read_bytes()[:-500])
        (folder / f"text{suffix}").write_text("no image")
    write_slices(folder / "series", edit=lambda one, n: setattr(one, "PatientName", "Doe^Jane^" + "x" * 100))
    environment = os.environ | {"PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", NOISY, folder], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "" and "Doe" not in done.stdout


@POSIX
def test_names_that_are_no_utf_8_are_read_and_written(tmp_path, shared_data):
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes no such names")
    for suffix in (".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"):
        write_volume(image(), folder / f"a{suffix}")
        np.testing.assert_array_equal(read_volume(folder / f"a{suffix}").array, image().array)
    matrix = np.eye(4)
    matrix[:3, 3] = (1, 2, 3)
    write_transform(matrix, folder / "t.tfm")
    np.testing.assert_allclose(read_transform(folder / "t.tfm"), matrix)
    shutil.copytree(shared_data / "ct_dicom", folder / "ct")  # packed with JPEG 2000, which GDCM reads
    assert read_volume(folder / "ct").shape == (20, 512, 512)
