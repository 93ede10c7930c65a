"""DICOM files as they arrive: of all makes, cut off, packed, or not at all. Right values are what was written with
pydicom."""

import gzip
import shutil

import numpy as np
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from SpineLib.errors import SpineError
from SpineLib.volume import read_volume
from SpineLib.volume.told import notes_of, read_of
from Testing.volume.slices import change, matrix, places, values, write_frames, write_slices


def assert_read(volume, wanted=None, place=None):
    """Voxels and places are what was written; of the places 1e-4 mm are lost to decimals in the file."""
    wanted = values() if wanted is None else wanted
    np.testing.assert_array_equal(volume.array, wanted)
    np.testing.assert_allclose(volume.ijk_to_lps, matrix() if place is None else place, atol=1e-4)


# --- files that did not arrive, or not whole


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(file.read_bytes()[:100]),
        lambda file: file.write_bytes(file.read_bytes()[:600]),
        lambda file: (file.unlink(), file.symlink_to("/nowhere/slice")),
        lambda file: file.write_bytes(gzip.compress(file.read_bytes())),
        lambda file: file.write_bytes(bytes(range(256)) * 20),
        lambda file: file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        lambda file: (file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes())), file.unlink()),
    ],
    ids=["empty", "100 bytes", "600 bytes", "link to nothing", "packed", "garbage", "not fetched", "packed, named so"],
)
@pytest.mark.parametrize("which", [(-2, -1), (2, 3)], ids=["at the end", "within"])
def test_files_that_should_be_slices_and_cannot_be_read_are_counted(tmp_path, spoil, which):
    files = write_slices(tmp_path / "a")
    for n in which:
        spoil(files[n])
    with pytest.raises(SpineError, match="2 files of the folder should be slices and cannot be read"):
        read_volume(tmp_path / "a", "T1")


def test_a_folder_of_links_to_nothing_says_so_and_not_that_it_holds_no_dicom(tmp_path):
    for n in range(5):
        (tmp_path / f"IM{n}.dcm").symlink_to("/nowhere/slice")
    with pytest.raises(SpineError, match="5 files of the folder should be DICOM images and cannot be read"):
        read_volume(tmp_path)


def test_texts_folders_and_hidden_files_beside_the_slices_do_no_harm(tmp_path):
    write_slices(tmp_path)
    (tmp_path / "README").write_text("A patient of 2024\n" * 30)
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".DS_Store").write_bytes(bytes(100))
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(600))
    (tmp_path / "IM_more").mkdir()
    assert_read(read_volume(tmp_path))


def test_images_of_the_series_without_a_place_are_counted(tmp_path):
    files = write_slices(tmp_path)
    for file in files[-2:]:
        change(file, lambda one: delattr(one, "ImagePositionPatient"))
    with pytest.raises(SpineError, match="2 images of the T1 series do not tell their place"):
        read_volume(tmp_path, "T1")


def test_images_without_any_place_are_called_so(tmp_path):
    write_slices(tmp_path, edit=lambda one, n: delattr(one, "ImagePositionPatient"))
    with pytest.raises(SpineError, match="do not tell their place in the patient"):
        read_volume(tmp_path)


def test_other_objects_alone_are_named(tmp_path):
    write_slices(tmp_path, edit=lambda one, n: setattr(one, "Modality", "SEG"))
    with pytest.raises(SpineError, match=r"no images but other DICOM objects \(SEG\)"):
        read_volume(tmp_path)


def test_an_object_about_the_series_in_its_folder_is_left_aside(tmp_path):
    files = write_slices(tmp_path)
    shutil.copy(files[0], tmp_path / "seg.dcm")
    change(
        tmp_path / "seg.dcm", lambda one: (setattr(one, "Modality", "SEG"), setattr(one, "SeriesInstanceUID", "1.2"))
    )
    assert_read(read_volume(tmp_path))


def test_pixels_shorter_than_the_header_says_are_refused_and_longer_ones_too(tmp_path):
    write_slices(tmp_path / "short", edit=lambda one, n: setattr(one, "PixelData", one.PixelData[:100]))
    write_slices(tmp_path / "none", edit=lambda one, n: delattr(one, "PixelData"))
    write_slices(tmp_path / "rows", edit=lambda one, n: setattr(one, "Rows", 5))
    write_slices(tmp_path / "odd", edit=lambda one, n: setattr(one, "PixelData", one.PixelData + b"\0\0"))
    for name in ("short", "none"):
        with pytest.raises(SpineError, match="pixels are cut off"):
            read_volume(tmp_path / name)
    with pytest.raises(SpineError, match="holds more pixels than its header says"):
        read_volume(tmp_path / "rows")
    assert_read(read_volume(tmp_path / "odd"))  # padding to even lengths is as it should be


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless], ids=["JPEG-LS", "RLE"])
def test_packed_pixels_that_are_cut_off_are_refused(tmp_path, syntax):
    if syntax == JPEGLSLossless:
        pytest.importorskip("jpeg_ls")
    write_slices(tmp_path / "whole", edit=lambda one, n: one.compress(syntax))
    assert_read(read_volume(tmp_path / "whole"))

    def cut(one, n):
        one.compress(syntax)
        if n == 3:
            [stream] = generate_frames(one.PixelData, number_of_frames=1)
            one.PixelData = encapsulate([stream[: len(stream) * 2 // 3]])

    write_slices(tmp_path / "cut", edit=cut)
    with pytest.raises(SpineError, match="pixels are cut off"):
        read_volume(tmp_path / "cut")


def test_a_series_of_which_the_header_counts_more_images_says_what_may_be_missing(tmp_path):
    write_slices(tmp_path / "a", edit=lambda one, n: setattr(one, "ImagesInAcquisition", 8))
    [note] = notes_of(read_volume(tmp_path / "a", "T1"))
    assert note == "The T1 series was taken with 8 images, and 6 are here: slices at its ends may be missing."
    write_slices(tmp_path / "b", edit=lambda one, n: setattr(one, "InstanceNumber", n + 4))
    [note] = notes_of(read_volume(tmp_path / "b", "T1"))
    assert "numbered from 4 to 9" in note
    write_slices(tmp_path / "c")
    volume = read_volume(tmp_path / "c", "T1")
    assert notes_of(volume) == () and read_of(volume) == "DICOM series 3, 6 slices of 12 x 10 pixels"


# --- files of other makes


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless])
def test_transfer_syntaxes_are_read_to_the_bit(tmp_path, syntax):
    write_slices(tmp_path, syntax=syntax)
    assert_read(read_volume(tmp_path))


def test_big_endian_files_are_read_to_the_bit(tmp_path):
    def swapped(one, n):
        one.PixelData = np.frombuffer(one.PixelData, "<u2").astype(">u2").tobytes()

    write_slices(tmp_path, syntax=ExplicitVRBigEndian, edit=swapped)
    assert_read(read_volume(tmp_path))


@pytest.mark.parametrize("cut", [128, 132], ids=["without preamble", "without preamble and prefix"])
def test_files_without_the_prefix_are_read(tmp_path, cut):
    for file in write_slices(tmp_path):
        file.write_bytes(file.read_bytes()[cut:] if cut == 132 else bytes(128) + file.read_bytes()[128:])
    assert_read(read_volume(tmp_path))


def test_bits_above_those_stored_are_no_part_of_the_values_and_told(tmp_path):
    def overlay(one, n):
        stored = np.frombuffer(one.PixelData, np.uint16).copy()
        stored |= (np.arange(stored.size) % 5 == 0).astype(np.uint16) << 12
        one.PixelData, one.BitsStored, one.HighBit = stored.tobytes(), 12, 11

    write_slices(tmp_path, edit=overlay)
    volume = read_volume(tmp_path)
    assert_read(volume)
    assert "bits beyond those that its header calls stored" in notes_of(volume)[0]


@pytest.mark.parametrize(
    "changes", [{"HighBit": 11}, {"BitsStored": 0}, {"BitsAllocated": 12}, {"PixelRepresentation": 7}]
)
def test_bits_that_contradict_each_other_are_refused(tmp_path, changes):
    write_slices(tmp_path, edit=lambda one, n: one.update(changes))
    with pytest.raises(SpineError, match=r"damaged header .bits"):
        read_volume(tmp_path)


@pytest.mark.parametrize("extended", [True, False], ids=["sign in all bits", "sign in the twelfth"])
def test_twelve_bits_with_a_sign_are_read_with_it(tmp_path, extended):
    def twelve(one, n):
        stored = np.frombuffer(one.PixelData, np.int16)
        one.BitsStored, one.HighBit = 12, 11
        if not extended:
            one.PixelData = (stored & 0x0FFF).astype("<u2").tobytes()

    stored = values() - 700
    write_slices(tmp_path, stored, signed=True, edit=twelve)
    volume = read_volume(tmp_path)
    assert_read(volume, stored)
    assert notes_of(volume) == ()


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1), [0, 3, 1, 4, 2, 5]], ids=["up", "down", "mixed"])
def test_a_multi_frame_file_is_read_in_any_order_of_its_frames(tmp_path, order):
    write_frames(tmp_path / "a" / "IM1", values()[order], places()[order])
    for path in (tmp_path / "a", tmp_path / "a" / "IM1"):
        volume = read_volume(path, "T2")
        assert_read(volume)
        assert notes_of(volume) == ()


@pytest.mark.parametrize(
    "rescale", [(2.0, -5.0), [(1.0 + n, 10.0 * n) for n in range(6)]], ids=["shared", "each frame"]
)
def test_frames_are_scaled_as_their_group_says(tmp_path, rescale):
    write_frames(tmp_path / "IM1", rescale=rescale)
    each = rescale if isinstance(rescale, list) else [rescale] * 6
    assert_read(read_volume(tmp_path), np.array([slope * one + add for one, (slope, add) in zip(values(), each)]))


def test_a_multi_frame_file_that_lacks_a_frame_is_refused(tmp_path):
    keep = [0, 1, 3, 4, 5]
    write_frames(tmp_path / "a" / "IM1", values()[keep], places()[keep])
    with pytest.raises(SpineError, match="lacks 1 of its slices"):
        read_volume(tmp_path / "a")
    write_frames(tmp_path / "b" / "IM1", edit=lambda whole: setattr(whole, "PixelData", whole.PixelData[:-240]))
    with pytest.raises(SpineError, match="pixels are cut off"):
        read_volume(tmp_path / "b")


def test_echoes_in_one_multi_frame_file_are_series_to_choose_from(tmp_path):
    def echo(time):
        def add(frame):
            from pydicom.dataset import Dataset

            item = Dataset()
            item.EffectiveEchoTime = time
            frame.MREchoSequence = [item]

        return add

    write_frames(
        tmp_path / "IM1",
        np.concatenate([values(), values() + 1]),
        np.concatenate([places(), places()]),
        groups=[echo(12.0)] * 6 + [echo(96.0)] * 6,
    )
    with pytest.raises(
        SpineError, match=r"7\.1: t2_sag, echo time 12\.0 \(MR, 6 slices\); 7\.2: t2_sag, echo time 96\.0"
    ):
        read_volume(tmp_path)
    assert_read(read_volume(f"{tmp_path}#7.2"), values() + 1)


def test_a_single_slice_given_as_a_file_asks_for_its_folder(tmp_path):
    first, *_ = write_slices(tmp_path)
    with pytest.raises(SpineError, match="one slice of a DICOM series; give the folder"):
        read_volume(first, "T1")
