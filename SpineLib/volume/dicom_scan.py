"""The files of a DICOM folder: pictures, and what should be pictures and cannot be read."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_header import is_dicom
from SpineLib.volume.dicom_pictures import Picture, pictures_of

#: Beginnings of packed files (gzip, zip, bzip2, xz, zstd, 7z), and of what stands for a file that was not fetched.
_PACKED = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"7z\xbc\xaf")
_STAND_INS = (b"/annex/objects/", b"version https://git-lfs")
_PACKED_ENDINGS = (".gz", ".zip", ".bz2", ".xz", ".zst", ".7z")


@dataclass
class Scan:
    """A folder's content.

    Attributes:
        pictures: of all series, those without a place too.
        unread: names of files that look like slices and cannot be read.
        others: modalities of DICOM files that are no images.
    """

    pictures: list[Picture] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)


def scan_folder(folder: str | Path) -> Scan:
    """What is in a folder, not in folders below it; hidden files are left aside.

    Raises:
        SpineError: it cannot be read.
    """
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    except OSError as error:
        raise SpineError("The folder of DICOM files cannot be read; check its path and your permissions.") from error
    return scan_files([Path(folder) / name for name in names])


def scan_files(files: Iterable[Path]) -> Scan:
    """What these files are."""
    scan, doubtful, good = Scan(), [], []
    for file in files:
        try:
            mode = os.stat(file).st_mode
            if stat.S_ISDIR(mode):
                continue
            dicom = stat.S_ISREG(mode) and is_dicom(file)
        except OSError:  # a link to nothing, or no permission
            doubtful.append(file)
            continue
        if not dicom:
            if _may_be_slice(file, mode):
                doubtful.append(file)
            continue
        try:
            found = pictures_of(file)
        except SpineError:
            scan.unread.append(file.name)
            continue
        if isinstance(found, str):
            scan.others.add(found)
        else:
            scan.pictures += found
            good.append(file.name)
    scan.unread += _like_slices([file.name for file in doubtful], good)
    return scan


def _may_be_slice(file: Path, mode: int) -> bool:
    """Whether what is no DICOM file may have been one: empty, cut off, packed, not fetched, or no text."""
    if not stat.S_ISREG(mode):
        return False
    with open(file, "rb") as stream:
        head = stream.read(1024)
    return not head or head.startswith((*_PACKED, *_STAND_INS)) or b"\0" in head


def _like_slices(names: list[str], good: list[str]) -> list[str]:
    """Of files that may be slices those that are called like the slices that can be read."""
    shapes, endings = {_shape(name) for name in good}, {Path(name).suffix.lower() for name in good}
    if not good:
        return [name for name in names if Path(_bare(name)).suffix.lower() in (".dcm", ".ima", ".dic", ".dicom")]
    return [
        name
        for name in names
        if _shape(_bare(name)) in shapes or (len(endings) == 1 and _ending(_bare(name)) in endings)
    ]


def _ending(name: str) -> str:
    # "DICOMDIR" and "Thumbs.db" are no slices of a folder whose slices have no ending.
    return Path(name).suffix.lower() if name.upper() != "DICOMDIR" else "DICOMDIR"


def _bare(name: str) -> str:
    """The name without an ending of packed files."""
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in _PACKED_ENDINGS else name


def _shape(name: str) -> str:
    return re.sub(r"\d+", "0", name.lower())
