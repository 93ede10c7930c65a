"""Files with mutated headers: each is read as by somebody else's reader, read with a note, or refused in a sentence.

``python -m Testing.volume.fuzz 250`` tries 250 mutations of each of four formats and prints what became of them; the
suite tries some. The mutations are the same every time.
"""

from __future__ import annotations

import gzip
import re
import struct
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pydicom
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from SpineLib.errors import SpineError
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.told import notes_of
from Testing.volume.slices import write_slices

FLOATS = st.sampled_from([0.0, -1.0, 1.0, 0.5, 2.0, 1e-9, 1e30, np.nan, np.inf, -np.inf, 0.7071, 300.0])
WHOLE = st.sampled_from([0, 1, -1, 2, 3, 4, 5, 7, 8, 16, 100, 348, 540, 512, 32767, -32768])
WORDS = st.sampled_from([
    "nan", "inf", "-inf", "0", "-1", "1", "2", "3", "4", "5", "6", "0.5", "0.001", "1e-9", "1e30", "99999999999", "abc",
    "none", "", " ", "(1,0,0)", "(0,1,0)", "(nan,nan,nan)", "little", "big", "raw", "gzip", "short", "float", "True",
    "False", "MET_FLOAT", "LOCAL", "RAS", "LPS",
])  # fmt: skip
#: Offset and type of the fields of a NIfTI-1 header that place and size depend on.
FIELDS = [
    (0, "i"), *((40 + 2 * n, "h") for n in range(8)), (70, "h"), (72, "h"), *((76 + 4 * n, "f") for n in range(8)),
    (108, "f"), (112, "f"), (116, "f"), (123, "B"), (252, "h"), (254, "h"), *((256 + 4 * n, "f") for n in range(6)),
    *((280 + 4 * n, "f") for n in range(12)), (344, "i"),
]  # fmt: skip
ELEMENTS = (
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "Rows",
    "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "SamplesPerPixel", "NumberOfFrames",
    "RescaleSlope", "RescaleIntercept", "PhotometricInterpretation", "EchoTime", "ImageType", "SeriesInstanceUID",
    "SOPInstanceUID", "Modality", "SeriesNumber", "InstanceNumber",
)  # fmt: skip

_TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])


def image() -> Volume:
    """An oblique image of few voxels, each another one."""
    return Volume(np.arange(120, dtype=np.int16).reshape(4, 6, 5), (0.5, 0.75, 4.0), (-30.0, 12.5, 7.0), _TURN)


def outcome(path: Path, known: Callable[[Path], tuple[np.ndarray, np.ndarray]]) -> str:
    """What became of a file.

    Args:
        path: of it.
        known: somebody else's reader: matrix from (i, j, k) to LPS mm, and voxels (k, j, i); it may raise anything.

    Raises:
        AssertionError: it was read, without a note, as something else than ``known`` has.
        Exception: whatever the reader raises but SpineError.
    """
    try:
        volume = read_volume(path, "T1")
    except SpineError as error:
        sentence = str(error)
    else:
        sentence = ""
    if sentence:
        assert "\n" not in sentence and str(path.parent) not in sentence
        return "refused"
    if notes_of(volume):
        return "read with a note"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            matrix, voxels = known(path)
    except Exception:
        return "read, and refused by the other reader"
    ends = np.array(np.meshgrid(*[(0, 1)] * 3)).reshape(3, -1) * np.array(volume.shape[::-1])[:, None]
    corners = np.vstack([ends, np.ones(ends.shape[1])])
    # float32 in the other reader, and a skew that moves no corner by 0.05 mm.
    assert np.abs((volume.ijk_to_lps - matrix) @ corners).max() < 0.06 + 1e-5 * np.abs(matrix).max(), "another place"
    assert volume.shape == voxels.shape and np.allclose(volume.array, voxels, rtol=1e-5, equal_nan=True), "other voxels"
    return "read as by the other reader"


def by_nibabel(path: Path) -> tuple[np.ndarray, np.ndarray]:
    known = nibabel.load(path)
    voxels = np.asarray(known.dataobj)
    scale = {1: 1000.0, 3: 0.001}.get(int(known.header["xyzt_units"]) & 7, 1.0)
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ known.affine
    matrix[:3] *= scale
    return matrix, voxels.reshape(voxels.shape[:3]).T


def by_itk(path: Path) -> tuple[np.ndarray, np.ndarray]:
    known = sitk.ReadImage(str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(known.GetDirection(), (3, 3)) * known.GetSpacing()
    matrix[:3, 3] = known.GetOrigin()
    return matrix, sitk.GetArrayFromImage(known)


def by_pydicom(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    slices = [pydicom.dcmread(file) for file in sorted(folder.iterdir())]
    rows, columns = np.reshape(np.array(slices[0].ImageOrientationPatient, float), (2, 3))
    normal = np.cross(rows, columns)
    slices.sort(key=lambda one: float(np.array(one.ImagePositionPatient, float) @ normal))
    first, last = (np.array(slices[n].ImagePositionPatient, float) for n in (0, -1))
    matrix = np.eye(4)
    between, across = map(float, slices[0].PixelSpacing)
    matrix[:3] = np.column_stack([rows * across, columns * between, (last - first) / (len(slices) - 1), first])
    voxels = [
        one.pixel_array * float(one.get("RescaleSlope", 1) or 1) + float(one.get("RescaleIntercept", 0) or 0)
        for one in slices
    ]
    return matrix, np.array(voxels)


@st.composite
def nifti(draw, content: bytes) -> bytes:
    spoilt = bytearray(content)
    for _ in range(draw(st.integers(1, 2))):
        at, kind = draw(st.sampled_from(FIELDS))
        value = draw(FLOATS if kind == "f" else WHOLE)
        if kind == "B":
            spoilt[at] = value & 255
        else:
            struct.pack_into("<" + kind, spoilt, at, value)
    if draw(st.booleans()):
        spoilt[draw(st.integers(0, 351))] = draw(st.integers(0, 255))
    if draw(st.integers(0, 9)) == 0:
        spoilt = spoilt[: draw(st.integers(0, len(spoilt)))]
    return bytes(spoilt)


@st.composite
def text_header(draw, content: bytes, end: bytes) -> bytes:
    """Lines and words of a header deleted, doubled, exchanged or written over; ``end``: what ends the header."""
    at = content.index(end) + (1 if end == b"\n\n" else 0)
    lines, rest = content[:at].decode().splitlines(), content[at:]
    for _ in range(draw(st.integers(1, 2))):
        number = draw(st.integers(0, len(lines) - 1))
        name, sign, value = re.match(r"([^:=]*)([:=]*)(.*)", lines[number]).groups()
        words = value.split()
        how = draw(st.integers(0, 9))
        if how == 0:
            del lines[number]
        elif how == 1:
            lines.insert(draw(st.integers(0, len(lines))), lines[number])
        elif how == 2:
            lines[number] = name + sign + " " + draw(WORDS)
        elif words:
            place = draw(st.integers(0, len(words) - 1))
            words[place] = draw(WORDS)
            lines[number] = name + sign + " " + " ".join(words)
        if not lines:
            break
    spoilt = bytearray("".join(line + "\n" for line in lines).encode() + rest)
    if spoilt and draw(st.integers(0, 4)) == 0:
        spoilt[draw(st.integers(0, min(len(spoilt), 400) - 1))] = draw(st.integers(0, 255))
    if draw(st.integers(0, 9)) == 0:
        spoilt = spoilt[: draw(st.integers(0, len(spoilt)))]
    return bytes(spoilt)


@st.composite
def elements(draw) -> tuple[list[tuple[int | None, str, int | list[str]]], tuple[int, int, int] | None]:
    """Elements that are written over, in one slice or all (None), and a byte: of which slice, where, and which."""
    changes = []
    for _ in range(draw(st.integers(1, 2))):
        keyword = draw(st.sampled_from(ELEMENTS))
        if keyword in ("Rows", "Columns", "SamplesPerPixel") or keyword.startswith(("Bits", "High", "PixelRep")):
            value: int | list[str] = draw(WHOLE) & 0xFFFF
        else:
            value = draw(st.lists(WORDS, min_size=0, max_size=6))
        changes.append((draw(st.sampled_from([None, 0, 2])), keyword, value))
    byte = draw(st.none() | st.tuples(st.integers(0, 3), st.integers(128, 900), st.integers(0, 255)))
    return changes, byte


def write_series(folder: Path, changes, byte) -> None:
    """Four slices without types of their elements (implicit), so that any bytes may stand in any of them."""

    def edit(one, n):
        for which, keyword, value in changes:
            if which in (None, n):
                one.add_new(keyword, "US" if isinstance(value, int) else "LO", value)

    stored = np.arange(4 * 6 * 5).reshape(4, 6, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        files = write_slices(folder, stored, edit=edit, syntax=pydicom.uid.ImplicitVRLittleEndian)
    if byte is not None:
        which, at, value = byte
        content = bytearray(files[which].read_bytes())
        content[min(at, len(content) - 1)] = value
        files[which].write_bytes(content)


def fuzz(examples: int) -> dict[str, Counter]:
    """Try so many mutations of each format, always the same.

    Raises:
        whatever a reader raises but SpineError, with the mutation; AssertionError where a place changed in silence.
    """
    told: dict[str, Counter] = {}
    plain = settings(
        max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for suffix in (".nii", ".nrrd", ".mha"):
            write_volume(image(), root / f"whole{suffix}", compress=False)
        texts = {suffix: (root / f"whole{suffix}").read_bytes() for suffix in (".nii", ".nrrd", ".mha")}
        kinds = {
            "NIfTI": (".nii", nifti(texts[".nii"]), by_nibabel),
            "NRRD": (".nrrd", text_header(texts[".nrrd"], b"\n\n"), by_itk),
            "MetaImage": (".mha", text_header(texts[".mha"], b"ElementDataFile"), by_itk),
        }
        for name, (suffix, spoilt, known) in kinds.items():
            told[name] = Counter()
            plain(given(spoilt)(_one_file(root / f"spoilt{suffix}", known, told[name])))()
        told["DICOM"] = Counter()

        @plain
        @given(spoilt=elements())
        def one_series(spoilt):
            with tempfile.TemporaryDirectory(dir=root) as series:
                write_series(Path(series), *spoilt)
                told["DICOM"][outcome(Path(series), by_pydicom)] += 1

        one_series()
    return told


def _one_file(path: Path, known, counts: Counter) -> Callable[[bytes], None]:
    def one(content: bytes) -> None:
        path.write_bytes(content)
        counts[outcome(path, known)] += 1
        if path.suffix == ".nii":
            path.with_suffix(".nii.gz").write_bytes(gzip.compress(content, 1))
            outcome(path.with_suffix(".nii.gz"), known)

    return one


if __name__ == "__main__":
    for kind, outcomes in fuzz(int(sys.argv[1]) if len(sys.argv) > 1 else 250).items():
        print(
            f"{kind}: {sum(outcomes.values())} mutations; " + ", ".join(f"{n} {what}" for what, n in outcomes.items())
        )
