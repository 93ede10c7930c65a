"""NIfTI files of all makes: place and values as nibabel has them, or refused with what is the matter."""

import gzip
import struct

import nibabel
import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.volume import read_volume
from SpineLib.volume.told import notes_of

SIZE = (5, 6, 4)
ARRAY = np.arange(120, dtype=np.int16).reshape(SIZE) - 20
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
#: RAS: oblique, 0.5 x 0.75 x 4 mm, left-handed.
AFFINE = np.eye(4)
AFFINE[:3, :3] = TURN * (-0.5, 0.75, 4)
AFFINE[:3, 3] = (5, -6, 7)


def save(path, array=ARRAY, affine=AFFINE, *, qform=None, codes=(1, 1), kind=nibabel.Nifti1Image, edit=None, **header):
    """A file as nibabel writes it; ``edit``: (offset, format, values) that are written over its header."""
    image = kind(array, affine)
    for name, value in header.items():
        image.header[name] = value
    image.set_qform(affine if qform is None else qform, codes[0])
    image.set_sform(affine, codes[1])
    nibabel.save(image, path)
    if edit:
        content = bytearray(path.read_bytes())
        for at, form, values in edit:
            struct.pack_into(form, content, at, *values)
        path.write_bytes(content)
    return path


def assert_as_nibabel(path, scale=1.0, atol=1e-5):
    """Voxels to the bit and places as nibabel reads them (float32 in the file: 1e-5 mm), in LPS."""
    known, volume = nibabel.load(path), read_volume(path, "T1")
    array = np.asarray(known.dataobj)
    np.testing.assert_allclose(volume.array.T, array.reshape(array.shape[:3]), rtol=1e-6, atol=0)
    affine = known.affine.copy()
    affine[:3] *= scale
    np.testing.assert_allclose(volume.ijk_to_lps, np.diag([-1, -1, 1, 1]) @ affine, atol=atol * scale)
    return volume


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i2", "u2", "i4", ">f4", "f8", "i8", "u8"])
def test_types_byte_orders_and_versions(tmp_path, kind, suffix, dtype):
    array = np.arange(120).reshape(SIZE).astype(dtype)
    image = kind(array, AFFINE, dtype=np.dtype(dtype))
    if dtype.startswith(">"):
        image = kind(array, AFFINE, header=kind.header_class(endianness=">"))
        image.set_data_dtype(np.dtype(dtype))
    nibabel.save(image, tmp_path / f"a{suffix}")
    volume = assert_as_nibabel(tmp_path / f"a{suffix}")
    assert volume.array.dtype == np.dtype(dtype).newbyteorder("=")


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (1, 1), (2, 3), (0, 2), (4, 0)])
def test_the_sform_goes_before_the_qform(tmp_path, codes):
    other = AFFINE.copy()
    other[:3, 3] = (50, 60, 70)
    assert_as_nibabel(save(tmp_path / "a.nii", qform=other, codes=codes))


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("degrees", [0.001, 0.02, 90, 179.98, 179.999, 180])
def test_half_turns_survive_the_quaternion(tmp_path, axis, degrees):
    turn, (a, b) = np.eye(3), [(1, 2), (0, 2), (0, 1)][axis]
    turn[[a, b, a, b], [a, b, b, a]] = np.array([1, 1, -1, 1]) * [
        *2 * [np.cos(np.radians(degrees))],
        *2 * [np.sin(np.radians(degrees))],
    ]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * (0.5, 0.75, 4), (5, -6, 7)
    assert_as_nibabel(save(tmp_path / "a.nii", affine=affine, codes=(1, 0)))


@pytest.mark.parametrize("slope, inter", [(2, 3), (0.5, 0), (1, -1024), (-1, 0), (0, 5), (float("nan"), 0), (1, 0)])
def test_slopes(tmp_path, slope, inter):
    assert_as_nibabel(save(tmp_path / "a.nii", edit=[(112, "<2f", (slope, inter))]))


@pytest.mark.parametrize("code, scale", [(0, 1), (2, 1), (1, 1000), (3, 1e-3), (2 | 8, 1)])
def test_units_of_space(tmp_path, code, scale):
    affine = AFFINE.copy()
    affine[:3] /= scale
    assert_as_nibabel(save(tmp_path / "a.nii", affine=affine, edit=[(123, "B", (code,))]), scale)


@pytest.mark.parametrize("shape", [(5, 6, 4, 1), (5, 6, 4, 1, 1)])
def test_axes_of_one(tmp_path, shape):
    assert_as_nibabel(save(tmp_path / "a.nii", ARRAY.reshape(shape)))


def test_a_name_in_capitals_bytes_after_the_end_and_a_file_that_is_not_packed(tmp_path):
    content = save(tmp_path / "a.nii").read_bytes()
    (tmp_path / "B.NII").write_bytes(content)
    (tmp_path / "c.nii").write_bytes(content + b"more" * 50)
    (tmp_path / "d.nii.gz").write_bytes(content)
    (tmp_path / "e.nii.gz").write_bytes(gzip.compress(content) + b"trailing bytes")
    (tmp_path / "f.nii.gz").write_bytes(gzip.compress(content[:500]) + gzip.compress(content[500:]))
    first = read_volume(tmp_path / "a.nii")
    for name in ("B.NII", "c.nii", "d.nii.gz", "e.nii.gz", "f.nii.gz"):
        volume = read_volume(tmp_path / name)
        np.testing.assert_array_equal(volume.array, first.array)
        assert volume.same_grid(first)
        assert bool(notes_of(volume)) is (name[0] in "ce")


def test_a_file_that_tells_no_place_is_read_with_a_note(tmp_path):
    volume = read_volume(save(tmp_path / "a.nii", codes=(0, 0)), "T1")
    assert volume.spacing == (0.5, 0.75, 4)
    assert notes_of(volume) == (
        "The T1 file says nothing of its place in the patient (neither qform nor sform): which way is left and which "
        "is up was guessed.",
    )


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "edit, words",
    [
        ((80, "<f", (0,)), "voxel spacing of zero"),
        ((80, "<f", (NAN,)), "spacing that is no number"),
        ((80, "<f", (INF,)), "spacing that is no number"),
        ((80, "<f", (-0.5,)), "no number or negative"),
        ((80, "<f", (2,)), "tells two voxel sizes"),
        ((280, "<f", (NAN,)), "no valid position"),
        ((280, "<f", (5,)), "tells two voxel sizes|not at right angles"),
        ((292, "<f", (INF,)), "no valid position"),
        ((292, "<f", (1e20,)), "no valid position"),
        ((108, "<f", (NAN,)), "damaged header"),
        ((108, "<f", (INF,)), "damaged header"),
        ((108, "<f", (-5,)), "damaged header"),
        ((108, "<f", (100,)), "damaged header"),
        ((108, "<f", (1e9,)), "damaged or incomplete"),
        ((40, "<h", (2,)), "2-D"),
        ((40, "<h", (0,)), "no NIfTI image"),
        ((42, "<h", (0,)), "holds no voxels"),
        ((42, "<h", (-5,)), "holds no voxels"),
        ((42, "<h", (32000,)), "damaged or incomplete"),
        ((42, "<hhh", (32000, 32000, 32000)), "damaged or incomplete"),
        ((40, "<hhhhh", (4, 5, 6, 2, 2)), "4-D .2 volumes"),
        ((40, "<hhhhhh", (5, 5, 6, 2, 1, 2)), "colour or vector"),
        ((252, "<h", (7,)), "damaged header"),
        ((254, "<h", (-1,)), "damaged header"),
        ((70, "<hh", (128, 24)), "colour"),
        ((70, "<hh", (32, 64)), "complex"),
        ((70, "<hh", (0, 16)), "type that is not known"),
        ((70, "<hh", (1, 1)), "type that is not known"),
        ((72, "<h", (8,)), "damaged header"),
        ((344, "4s", (b"ni1\0",)), "pair of files"),
        ((344, "4s", (b"n+9\0",)), "no NIfTI image"),
        ((112, "<2f", (2, NAN)), "slope but no intercept"),
    ],
)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_what_a_header_contradicts_is_refused_with_its_cause(tmp_path, suffix, edit, words):
    path = save(tmp_path / "a.nii", edit=[edit])
    if suffix == ".nii.gz":
        (tmp_path / "a.nii.gz").write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(SpineError, match=words):
        read_volume(tmp_path / f"a{suffix}", "T1")


def test_a_quaternion_of_no_rotation_is_refused(tmp_path):
    for value in (2.0, NAN):
        with pytest.raises(SpineError, match="no valid position"):
            read_volume(save(tmp_path / "a.nii", codes=(1, 0), edit=[(256, "<f", (value,))]))


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.995])
def test_a_packed_file_that_is_cut_or_spoilt_is_refused(tmp_path, cut):
    array = np.random.default_rng(0).integers(0, 1000, (40, 40, 20)).astype(np.int16)
    content = save(tmp_path / "a.nii.gz", array).read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(content[: int(cut * len(content))])
    with pytest.raises(SpineError, match="damaged or incomplete"):
        read_volume(tmp_path / "a.nii.gz")
    spoilt = bytearray(content)
    spoilt[int(cut * len(content))] ^= 0xFF
    (tmp_path / "a.nii.gz").write_bytes(spoilt)
    with pytest.raises(SpineError, match="damaged or incomplete"):
        read_volume(tmp_path / "a.nii.gz")


def test_a_header_that_asks_for_more_than_a_packed_file_can_hold_asks_for_no_memory(tmp_path):
    content = bytearray(save(tmp_path / "a.nii").read_bytes())
    struct.pack_into("<hhh", content, 42, 30000, 30000, 30000)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(SpineError, match="damaged or incomplete"):
        read_volume(tmp_path / "a.nii.gz")
