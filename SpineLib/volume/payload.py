"""The voxels of a file as its header describes them: all of them, or an error that says why not."""

from __future__ import annotations

import bz2
import gzip
import io
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from SpineLib.errors import SpineError

#: No more than so many times does a stream of zlib or gzip shrink; bzip2 much more, of zeros.
_MOST_SHRUNK = {"zlib": 1040, "gzip": 1040, "bzip2": 50_000_000}
_CHUNK = 1 << 22


def read_voxels(
    sources: Sequence[tuple[Path, int]], packing: str, count: int, kind: np.dtype, label: str
) -> tuple[np.ndarray, list[str]]:
    """``count`` values in a row, in the machine's own byte order; and a sentence where more follows them.

    Args:
        sources: files and how many bytes to skip in each (below 0: the values end where the file ends); several files
            follow each other and hold the same number of values.
        packing: "raw", "zlib", "gzip", "bzip2", "text" (numbers) or "hex".
        count: of values.
        kind: of a value, with the file's byte order.
        label: how messages call the file.

    Raises:
        SpineError: fewer values than that; a damaged stream; a file that is missing; more than fits in memory.
    """
    if not sources or count % len(sources):
        raise SpineError(f"{label} is spread over files that do not share its slices evenly; export it again.")
    each = count // len(sources)
    try:
        parts = [_read(path, skip, packing, each, kind, label) for path, skip in sources]
        whole = parts[0][0] if len(parts) == 1 else np.concatenate([values for values, _ in parts])
        more = f"{label} holds more bytes than its header says; the rest was left aside."
        return whole.astype(kind.newbyteorder("="), copy=False), [more] if any(rest for _, rest in parts) else []
    except MemoryError as error:
        raise SpineError(f"{label} is larger than this computer's memory; cut it to the spine first.") from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile) or error.errno is None:  # bz2 raises a bare OSError
            raise _damaged(label) from error
        raise SpineError(f"{label} cannot be read: its disk or network does not answer; try again.") from error
    except (EOFError, zlib.error) as error:
        raise _damaged(label) from error


def damage(label: str) -> str:
    """The sentence for a file that ends too early or is not what it was written as."""
    return f"{label} is damaged or incomplete (truncated); copy or export it again."


def _damaged(label: str) -> SpineError:
    return SpineError(damage(label))


def _read(path: Path, skip: int, packing: str, count: int, kind: np.dtype, label: str) -> tuple[np.ndarray, bool]:
    """The values of one file, and whether more follows them."""
    if not path.is_file():
        raise SpineError(f"{label} has its voxels in another file that is not there; copy both together.")
    length, wanted = path.stat().st_size, count * kind.itemsize
    if packing in ("text", "hex"):
        with open(path, "rb") as stream:
            stream.seek(max(skip, 0))
            return _from_text(stream.read(), packing, count, kind, label)
    if packing == "raw":
        start = length - wanted if skip < 0 else skip
        if start < 0 or start + wanted > length:
            raise _damaged(label)
        return np.fromfile(path, kind, count, offset=start), start + wanted < length
    # Before memory is asked for: no stream so short becomes so much.
    if wanted > (length + 1024) * _MOST_SHRUNK[packing]:
        raise _damaged(label)
    values = np.empty(count, kind)
    with open(path, "rb") as raw:
        raw.seek(max(skip, 0))
        return values, _fill(_unpacked(raw, packing), values.view(np.uint8).data, label)


def _unpacked(raw: BinaryIO, packing: str) -> io.BufferedIOBase:
    if packing == "zlib":
        return io.BufferedReader(_Inflated(raw), _CHUNK)
    return gzip.GzipFile(fileobj=raw) if packing == "gzip" else bz2.BZ2File(raw)


def _fill(stream: io.BufferedIOBase, target: memoryview, label: str) -> bool:
    at = 0
    while at < len(target):
        got = stream.readinto(target[at : at + _CHUNK])
        if not got:
            raise _damaged(label)
        at += got
    try:
        more = False
        while stream.read(_CHUNK):  # to the end, where the check sum is
            more = True
        return more
    except (gzip.BadGzipFile, OSError) as error:
        # The stream is whole, but other bytes follow it, as some transfers leave them. A wrong sum is damage.
        if "Not a gzipped file" not in str(error) and "Invalid data stream" not in str(error):
            raise
        return True


def _from_text(content: bytes, packing: str, count: int, kind: np.dtype, label: str) -> tuple[np.ndarray, bool]:
    try:
        if packing == "hex":
            values = np.frombuffer(bytes.fromhex(content.decode("ascii")), kind)
        else:
            values = np.array(content.replace(b",", b" ").split(), dtype=np.float64)
            if not np.array_equal(values, values.astype(kind).astype(np.float64), equal_nan=True):
                raise _damaged(label)
            values = values.astype(kind)
    except (ValueError, UnicodeDecodeError) as error:
        raise _damaged(label) from error
    if len(values) < count:
        raise _damaged(label)
    return values[:count], len(values) > count


class _Inflated(io.RawIOBase):
    """A stream of zlib, unpacked as it is read."""

    def __init__(self, raw: BinaryIO):
        self._raw, self._engine = raw, zlib.decompressobj()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, target) -> int:
        while not self._ready and not self._engine.eof:
            packed = self._engine.unconsumed_tail or self._raw.read(1 << 16)
            if not packed:
                raise EOFError
            self._ready = self._engine.decompress(packed, _CHUNK)
        part, self._ready = self._ready[: len(target)], self._ready[len(target) :]
        target[: len(part)] = part
        return len(part)


def values_in(shape: Sequence[int], label: str) -> int:
    """How many values a grid of this shape has.

    Raises:
        SpineError: an axis of no or negative length, or more values than any computer's memory holds.
    """
    if any(size < 1 for size in shape):
        raise SpineError(f"{label} holds no voxels: one of its axes is of length zero or less; export it again.")
    count = math.prod(int(size) for size in shape)
    if count > 1 << 40:
        raise _damaged(label)
    return count


def sibling(path: Path, name: str) -> Path:
    """The file of voxels that a header names: beside the header, unless it gives a whole path."""
    return path.parent / os.fsdecode(name.encode("utf-8", "surrogateescape"))
