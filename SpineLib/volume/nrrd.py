"""NRRD files (``.nrrd``, and ``.nhdr`` with its voxels in another file), one value a voxel or several (layers).

Format: https://teem.sourceforge.net/nrrd/format.html. ITK takes a spacing that is missing or NaN for 1 mm and does not
look at units; here both are told apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.found import Found
from SpineLib.volume.payload import damage, read_voxels, sibling, values_in

_LONGEST_HEADER = 1 << 24
_KINDS = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_PACKING = {
    "raw": "raw",
    **dict.fromkeys(("gz", "gzip"), "gzip"),
    **dict.fromkeys(("bz2", "bzip2"), "bzip2"),
    **dict.fromkeys(("txt", "text", "ascii"), "text"),
    "hex": "hex",
}
#: What turns a space's axes into LPS; None: the file does not say how the patient lies in it.
_SPACES = {
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "left-posterior-superior": (1, 1, 1),
    "scanner-xyz": (1, 1, 1),
    "3d-right-handed": None,
    "3d-left-handed": None,
}
_SHORT = {"ras": "right-anterior-superior", "las": "left-anterior-superior", "lps": "left-posterior-superior"}
_MILLIMETRES = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001, "\u00b5m": 0.001, "micron": 0.001}
#: Kinds of an axis along which there is more than one value of one voxel.
_NO_PLACE = ("list", "vector", "covariant-vector", "normal", "point", "stub", "scalar", "complex", "quaternion")


@dataclass(frozen=True)
class NrrdHeader:
    """A header as it stands there.

    Attributes:
        fields: "sizes", "space directions" ...: what the format defines, names in lower case.
        keys: "Segment0_Name" ...: what programs add.
        files: those with the voxels; empty: they follow the header.
        length: bytes before the voxels that follow the header.
    """

    fields: dict[str, str]
    keys: dict[str, str]
    files: tuple[str, ...]
    length: int


def read_nrrd(path: Path, label: str) -> Found:
    """The content of a NRRD file.

    Raises:
        SpineError: no NRRD file, damaged, not 3-D, without a voxel spacing.
    """
    header = nrrd_header(path, label)
    fields = header.fields
    sizes = _whole(fields.get("sizes", ""), label)
    if str(len(sizes)) != fields.get("dimension", "") or not sizes:
        raise _broken(label, "sizes")
    count = values_in(sizes, label)
    kind, packing = _kind(fields, label), _PACKING.get(fields.get("encoding", "").lower())
    if packing is None:
        raise _broken(label, "encoding")
    directions, notes = _directions(fields, len(sizes), label)
    axes = [axis for axis, vector in enumerate(directions) if vector is not None]
    axes = [axis for axis in axes if axis < 3 or sizes[axis] > 1 or len(axes) <= 3]
    if len(axes) > 3:
        raise SpineError(
            f"{label} is {len(axes)}-D ({sizes[axes[3]]} volumes in one file); split it and use one 3-D volume."
        )
    if len(axes) < 3:
        raise SpineError(f"{label} is {len(axes)}-D; a 3-D volume of several slices is needed.")
    values, more = read_voxels(_sources(path, header, label), packing, count, kind, label)
    # The fastest axis is the last one of the array; several values a voxel go behind it.
    array = values.reshape(sizes[::-1])
    rest = [axis for axis in range(len(sizes)) if axis not in axes]
    order = [len(sizes) - 1 - axis for axis in (*reversed(axes), *rest)]
    array = array.transpose(order).reshape(*(sizes[axis] for axis in reversed(axes)), -1)
    matrix = np.array([directions[axis] for axis in axes]).T
    lengths = np.linalg.norm(matrix, axis=0)
    if not lengths.all():
        raise SpineError(f"{label} has a voxel spacing of zero; export it again with its true spacing.")
    origin, told = _origin(fields, label)
    array = array if array.shape[3] > 1 else array[..., 0]
    return Found(np.ascontiguousarray(array), lengths, origin, matrix / lengths, [*notes, *told, *more], header.keys)


def nrrd_header(path: Path, label: str) -> NrrdHeader:
    """The header of a NRRD file.

    Raises:
        SpineError: no NRRD file, or one that contradicts itself.
    """
    with open(path, "rb") as stream:
        if not re.fullmatch(rb"NRRD000[1-6]\r?\n", stream.readline(16)):
            kind = path.suffix.lower()
            raise SpineError(f"{label} is not an image of the kind its ending ({kind}) says; export it again.")
        fields: dict[str, str] = {}
        keys: dict[str, str] = {}
        files: list[str] = []
        listing = False
        while True:
            line = stream.readline(_LONGEST_HEADER)
            if stream.tell() > _LONGEST_HEADER:
                raise SpineError(damage(label))
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            if not text:
                if not line and not listing and not files:
                    raise SpineError(damage(label))  # ended without the empty line that ends a header
                return NrrdHeader(fields, keys, tuple(files), stream.tell())
            if listing:
                files.append(text.strip())
            elif not text.startswith("#"):
                listing = _take(text, fields, keys, files, label)


def _take(text: str, fields: dict[str, str], keys: dict[str, str], files: list[str], label: str) -> bool:
    """Put a line where it belongs; whether the files' names follow, a line each."""
    key, parted, value = text.partition(":=")
    if parted and not re.match(r"[^:=]*: ", text):
        keys[key] = value.replace("\\n", "\n").replace("\\\\", "\\")
        return False
    name, parted, value = text.partition(":")
    name, value = " ".join(name.lower().split()), value.strip()
    name = {"datafile": "data file", "lineskip": "line skip", "byteskip": "byte skip"}.get(name, name)
    if not parted:
        raise _broken(label, "lines")
    if name in fields:
        raise _broken(label, name)
    fields[name] = value
    if name != "data file":
        return False
    if value.split()[:1] == ["LIST"]:
        return True
    pattern = re.fullmatch(r"(.*%0?\d*d.*) (-?\d+) (-?\d+) (-?\d+)(?: \d+)?", value)
    if pattern:
        first, last, step = map(int, pattern.groups()[1:])
        if step == 0 or abs(last - first) > 100_000:
            raise _broken(label, name)
        files += [pattern[1] % number for number in range(first, last + (1 if step > 0 else -1), step)]
    else:
        files.append(value)
    return False


def _sources(path: Path, header: NrrdHeader, label: str) -> list[tuple[Path, int]]:
    """Files and the bytes to skip in each."""
    lines, skip = (_whole(header.fields.get(name, "0"), label) for name in ("line skip", "byte skip"))
    if len(lines) != 1 or len(skip) != 1 or lines[0] < 0 or skip[0] < -1:
        raise _broken(label, "skip")
    found = []
    for file in [sibling(path, name) for name in header.files] or [path]:
        start = 0 if header.files else header.length
        if lines[0] and file.is_file():
            with open(file, "rb") as stream:
                stream.seek(start)
                for _ in range(min(lines[0], 1_000_000)):
                    stream.readline()
                start = stream.tell()
        found.append((file, -1 if skip[0] == -1 else start + skip[0]))
    return found


def _kind(fields: dict[str, str], label: str) -> np.dtype:
    kind = _KINDS.get(" ".join(fields.get("type", "").lower().split()))
    if kind is None:
        raise _broken(label, "type")
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower())
    if order is None:
        if int(kind[1:]) > 1 and _PACKING.get(fields.get("encoding", "").lower()) != "text":
            raise _broken(label, "endian")
        order = "<"
    return np.dtype(order + kind)


def _directions(fields: dict[str, str], count: int, label: str) -> tuple[list[np.ndarray | None], list[str]]:
    """The step along each axis (LPS mm), None of one without a place; and sentences."""
    kinds = [*fields.get("kinds", "").lower().split(), *count * [""]]
    if "space directions" in fields:
        flip, notes = _space(fields, label)
        scale = _units(fields.get("space units", ""), label)
        vectors = [_vector(one, label) for one in re.findall(r"\([^()]*\)|none", fields["space directions"])]
        if len(vectors) != count:
            raise _broken(label, "space directions")
        for vector, kind in zip(vectors, kinds):
            if vector is None and kind in ("domain", "space"):
                raise SpineError(f"{label} does not tell its voxel spacing; export it again with its true spacing.")
        return [None if one is None else one * flip * scale for one in vectors], notes
    if "spacings" not in fields:
        raise SpineError(f"{label} does not tell its voxel spacing; export it again with its true spacing.")
    spacings, scale = _numbers(fields["spacings"]), _units(fields.get("units", ""), label)
    if len(spacings) != count:
        raise _broken(label, "spacings")
    places = [axis for axis in range(count) if kinds[axis] not in _NO_PLACE and not kinds[axis].endswith("-color")]
    if len(places) > 3:
        places = [axis for axis in places if np.isfinite(spacings[axis])]
    if not all(np.isfinite(spacings[axis]) for axis in places):
        raise SpineError(f"{label} has a voxel spacing that is no number or negative; export it again.")
    vectors = [None] * count
    for number, axis in enumerate(places):
        vectors[axis] = np.eye(max(3, len(places)))[number] * spacings[axis] * scale
    if any(spacings[axis] < 0 for axis in places):
        raise SpineError(f"{label} has a voxel spacing that is no number or negative; export it again.")
    return vectors, [_unknown(label)]


def _space(fields: dict[str, str], label: str) -> tuple[np.ndarray, list[str]]:
    name = fields.get("space", "").lower()
    name = _SHORT.get(name, name)
    if not name and "space dimension" in fields:
        name = "3d-right-handed"
    if name not in _SPACES:
        raise _broken(label, "space")
    flip = _SPACES[name]
    return np.array(flip or (1, 1, 1), float), [] if flip else [_unknown(label)]


def _unknown(label: str) -> str:
    return f"{label} does not say how the patient lies in it: which way is left and which is up was guessed."


def _origin(fields: dict[str, str], label: str) -> tuple[np.ndarray, list[str]]:
    if "space directions" not in fields:
        return np.zeros(3), []
    if "space origin" not in fields:
        return np.zeros(3), [f"{label} does not say where in the patient it lies; 0 was taken for its origin."]
    origin = _vector(fields["space origin"], label)
    if origin is None:
        raise SpineError(f"{label} has no valid position in space; export it again.")
    return origin * _space(fields, label)[0] * _units(fields.get("space units", ""), label), []


def _vector(text: str, label: str) -> np.ndarray | None:
    """Of "(1,0,0)"; None of "none" and of NaN alone."""
    if text == "none":
        return None
    values = _numbers(text.strip("() ").replace(",", " "))
    if len(values) == 3 and np.isnan(values).all():
        return None
    if len(values) != 3 or not np.isfinite(values).all():
        raise SpineError(f"{label} has no valid orientation (space directions or origin); export it again.")
    return np.array(values)


def _units(text: str, label: str) -> float:
    """Millimetres in the unit of all axes."""
    words = {word.strip().lower() for word in re.findall(r'"([^"]*)"', text)} - {"", "???"}
    if len(words) > 1 or words - set(_MILLIMETRES):
        raise SpineError(f"{label} gives its voxel spacing in units that are not known; export it again in mm.")
    return _MILLIMETRES[words.pop()] if words else 1.0


def _numbers(text: str) -> list[float]:
    try:
        return [float(one) for one in text.split()]
    except ValueError:
        return []


def _whole(text: str, label: str) -> list[int]:
    try:
        return [int(one) for one in text.split()]
    except ValueError as error:
        raise _broken(label, "sizes") from error


def _broken(label: str, what: str) -> SpineError:
    return SpineError(f"{label} has a damaged header ({what}); export it again.")
