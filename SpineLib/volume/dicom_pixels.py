"""The values of DICOM pictures, in their units. What is not packed is read here, with the length that the header says;
what is packed (JPEG and others) by GDCM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_header import frames_of, read_header
from SpineLib.volume.dicom_pictures import Picture
from SpineLib.volume.found import lowered
from SpineLib.volume.quiet import quiet_libraries, readable_name

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_DAMAGED = "cannot be read: a slice is damaged or incomplete (its pixels are cut off); export it again."
_END_OF_JPEG, _RLE = b"\xff\xd9", "1.2.840.10008.1.2.5"


def read_pixels(pictures: Sequence[Picture], label: str) -> tuple[np.ndarray, list[str]]:
    """The pictures on top of each other (k, j, i), and sentences for the user.

    The type is the smallest that holds all that could be stored, float32 where a slope is no whole number.

    Raises:
        SpineError: pixels that are missing, cut off, in colour or numbers of a table; a slope or intercept that is no
            number, or that only some slices tell.
    """
    for one in pictures:
        allocated, stored, high, signed = one.stored
        if one.samples != 1:
            raise SpineError(f"{label} is in colour; use a series with a single grey value a pixel.")
        if one.tabled:
            raise SpineError(
                f"{label} holds numbers of a table (a colour palette or a Modality LUT), no grey values; export it "
                "again with its values."
            )
        if one.rescale is None or one.rescale[0] == 0:
            raise SpineError(f"{label} has a rescale slope or intercept that is no number or zero; export it again.")
        # The highest bit is one less than those stored (PS3.5, 8.1.1).
        if allocated not in (8, 16, 32) or not 0 < stored <= allocated or high != stored - 1 or signed > 1:
            raise SpineError(f"{label} has a damaged header (bits of a pixel); export it again.")
    if len({one.rescale for one in pictures}) > 1 and len({one.scaled for one in pictures}) > 1:
        raise SpineError(
            f"{label} tells a rescale slope and intercept in some of its slices and none in others; export it again."
        )
    try:
        array = np.empty((len(pictures), *pictures[0].size), _type_for(pictures))
        beyond = False
        for file, numbers in _by_file(pictures):
            beyond |= _read_file(file, [(number, pictures[number]) for number in numbers], array, label)
    except MemoryError as error:
        raise SpineError(f"{label} is larger than this computer's memory; cut it to the spine first.") from error
    notes = []
    if len({one.rescale for one in pictures}) > 1:
        notes.append(
            f"The slices of {lowered(label)} are scaled differently; each was read with its own slope and intercept."
        )
    if beyond:
        notes.append(
            f"{label} holds bits beyond those that its header calls stored (an overlay?); they were left aside."
        )
    if pictures[0].inverted:
        notes.append(
            f"{label} is meant to be shown with black and white exchanged (MONOCHROME1); its values were left as they "
            "are."
        )
    return array, notes


def same_pixels(one: Picture, other: Picture) -> bool:
    """Whether two files of single slices hold the same pixels, byte by byte."""
    if one.frame is not None or other.frame is not None or one.size != other.size or one.rescale != other.rescale:
        return False
    try:
        return read_header(one.file, pixels=True).PixelData == read_header(other.file, pixels=True).PixelData
    except (SpineError, AttributeError):
        return False


def _by_file(pictures: Sequence[Picture]) -> Iterator[tuple[str, list[int]]]:
    files: dict[str, list[int]] = {}
    for number, one in enumerate(pictures):
        files.setdefault(one.file, []).append(number)
    yield from files.items()


def _type_for(pictures: Sequence[Picture]) -> np.dtype:
    """The smallest whole type for all values that could be stored, else float32."""
    low, high = 0.0, 0.0
    for _, stored, _, signed, slope, intercept in {(*one.stored, *one.rescale) for one in pictures if one.rescale}:
        if not float(slope).is_integer() or not float(intercept).is_integer():
            return np.dtype(np.float32)
        ends = (-(2 ** (stored - 1)), 2 ** (stored - 1) - 1) if signed else (0, 2**stored - 1)
        values = [slope * end + intercept for end in ends]
        low, high = min(low, *values), max(high, *values)
    for kind in (np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.int64):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.float64)


def _read_file(file: str, wanted: list[tuple[int, Picture]], array: np.ndarray, label: str) -> bool:
    """Read the pictures of a file into their places in ``array``; whether its values had bits beyond those stored."""
    from pydicom.uid import UID

    header = read_header(file, pixels=True)
    syntax = UID(str(getattr(header.file_meta, "TransferSyntaxUID", "")) or "1.2.840.10008.1.2")
    big = syntax == _BIG_ENDIAN or header.original_encoding[1] is False
    frames = frames_of(header)
    if "PixelData" not in header:
        raise SpineError(f"{label} {_DAMAGED}")
    if syntax.is_private or not syntax.is_transfer_syntax:
        raise SpineError(f"{label} is packed in a way that is not known; export it again, not compressed.")
    if syntax.is_compressed and syntax.name != "Deflated Explicit VR Little Endian":
        values = _unpacked(file, header, syntax, frames, wanted[0][1], label)
        alike = {one.rescale for _, one in wanted}
        if frames > 1 and len(alike) > 1:
            raise SpineError(
                f"{label} is packed, and its frames are scaled differently; export it again, not compressed."
            )
        for number, one in wanted:
            array[number] = values[one.frame or 0]
        return False
    values, beyond = _plain(header, big, frames, wanted[0][1], label)
    for number, one in wanted:
        assert one.rescale is not None
        slope, intercept = one.rescale
        frame = values[one.frame or 0]
        array[number] = frame if (slope, intercept) == (1, 0) else frame.astype(np.float64) * slope + intercept
    return beyond


def _plain(header: Dataset, big: bool, frames: int, picture: Picture, label: str) -> tuple[np.ndarray, bool]:
    """Stored values (frames, rows, columns) of pixels that are not packed, and whether other bits were set too."""
    allocated, stored, _, signed = picture.stored
    rows, columns = picture.size
    content = header.PixelData
    wanted = frames * rows * columns * allocated // 8
    if not isinstance(content, bytes) or len(content) < wanted or not wanted:
        raise SpineError(f"{label} {_DAMAGED}")
    if len(content) - wanted > columns * allocated // 8:
        raise SpineError(f"{label} holds more pixels than its header says (rows, columns); export it again.")
    kind = np.dtype(f"{'>' if big and allocated > 8 else '<'}u{allocated // 8}")
    values = np.frombuffer(content, kind, frames * rows * columns).astype(kind.newbyteorder("="))
    if stored == allocated:
        return (values.view(f"i{allocated // 8}") if signed else values).reshape(frames, rows, columns), False
    above, kept = values >> stored, values & kind.type(2**stored - 1)
    beyond = above != 0
    if signed:
        beyond &= above != 2 ** (allocated - stored) - 1  # the sign goes on in them
        kept = (kept << (allocated - stored)).view(f"i{allocated // 8}") >> (allocated - stored)
    return kept.reshape(frames, rows, columns), bool(beyond.any())


def _unpacked(file: str, header: Dataset, syntax: str, frames: int, picture: Picture, label: str) -> np.ndarray:
    """Values (frames, rows, columns), scaled by GDCM."""
    import SimpleITK as sitk
    from pydicom.encaps import generate_frames

    try:
        streams = list(generate_frames(header.PixelData, number_of_frames=frames))
    except Exception as error:  # damaged fragments make pydicom raise nearly everything
        raise SpineError(f"{label} {_DAMAGED}") from error
    # A decoder fills what a cut stream lacks without an error; a whole one ends with its sign.
    if len(streams) != frames or (syntax != _RLE and any(_END_OF_JPEG not in one[-4:] for one in streams)):
        raise SpineError(f"{label} {_DAMAGED}")
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    try:
        with readable_name(file) as name, quiet_libraries():
            reader.SetFileName(name)
            values = sitk.GetArrayFromImage(reader.Execute())
    except (RuntimeError, OSError) as error:
        raise SpineError(f"{label} {_DAMAGED}") from error
    if values.size != frames * picture.size[0] * picture.size[1]:
        raise SpineError(f"{label} {_DAMAGED}")
    return values.reshape(frames, *picture.size)
