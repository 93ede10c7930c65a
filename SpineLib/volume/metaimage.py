"""MetaImage files (``.mha``, and ``.mhd`` with its voxels in another file).

Format: https://docs.itk.org/en/latest/learn/metaio.html. ITK takes a missing spacing for 1 mm, leaves what a damaged
stream does not fill as memory had it, and does not look at units; here these are told apart.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.found import Found
from SpineLib.volume.payload import damage, read_voxels, sibling, values_in

_LONGEST_HEADER = 1 << 20
_KINDS = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4",
    "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}  # fmt: skip
_MILLIMETRES = {"": 1.0, "mm": 1.0, "?": 1.0, "cm": 10.0, "um": 0.001}
_MATRIX, _ORIGIN = ("transformmatrix", "rotation", "orientation"), ("offset", "position", "origin")


def read_metaimage(path: Path, label: str) -> Found:
    """The content of a MetaImage file.

    Raises:
        SpineError: no MetaImage, damaged, colour, not 3-D, without a voxel spacing.
    """
    fields, listed, length = metaimage_header(path, label)
    size = _whole(fields.get("dimsize", ""), label, "DimSize")
    axes = _whole(fields.get("ndims", ""), label, "NDims")
    if axes != [len(size)]:
        raise _broken(label, "NDims")
    if len(size) > 3 and size[3:] != [1] * (len(size) - 3):
        raise SpineError(f"{label} is {len(size)}-D ({size[3]} volumes in one file); split it and use one 3-D volume.")
    if len(size) < 3:
        raise SpineError(f"{label} is {len(size)}-D; a 3-D volume of several slices is needed.")
    if fields.get("objecttype", "Image").lower() != "image":
        raise SpineError(f"{label} holds no image but something else; choose the image.")
    spacing, origin, direction, notes = _place(fields, len(size), label)
    channels = _whole(fields.get("elementnumberofchannels", "1"), label, "ElementNumberOfChannels")
    if channels != [1]:
        raise SpineError(f"{label} is a colour or vector image; use one with a single grey value a voxel.")
    big = _yes(fields, "binarydatabyteordermsb") or _yes(fields, "elementbyteordermsb")
    kind = _KINDS.get(fields.get("elementtype", "").removesuffix("_ARRAY"))
    if kind is None:
        raise _broken(label, "ElementType")
    packing = "zlib" if _yes(fields, "compresseddata") else "raw" if _yes(fields, "binarydata", True) else "text"
    skip = _whole(fields.get("headersize", "0"), label, "HeaderSize")
    if len(skip) != 1 or skip[0] < -1:
        raise _broken(label, "HeaderSize")
    values, more = read_voxels(
        [
            (file, -1 if skip[0] == -1 else start + skip[0])
            for file, start in _sources(path, fields, listed, length, label)
        ],
        packing,
        values_in(size, label),
        np.dtype((">" if big else "<") + kind),
        label,
    )
    array, units = _in_units(values, fields, label)
    return Found(array.reshape(size[2::-1]), spacing, origin, direction, [*notes, *units, *more])


def metaimage_header(path: Path, label: str) -> tuple[dict[str, str], list[str], int]:
    """Fields (names in lower case), the files of a LIST, and the bytes before voxels that follow the header.

    Raises:
        SpineError: no MetaImage.
    """
    fields: dict[str, str] = {}
    with open(path, "rb") as stream:
        while "elementdatafile" not in fields:
            line = stream.readline(4096)
            name, parted, value = line.decode("utf-8", "surrogateescape").partition("=")
            name = name.strip().lower()
            if not line or stream.tell() > _LONGEST_HEADER or (not parted and line.strip()):
                if "ndims" in fields or "objecttype" in fields:
                    raise SpineError(damage(label))
                kind = path.suffix.lower()
                raise SpineError(f"{label} is not an image of the kind its ending ({kind}) says; export it again.")
            if name in fields:
                raise _broken(label, name)
            if name:
                fields[name] = value.strip()
        length = stream.tell()
        listed = []
        if fields["elementdatafile"].split()[:1] == ["LIST"]:
            text = stream.read(_LONGEST_HEADER).decode("utf-8", "surrogateescape")
            listed = [line.strip() for line in text.splitlines() if line.strip()]
    return fields, listed, length


def data_files(fields: dict[str, str], listed: list[str]) -> list[str]:
    """Names of the files with the voxels; none where they follow the header."""
    told = fields["elementdatafile"]
    if told.upper() == "LOCAL":
        return []
    pattern = re.fullmatch(r"(.*%0?\d*d.*) (\d+) (\d+) (\d+)", told)
    if pattern and int(pattern[4]) > 0 and int(pattern[3]) < 100_000:
        return [pattern[1] % number for number in range(int(pattern[2]), int(pattern[3]) + 1, int(pattern[4]))]
    return listed or [told]


def _sources(path: Path, fields: dict[str, str], listed: list[str], length: int, label: str) -> list[tuple[Path, int]]:
    files = data_files(fields, listed)
    if fields["elementdatafile"].split()[:1] == ["LIST"] and not listed:
        raise _broken(label, "ElementDataFile")
    return [(sibling(path, name), 0) for name in files] or [(path, length)]


def _place(fields: dict[str, str], axes: int, label: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    told = fields.get("elementspacing", fields.get("elementsize"))
    if told is None:
        raise SpineError(f"{label} does not tell its voxel spacing; export it again with its true spacing.")
    spacing = _numbers(told, axes, label, "ElementSpacing")[:3]
    unit = fields.get("distanceunits", "").lower()
    if unit not in _MILLIMETRES:
        raise SpineError(f"{label} gives its voxel spacing in units that are not known; export it again in mm.")
    matrix, origin = (next((fields[name] for name in names if name in fields), None) for names in (_MATRIX, _ORIGIN))
    notes = []
    if matrix is None:
        notes.append(f"{label} does not say how the patient lies in it: which way is left and which is up was guessed.")
    if origin is None and matrix is not None:
        notes.append(f"{label} does not say where in the patient it lies; 0 was taken for its origin.")
    # A row of the matrix is the direction of an axis.
    rows = np.eye(axes) if matrix is None else _numbers(matrix, axes * axes, label, "TransformMatrix")
    first = np.zeros(axes) if origin is None else _numbers(origin, axes, label, "Offset")
    direction = np.reshape(rows, (axes, axes))[:3, :3].T
    scale = _MILLIMETRES[unit]
    return spacing * scale, first[:3] * scale, direction, notes


def _in_units(values: np.ndarray, fields: dict[str, str], label: str) -> tuple[np.ndarray, list[str]]:
    """The voxels in the units that the file gives them; ITK leaves them as they are stored."""
    words = ("elementtointensityfunctionslope", "elementtointensityfunctionoffset")
    if not any(word in fields for word in words):
        return values, []
    slope, offset = (
        float(_numbers(fields.get(word, default), 1, label, "ElementToIntensityFunction")[0])
        for word, default in zip(words, ("1", "0"))
    )
    if (slope, offset) == (1, 0) or slope == 0:
        return values, []
    return (values * slope + offset).astype(np.float32), [
        f"{label} gives a slope and an offset for its voxels ({slope:g}, {offset:g}): they were applied."
    ]


def _yes(fields: dict[str, str], name: str, default: bool = False) -> bool:
    return fields[name][:1].upper() in ("T", "Y", "1") if name in fields else default


def _numbers(text: str, count: int, label: str, what: str) -> np.ndarray:
    try:
        values = [float(one) for one in text.split()]
    except ValueError:
        values = []
    if len(values) != count:
        raise _broken(label, what)
    return np.array(values)


def _whole(text: str, label: str, what: str) -> list[int]:
    try:
        return [int(one) for one in text.split()]
    except ValueError as error:
        raise _broken(label, what) from error


def _broken(label: str, what: str) -> SpineError:
    return SpineError(f"{label} has a damaged header ({what}); export it again.")
