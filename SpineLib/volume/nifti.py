"""What ITK lets pass in NIfTI files: it fills a truncated one with zeros and takes a spacing of zero for 1 mm."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

from SpineLib.errors import SpineError

# Offsets of dim[8], bitpix, pixdim[8], vox_offset and their types, by the header's length (NIfTI-1 and NIfTI-2).
_LAYOUT = {348: ((40, "8h"), (72, "h"), (76, "8f"), (108, "f")), 540: ((16, "8q"), (14, "h"), (104, "8d"), (168, "q"))}


def check_nifti(path: Path, label: str) -> None:
    """Raise SpineError when a NIfTI file is none, is shorter than its header says, or has a spacing of zero."""
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with opened(path, "rb") as stream:
            header = stream.read(540)
            dim, bits, pixdim, offset = _fields(header, label)
            if any(value == 0 for value in pixdim[1:4]):
                raise SpineError(f"{label} has a voxel spacing of zero; export it again with its true spacing.")
            voxels = 1
            for size in dim[1 : dim[0] + 1]:
                voxels *= max(size, 1)
            missing = int(offset) + voxels * bits // 8 - len(header)
            while missing > 0:
                chunk = stream.read(min(missing, 1 << 22))
                if not chunk:
                    raise EOFError
                missing -= len(chunk)
    except (EOFError, zlib.error) as error:
        raise SpineError(f"{label} is damaged or incomplete (truncated); copy or export it again.") from error
    except gzip.BadGzipFile as error:
        raise SpineError(_no_nifti(label)) from error


def _fields(header: bytes, label: str) -> list:
    for order in "<>":
        length = struct.unpack(order + "i", header[:4])[0] if len(header) >= 4 else 0
        if length in _LAYOUT and len(header) >= length:
            values = [struct.unpack_from(order + kind, header, at) for at, kind in _LAYOUT[length]]
            dim, (bits,), pixdim, (offset,) = values
            if 1 <= dim[0] <= 7:
                return [dim, bits, pixdim, offset]
    raise SpineError(_no_nifti(label))


def _no_nifti(label: str) -> str:
    return f"{label} is no NIfTI image though its name says so; export it again."
