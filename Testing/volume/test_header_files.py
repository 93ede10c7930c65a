"""NRRD and MetaImage files of all makes: as pynrrd and SimpleITK have them, or refused with what is the matter."""

import bz2
import gzip
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.volume import read_volume
from SpineLib.volume.told import notes_of

ARRAY = np.arange(120, dtype="<i2").reshape(6, 5, 4)
NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "4 5 6",
    "space directions": "(0,0.5,0) (0.75,0,0) (0,0,-4)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(1,2,3)",
}
META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "0 1 0 1 0 0 0 0 -1",
    "Offset": "1 2 3",
    "ElementSpacing": "0.5 0.75 4",
    "DimSize": "4 5 6",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}
MATRIX = np.array([[0, 0.75, 0, 1], [0.5, 0, 0, 2], [0, 0, -4, 3], [0, 0, 0, 1.0]])


def nrrd_file(path, content=ARRAY.tobytes(), drop=(), more="", **changes):
    fields = {key: value for key, value in NRRD.items() if key not in drop}
    fields |= {key.replace("_", " "): value for key, value in changes.items()}
    text = "NRRD0005\n" + "".join(f"{key}: {value}\n" for key, value in fields.items()) + more + "\n"
    path.write_bytes(text.encode() + content)
    return path


def meta_file(path, content=ARRAY.tobytes(), drop=(), **changes):
    fields = {key: value for key, value in (META | changes).items() if key not in drop}
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # the last one ends the header
    path.write_bytes("".join(f"{key} = {value}\n" for key, value in fields.items()).encode() + content)
    return path


def assert_right(path, matrix=MATRIX, array=ARRAY):
    volume = read_volume(path, "T1")
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.ijk_to_lps, matrix, atol=1e-9)
    return volume


@pytest.mark.parametrize(
    "content, changes",
    [
        (ARRAY.tobytes(), {}),
        (gzip.compress(ARRAY.tobytes()), {"encoding": "gzip"}),
        (gzip.compress(ARRAY.tobytes()), {"encoding": "GZ"}),
        (bz2.compress(ARRAY.tobytes()), {"encoding": "bzip2"}),
        (" ".join(map(str, ARRAY.ravel())).encode(), {"encoding": "ascii"}),
        (ARRAY.tobytes().hex().encode(), {"encoding": "hex"}),
        (ARRAY.astype(">i2").tobytes(), {"endian": "big"}),
        (b"a line\n" + ARRAY.tobytes(), {"more": "line skip: 1\n"}),
        (b"12345" + ARRAY.tobytes(), {"more": "byteskip: 5\n"}),
        (b"12345" + ARRAY.tobytes(), {"more": "byte skip: -1\n"}),
        (ARRAY.tobytes(), {"type": "signed short int"}),
        (ARRAY.tobytes(), {"more": "# a comment\nkey:=value: with colons\n"}),
        (ARRAY.tobytes(), {"dimension": "4", "sizes": "4 5 6 1", "kinds": "domain domain domain list",
                           "space_directions": NRRD["space directions"] + " none"}),
        (ARRAY.tobytes(), {"dimension": "4", "sizes": "1 4 5 6", "kinds": "list domain domain domain",
                           "space_directions": "none " + NRRD["space directions"]}),
    ],
)  # fmt: skip
def test_packings_orders_and_skips_of_nrrd(tmp_path, content, changes):
    assert notes_of(assert_right(nrrd_file(tmp_path / "a.nrrd", content, **changes))) == ()


@pytest.mark.parametrize(
    "space, flip", [("RAS", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1)), ("LPS", (1, 1, 1))]
)
def test_spaces_of_nrrd_become_lps_as_itk_has_them(tmp_path, space, flip):
    path = nrrd_file(tmp_path / "a.nrrd", space=space)
    volume = assert_right(path, np.diag([*flip, 1]) @ MATRIX)
    known = sitk.ReadImage(str(path))
    np.testing.assert_allclose(volume.origin, known.GetOrigin())
    np.testing.assert_allclose(volume.direction.ravel(), known.GetDirection())


@pytest.mark.parametrize("unit, scale", [("cm", 10), ("m", 1000), ("um", 1e-3), ("mm", 1)])
def test_units_of_nrrd_count(tmp_path, unit, scale):
    vectors = " ".join(f"({x / scale},{y / scale},{z / scale})" for x, y, z in MATRIX[:3, :3].T.tolist())
    origin = "(" + ",".join(repr(value / scale) for value in MATRIX[:3, 3].tolist()) + ")"
    more = f'space units: "{unit}" "{unit}" "{unit}"\n'
    assert_right(nrrd_file(tmp_path / "a.nrrd", space_directions=vectors, space_origin=origin, more=more))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"drop": ("space directions", "space", "space origin")}, "does not tell its voxel spacing"),
        ({"drop": ("space directions",)}, "does not tell its voxel spacing"),
        ({"drop": ("space directions", "space", "space origin"), "more": "spacings: 0.5 nan 4\n"}, "no number"),
        ({"space_directions": "(0.5,0,0) none (0,0,4)"}, "does not tell its voxel spacing"),
        ({"space_directions": "(0.5,0,0) (nan,nan,nan) (0,0,4)"}, "does not tell its voxel spacing"),
        ({"space_directions": "(0.5,0,0) (0,inf,0) (0,0,4)"}, "no valid orientation"),
        ({"space_directions": "(0.5,0,0) (0,0,0) (0,0,4)"}, "spacing of zero"),
        ({"space_directions": "(0,5,0,0) (0,0,75,0) (0,0,4)"}, "no valid orientation"),
        ({"space_origin": "(nan,2,3)"}, "no valid"),
        ({"space_origin": "(1,2)"}, "no valid"),
        ({"space": "weird"}, "damaged header"),
        ({"more": 'space units: "pixel" "pixel" "pixel"\n'}, "units that are not known"),
        ({"more": "sizes: 5 4 6\n"}, "damaged header"),
        ({"sizes": "4 0 6"}, "no voxels"),
        ({"sizes": "4 -5 6"}, "no voxels"),
        ({"sizes": "40000 50000 60000"}, "damaged or incomplete"),
        ({"sizes": "4 5"}, "damaged header"),
        ({"type": "block"}, "damaged header"),
        ({"type": "int"}, "damaged or incomplete"),
        ({"drop": ("endian",)}, "damaged header"),
        ({"encoding": "rle"}, "damaged header"),
        ({"content": ARRAY.tobytes()[:100]}, "damaged or incomplete"),
        ({"content": gzip.compress(ARRAY.tobytes())[:-30], "encoding": "gzip"}, "damaged or incomplete"),
        ({"content": gzip.compress(ARRAY.tobytes()[:100]), "encoding": "gzip"}, "damaged or incomplete"),
        ({"content": b"1 2 3", "encoding": "ascii"}, "damaged or incomplete"),
        ({"more": "data file: elsewhere.raw\n"}, "in another file that is not there"),
        ({"dimension": "4", "sizes": "4 5 3 2", "kinds": "domain domain domain list",
          "space_directions": NRRD["space directions"] + " none"}, "colour or vector"),
        ({"dimension": "2", "sizes": "20 6", "drop": ("kinds", "space", "space origin", "space directions"),
          "more": "spacings: 1 1\n"}, "2-D"),
    ],
)  # fmt: skip
def test_a_nrrd_that_is_not_certain_is_refused_with_its_cause(tmp_path, changes, words):
    with pytest.raises(SpineError, match=words):
        read_volume(nrrd_file(tmp_path / "a.nrrd", **changes), "T1")


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_a_file_that_does_not_say_how_the_patient_lies_says_that_it_was_guessed(tmp_path, suffix):
    if suffix == ".nrrd":
        path = nrrd_file(
            tmp_path / "a.nrrd", drop=("space", "space directions", "space origin"), more="spacings: 0.5 0.75 4\n"
        )
    else:
        path = meta_file(tmp_path / "a.mha", drop=("TransformMatrix", "Offset"))
    volume = assert_right(path, np.diag([0.5, 0.75, 4, 1]))
    assert ["does not say how the patient lies" in note for note in notes_of(volume)] == [True]


def test_bytes_after_the_voxels_are_left_aside_and_said(tmp_path):
    for path in (
        nrrd_file(tmp_path / "a.nrrd", ARRAY.tobytes() + b"more"),
        meta_file(tmp_path / "a.mha", ARRAY.tobytes() + b"more"),
        nrrd_file(tmp_path / "b.nrrd", gzip.compress(ARRAY.tobytes() + b"more"), encoding="gzip"),
    ):
        assert notes_of(assert_right(path)) == (
            "The T1 file holds more bytes than its header says; the rest was left aside.",
        )


@pytest.mark.parametrize(
    "content, changes",
    [
        (ARRAY.tobytes(), {}),
        (zlib.compress(ARRAY.tobytes()), {"CompressedData": "True"}),
        (ARRAY.astype(">i2").tobytes(), {"BinaryDataByteOrderMSB": "True"}),
        (ARRAY.astype(">i2").tobytes(), {"ElementByteOrderMSB": "True"}),
        (" ".join(map(str, ARRAY.ravel())).encode(), {"BinaryData": "False"}),
        (b"12345" + ARRAY.tobytes(), {"HeaderSize": "-1"}),
        (b"12345" + ARRAY.tobytes(), {"HeaderSize": "5"}),
        (ARRAY.tobytes(), {"drop": ("TransformMatrix",), "Rotation": META["TransformMatrix"]}),
        (ARRAY.tobytes(), {"drop": ("TransformMatrix",), "Orientation": META["TransformMatrix"]}),
        (ARRAY.tobytes(), {"drop": ("Offset",), "Position": META["Offset"]}),
        (ARRAY.tobytes(), {"drop": ("Offset",), "Origin": META["Offset"]}),
        (ARRAY.tobytes(), {"drop": ("ElementSpacing",), "ElementSize": META["ElementSpacing"]}),
        (ARRAY.tobytes(), {"DistanceUnits": "mm"}),
        (ARRAY.tobytes(), {"Comment": "written by hand"}),
    ],
)
def test_packings_orders_and_words_of_metaimage(tmp_path, content, changes):
    assert notes_of(assert_right(meta_file(tmp_path / "a.mha", content, **changes))) == ()


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
def test_headers_with_line_ends_of_windows(tmp_path, suffix):
    path = nrrd_file(tmp_path / "a.nrrd") if suffix == ".nrrd" else meta_file(tmp_path / "a.mha")
    content = path.read_bytes()
    header = content[: -ARRAY.nbytes]
    path.write_bytes(header.replace(b"\n", b"\r\n") + ARRAY.tobytes())
    assert notes_of(assert_right(path)) == ()


def test_lists_and_numbered_files_of_slices(tmp_path):
    for number, picture in enumerate(ARRAY):
        (tmp_path / f"s{number:02}.raw").write_bytes(picture.tobytes())
    names = "\n".join(f"s{number:02}.raw" for number in range(6))
    assert_right(meta_file(tmp_path / "a.mhd", b"", ElementDataFile=f"LIST\n{names}"))
    assert_right(meta_file(tmp_path / "b.mhd", b"", ElementDataFile="s%02d.raw 0 5 1"))
    assert_right(nrrd_file(tmp_path / "a.nhdr", b"", more="data file: s%02d.raw 0 5 1\n"))
    fields = "".join(f"{key}: {value}\n" for key, value in NRRD.items())
    (tmp_path / "b.nhdr").write_text(f"NRRD0005\n{fields}data file: LIST\n{names}\n")
    assert_right(tmp_path / "b.nhdr")
    (tmp_path / "s03.raw").unlink()
    for name in ("a.mhd", "b.mhd", "a.nhdr", "b.nhdr"):
        with pytest.raises(SpineError, match="in another file that is not there"):
            read_volume(tmp_path / name)


def test_a_slope_of_metaimage_is_applied_and_said(tmp_path):
    path = meta_file(tmp_path / "a.mha", ElementToIntensityFunctionSlope="2", ElementToIntensityFunctionOffset="-1024")
    volume = assert_right(path, array=ARRAY * 2.0 - 1024)
    assert "they were applied" in notes_of(volume)[0]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"drop": ("ElementSpacing",)}, "does not tell its voxel spacing"),
        ({"ElementSpacing": "0.5 nan 4"}, "no number"),
        ({"ElementSpacing": "0.5 inf 4"}, "no number"),
        ({"ElementSpacing": "0.5 -0.75 4"}, "negative"),
        ({"ElementSpacing": "0.5 0 4"}, "spacing of zero"),
        ({"ElementSpacing": "0.5 0,75 4"}, "damaged header"),
        ({"ElementSpacing": "0.5 0.75"}, "damaged header"),
        ({"TransformMatrix": "2 0 0 0 1 0 0 0 1"}, "no unit vectors"),
        ({"TransformMatrix": "0 0 0 0 0 0 0 0 0"}, "no unit vectors"),
        ({"TransformMatrix": "nan 0 0 0 1 0 0 0 1"}, "no unit vectors"),
        ({"TransformMatrix": "1 0 0 0 1 0 0 0"}, "damaged header"),
        ({"Offset": "nan 2 3"}, "no valid position"),
        ({"Offset": "1 2"}, "damaged header"),
        ({"Offset": "1e30 0 0"}, "no valid position"),
        ({"DistanceUnits": "inch"}, "units that are not known"),
        ({"DimSize": "4 0 6"}, "no voxels"),
        ({"DimSize": "4 5"}, "damaged header"),
        ({"DimSize": "40000 50000 60000"}, "damaged or incomplete"),
        ({"NDims": "2", "DimSize": "20 6"}, "2-D"),
        ({"NDims": "4", "DimSize": "4 5 3 2"}, "4-D .2 volumes"),
        ({"ElementNumberOfChannels": "2", "DimSize": "4 5 3"}, "colour or vector"),
        ({"ElementType": "MET_FOO"}, "damaged header"),
        ({"ObjectType": "Tube"}, "no image but something else"),
        ({"content": ARRAY.tobytes()[:100]}, "damaged or incomplete"),
        ({"content": zlib.compress(ARRAY.tobytes())[:-20], "CompressedData": "True"}, "damaged or incomplete"),
        ({"content": zlib.compress(ARRAY.tobytes()[:100]), "CompressedData": "True"}, "damaged or incomplete"),
        ({"content": zlib.compress(ARRAY.tobytes())[:-4] + b"abcd", "CompressedData": "True"}, "damaged or incomplete"),
        ({"ElementDataFile": "elsewhere.raw"}, "in another file that is not there"),
    ],
)
def test_a_metaimage_that_is_not_certain_is_refused_with_its_cause(tmp_path, changes, words):
    with pytest.raises(SpineError, match=words):
        read_volume(meta_file(tmp_path / "a.mha", **changes), "T1")
