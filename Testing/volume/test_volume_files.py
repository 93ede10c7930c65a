"""Files of volumes: what is written can be read again, bad ones get one sentence each, and nothing is lost."""

import os
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume, write_volume

SUFFIXES = (".nrrd", ".nii.gz", ".nii", ".mha", ".mhd")


def oblique(dtype=np.float32):
    turn = np.radians(20)
    direction = np.array([[np.cos(turn), 0, np.sin(turn)], [0, 1, 0], [-np.sin(turn), 0, np.cos(turn)]])
    array = np.random.default_rng(0).normal(100, 20, (8, 20, 30)).astype(dtype)
    return Volume(array, (0.5, 0.75, 4.0), (-30.0, 12.5, 7.0), direction, "T1")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32, np.float64])
def test_a_written_volume_is_read_back_with_type_and_place(tmp_path, suffix, dtype):
    volume = oblique(dtype)
    write_volume(volume, tmp_path / f"a{suffix}")
    again = read_volume(tmp_path / f"a{suffix}", "T1")
    assert again.array.dtype == dtype
    np.testing.assert_array_equal(again.array, volume.array)
    assert again.same_grid(volume)


@pytest.mark.parametrize("name", ["größe 1", "a b c", "x" * 190])
def test_paths_with_spaces_umlauts_and_200_characters_work(tmp_path, name):
    folder = tmp_path / "Ordner für Bilder" / ("y" * 100)
    folder.mkdir(parents=True)
    write_volume(oblique(), folder / f"{name}.nii.gz")
    assert read_volume(folder / f"{name}.nii.gz").same_grid(oblique())
    assert [file.name for file in folder.iterdir()] == [f"{name}.nii.gz"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_truncated_file_is_refused_with_one_sentence(tmp_path, suffix):
    write_volume(oblique(), tmp_path / f"a{suffix}")
    largest = max(tmp_path.iterdir(), key=lambda file: file.stat().st_size)
    largest.write_bytes(largest.read_bytes()[: int(0.6 * largest.stat().st_size)])
    with pytest.raises(SpineError, match="damaged or incomplete"):
        read_volume(tmp_path / f"a{suffix}", "T1")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_text_file_with_an_images_name_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text("Dear colleague, this is no image.\n" * 30)
    with pytest.raises(SpineError, match="The T1 file is (not an|no NIfTI) image"):
        read_volume(path, "T1")


def test_an_empty_file_a_missing_one_and_an_unknown_ending_are_told_apart(tmp_path):
    (tmp_path / "a.nrrd").touch()
    (tmp_path / "a.jpg").write_bytes(b"x")
    for name, words in (("a.nrrd", "empty"), ("b.nrrd", "does not exist"), ("a.jpg", "unknown ending")):
        with pytest.raises(SpineError, match=words) as caught:
            read_volume(tmp_path / name, "T2")
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(
    "suffix, zero",
    [
        (".nii", None),
        (".nrrd", (b"(0,0,4)", b"(0,0,0)")),
        (".mha", (b"ElementSpacing = 1 1 4", b"ElementSpacing = 1 1 0")),
    ],
)
def test_a_spacing_of_zero_is_refused(tmp_path, suffix, zero):
    path = tmp_path / f"a{suffix}"
    image = sitk.GetImageFromArray(np.ones((4, 5, 6), np.int16))
    image.SetSpacing((1, 1, 4))
    sitk.WriteImage(image, str(path))
    content = bytearray(path.read_bytes())
    if zero is None:
        content[88:92] = bytes(4)  # pixdim[3]
    else:
        assert zero[0] in content
        content = content.replace(*zero)
    path.write_bytes(content)
    with pytest.raises(SpineError, match="spacing of zero"):
        read_volume(path, "T1")


def test_colour_and_4_d_images_are_refused(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((4, 5, 6, 3), np.uint8), isVector=True), str(tmp_path / "c.nrrd"))
    several = sitk.GetImageFromArray(np.zeros((2, 4, 5, 6), np.float32), isVector=False)
    sitk.WriteImage(several, str(tmp_path / "4.nii.gz"))
    with pytest.raises(SpineError, match="colour"):
        read_volume(tmp_path / "c.nrrd")
    with pytest.raises(SpineError, match="4-D"):
        read_volume(tmp_path / "4.nii.gz")


def test_a_4_d_file_of_one_volume_is_that_volume(tmp_path):
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((1, 4, 5, 6), np.float32), isVector=False), str(tmp_path / "4.nii"))
    assert read_volume(tmp_path / "4.nii").shape == (4, 5, 6)


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_a_folder_or_file_without_permission_is_refused(open_folder, ordinary_user):
    folder, file, full = open_folder / "closed", open_folder / "a.nrrd", open_folder / "read-only"
    folder.mkdir(mode=0)
    full.mkdir()
    write_volume(oblique(), file)
    write_volume(oblique(), full / "a.nrrd")
    before = (full / "a.nrrd").read_bytes()
    file.chmod(0)
    full.chmod(0o555)
    with ordinary_user():
        for path in (folder / "a.nrrd", folder, file):
            with pytest.raises(SpineError, match="The T1 file (may not be read|cannot be reached)"):
                read_volume(path, "T1")
        with pytest.raises(SpineError, match="no permission"):
            write_volume(oblique(), full / "a.nrrd")
    assert (full / "a.nrrd").read_bytes() == before and len(list(full.iterdir())) == 1


def test_writing_into_a_missing_folder_or_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(SpineError, match="does not exist"):
        write_volume(oblique(), tmp_path / "no" / "a.nrrd")
    with pytest.raises(SpineError, match="cannot be written as"):
        write_volume(oblique(), tmp_path / "a.png")


FULL_DISK = """
import resource, signal, sys
import numpy as np
from SpineLib.errors import SpineError
from SpineLib.volume import Volume, write_volume
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
noise = np.random.default_rng(0).integers(0, 255, (20, 50, 60)).astype(np.uint8)
try:
    write_volume(Volume(noise), sys.argv[1])
except SpineError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on a file's size stands in for a full disk")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, suffix, repository):
    path = tmp_path / f"a{suffix}"
    write_volume(oblique(), path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    environment = os.environ | {"PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, env=environment)
    assert "disk is full" in done.stdout, done.stderr
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
