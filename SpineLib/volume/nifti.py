"""NIfTI files, read as nibabel reads them: the sform goes before the qform, and truncated or contradictory ones are
refused. ITK fills truncated files with zeros, takes spacings of zero and NaN for 1 mm, and leaves a skewed sform for a
qform that says something else, without an error.

Fields: https://nifti.nimh.nih.gov/nifti-1 and nifti-2.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.found import Found
from SpineLib.volume.payload import damage, read_voxels, values_in
from SpineLib.volume.triples import triple

#: By the header's length (NIfTI-1, NIfTI-2): offset and type of each field.
_LAYOUT = {
    348: {
        "dim": (40, "8h"), "datatype": (70, "h"), "bitpix": (72, "h"), "pixdim": (76, "8f"), "offset": (108, "f"),
        "scale": (112, "2f"), "units": (123, "B"), "codes": (252, "2h"), "quaternion": (256, "6f"),
        "rows": (280, "12f"), "magic": (344, "4s"),
    },
    540: {
        "dim": (16, "8q"), "datatype": (12, "h"), "bitpix": (14, "h"), "pixdim": (104, "8d"), "offset": (168, "q"),
        "scale": (176, "2d"), "units": (500, "i"), "codes": (344, "2i"), "quaternion": (352, "6d"),
        "rows": (400, "12d"), "magic": (4, "4s"),
    },
}  # fmt: skip
_MAGIC = {348: b"n+1\0", 540: b"n+2\0"}
_KINDS = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8",
}  # fmt: skip
_COLOUR, _COMPLEX = (128, 2304), (32, 1792, 2048)
#: Codes that say what space a qform or sform leads to are 0 (none) to this.
_LAST_CODE = 5
#: Millimetres in the units of space; others are not told, and so millimetres.
_MILLIMETRES = {1: 1000.0, 3: 0.001}
#: What is left of 1 for the quaternion's first number at a turn by 180 degrees, where float32 has rounded the others.
_HALF_TURN = 3 * float(np.finfo(np.float32).eps)
#: Two statements of one voxel size may differ by so much (share of it).
_SAME_SIZE = 0.01


@dataclass(frozen=True)
class _Header:
    """Fields of a header as they stand there, and its byte order."""

    order: str
    length: int
    dim: tuple[int, ...]
    datatype: int
    bitpix: int
    pixdim: tuple[float, ...]
    offset: float
    scale: tuple[float, float]
    units: int
    codes: tuple[int, int]
    quaternion: tuple[float, ...]
    rows: tuple[float, ...]


def read_nifti(path: Path, label: str) -> Found:
    """The content of a NIfTI file (``.nii``, or packed with gzip whatever its name).

    Raises:
        SpineError: no NIfTI file, damaged, colour, 4-D, or a header that contradicts itself.
    """
    with open(path, "rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    header = _header(path, packed, label)
    kind = _kind(header, label)
    size = _size(header, label)
    count = values_in(size, label)
    start = 0 if math.isnan(header.offset) or math.isinf(header.offset) else int(header.offset)
    least = header.length + 4
    if (start != 0 and start < least) or not math.isfinite(header.offset):
        raise SpineError(f"{label} has a damaged header (where its voxels begin); export it again.")
    values, notes = _voxels(path, packed, start or least, count, kind, label)
    if start == 0:
        notes = [*notes, f"{label} does not say where its voxels begin; they were read from behind its header."]
    array = _scaled(values, header, label).reshape(size[::-1])
    return _placed(array, header, label, notes)


def _header(path: Path, packed: bool, label: str) -> _Header:
    opened = gzip.open if packed else open
    try:
        with opened(path, "rb") as stream:
            content = stream.read(540)
    except (EOFError, OSError, zlib.error) as error:
        raise SpineError(damage(label)) from error
    for order in "<>":
        length = struct.unpack(order + "i", content[:4])[0] if len(content) >= 4 else 0
        if length in _LAYOUT and len(content) >= length:
            values: dict[str, Any] = {
                name: struct.unpack_from(order + kind, content, at) for name, (at, kind) in _LAYOUT[length].items()
            }
            (magic,) = values.pop("magic")
            if magic == b"ni1\0" or magic == b"ni2\0":
                raise SpineError(f"{label} is the header of a pair of files (.hdr and .img); save it as one .nii file.")
            if magic == _MAGIC[length] and 1 <= values["dim"][0] <= 7:
                alone = ("datatype", "bitpix", "offset", "units")
                return _Header(order, length, **{k: v[0] if k in alone else v for k, v in values.items()})
    raise SpineError(f"{label} is no NIfTI image though its name says so; export it again.")


def _kind(header: _Header, label: str) -> np.dtype:
    if header.datatype in _COLOUR:
        raise SpineError(f"{label} is a colour or vector image; use one with a single grey value a voxel.")
    if header.datatype in _COMPLEX:
        raise SpineError(f"{label} holds complex numbers; export its magnitude.")
    if header.datatype not in _KINDS:
        raise SpineError(f"{label} holds voxels of a type that is not known ({header.datatype}); export it again.")
    kind = np.dtype(header.order + _KINDS[header.datatype])
    if header.bitpix != 8 * kind.itemsize:
        raise SpineError(f"{label} has a damaged header (bits of a voxel); export it again.")
    return kind


def _size(header: _Header, label: str) -> tuple[int, int, int]:
    size = header.dim[1 : header.dim[0] + 1]
    if len(size) < 3:
        raise SpineError(f"{label} is {len(size)}-D; a 3-D volume of several slices is needed.")
    # Axes beyond the third are there once; some programs write 0 for that.
    more = [max(one, 1) for one in size[3:]]
    if len(more) > 1 and more[0] == 1 and more[1] > 1:  # the axis of the values of one voxel
        raise SpineError(f"{label} is a colour or vector image; use one with a single grey value a voxel.")
    if math.prod(more) != 1:
        raise SpineError(
            f"{label} is {len(size)}-D ({math.prod(more)} volumes in one file); split it and use one 3-D volume."
        )
    return triple(size[:3])


def _voxels(path: Path, packed: bool, start: int, count: int, kind: np.dtype, label: str):
    if not packed:
        return read_voxels([(path, start)], "raw", count, kind, label)
    # The header is packed with the voxels: both are read as bytes, and the voxels cut out.
    values, notes = read_voxels([(path, 0)], "gzip", start + count * kind.itemsize, np.dtype("u1"), label)
    return values[start:].view(kind).astype(kind.newbyteorder("="), copy=False), notes


def _scaled(values: np.ndarray, header: _Header, label: str) -> np.ndarray:
    """The voxels in their units; a slope of 0 or NaN means that they are stored as they are."""
    slope, inter = header.scale
    if slope == 0 or not math.isfinite(slope) or (slope, inter) == (1, 0):
        return values
    if not math.isfinite(inter):
        raise SpineError(f"{label} has a slope but no intercept for its voxels; export it again.")
    kind = np.float64 if values.dtype.itemsize > 2 and values.dtype != np.float32 else np.float32
    scaled = np.empty(len(values), kind)
    for first in range(0, len(values), 1 << 22):
        part = slice(first, first + (1 << 22))
        scaled[part] = values[part].astype(np.float64) * slope + inter
    return scaled


def _placed(array: np.ndarray, header: _Header, label: str, notes: list[str]) -> Found:
    size = np.array(header.pixdim[1:4], float)
    if (size == 0).any():
        raise SpineError(f"{label} has a voxel spacing of zero; export it again with its true spacing.")
    if not np.isfinite(size).all() or (size < 0).any():
        raise SpineError(f"{label} has a voxel spacing that is no number or negative; export it again.")
    if not all(0 <= code <= _LAST_CODE for code in header.codes):
        raise SpineError(f"{label} has a damaged header (the codes of qform and sform); export it again.")
    told_by_qform, told_by_sform = (code > 0 for code in header.codes)
    if told_by_sform:
        matrix = np.array(header.rows, float).reshape(3, 4)
        columns, origin = matrix[:, :3], matrix[:, 3]
        lengths = np.linalg.norm(columns, axis=0)
        if not np.isfinite(matrix).all() or not lengths.all():
            raise SpineError(f"{label} has no valid position in space (its sform); export it again.")
        if np.abs(lengths / size - 1).max() > _SAME_SIZE:
            ours, theirs = (" x ".join(f"{value:.3g}" for value in one) for one in (size, lengths))
            raise SpineError(
                f"{label} tells two voxel sizes ({ours} and, in its sform, {theirs}); export it again with one of them."
            )
        # pixdim holds the size as it was given; the norm of rounded columns is off by their rounding.
        size = np.where(np.abs(lengths / size - 1) < 1e-5, size, lengths)
        direction = columns / lengths
    elif told_by_qform:
        direction, origin = _rotation(header, label), np.array(header.quaternion[3:], float)
    else:
        direction, origin = np.diag([-1.0, -1.0, 1.0]), np.zeros(3)  # so that LPS mm are plain multiples, as ITK has it
        notes = [
            *notes,
            f"{label} says nothing of its place in the patient (neither qform nor sform): which way is left "
            "and which is up was guessed.",
        ]
    flip = np.diag([-1.0, -1.0, 1.0])  # from RAS to LPS
    scale = _MILLIMETRES.get(header.units & 7, 1.0)
    return Found(array, size * scale, flip @ origin * scale, flip @ direction, notes)


def _rotation(header: _Header, label: str) -> np.ndarray:
    """The directions (RAS) that the quaternion tells, by the formula of nifti1.h; the third one turned by qfac."""
    b, c, d = (float(value) for value in header.quaternion[:3])
    rest = 1 - (b * b + c * c + d * d)
    if not np.isfinite(header.quaternion).all() or rest < -1e-5:
        raise SpineError(f"{label} has no valid position in space (its qform); export it again.")
    a = math.sqrt(max(rest, 0.0))
    if rest < _HALF_TURN:
        b, c, d = (value / math.sqrt(b * b + c * c + d * d) for value in (b, c, d))
        a = 0.0
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    return turn * (1, 1, -1 if header.pixdim[0] < 0 else 1)
