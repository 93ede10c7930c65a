"""Model files: the same triangles come back from every format, in LPS and mm; what is damaged or hostile is refused."""

import argparse
import shutil
import subprocess
import sys
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest

import SpineLib.mesh.formats as mesh_formats
from SpineLib.errors import SpineError
from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.files import read_mesh, write_mesh
from SpineLib.mesh.formats import formats, obj, stl, threemf
from SpineLib.mesh.model import ModelSettings, as_in_files, build_model, write_model
from Testing.mesh.shapes import box, sphere
from Testing.tasks.balls import ball, grid, rotation

CENTRE = np.array([31.25, -140.5, -612.75])
SPHERE = as_in_files(*sphere(7.3, 16, CENTRE))


@pytest.fixture(scope="module")
def model():
    """Of a ball on an oblique grid of thick slices, not at the origin."""
    mask = ball(8.0, CENTRE, grid((0.9, 0.8, 2.0), 11.0, rotation((10, 25, -30)), CENTRE))
    built = build_model(mask)
    assert built.report.passed
    return built


@pytest.mark.parametrize("suffix", formats())
@pytest.mark.parametrize("space", ["LPS", "RAS"])
def test_points_and_triangles_come_back_exactly(tmp_path, suffix, space):
    points, triangles = SPHERE
    write_mesh(points, triangles, tmp_path / f"m{suffix}", space)
    found = read_mesh(tmp_path / f"m{suffix}")
    assert found.space == space and len(found.triangles) == len(triangles)
    assert np.array_equal(np.unique(found.points_lps, axis=0), np.unique(points, axis=0))
    assert volume_mm3(found.points_lps, found.triangles) == pytest.approx(volume_mm3(points, triangles), rel=1e-9)
    middle = found.points.mean(axis=0)
    assert np.allclose(middle, CENTRE * ((-1, -1, 1) if space == "RAS" else 1), atol=0.01)


@pytest.mark.parametrize("suffix", formats())
def test_every_file_says_that_it_is_lps_in_mm(tmp_path, suffix):
    write_mesh(*SPHERE, tmp_path / f"m{suffix}")
    data = (tmp_path / f"m{suffix}").read_bytes()
    if suffix == ".3mf":
        with zipfile.ZipFile(tmp_path / "m.3mf") as archive:
            data = archive.read("3D/3dmodel.model")
        assert b'unit="millimeter"' in data
    assert b"SPACE=LPS" in data[:600] and b"mm" in data[:600]


def test_the_header_of_an_stl_is_not_that_of_the_text_format(tmp_path):
    write_mesh(*SPHERE, tmp_path / "m.stl")
    data = (tmp_path / "m.stl").read_bytes()
    assert not data.startswith(b"solid") and len(data) == 84 + 50 * len(SPHERE[1])


@pytest.mark.parametrize("suffix", formats())
def test_a_model_is_written_read_back_and_checked_again(tmp_path, model, suffix):
    report = write_model(model, tmp_path / f"m{suffix}")
    assert report.passed
    other = ("smallest wall", "left out")  # the last is of the mask, which no file holds
    assert [(check.name, check.value) for check in report.checks if check.name not in other] == [
        (check.name, pytest.approx(check.value) if isinstance(check.value, float) else check.value)
        for check in model.report.checks
        if check.name not in other
    ]
    assert {path.name for path in tmp_path.iterdir()} == {f"m{suffix}"}


def test_an_existing_file_stays_unless_it_may_be_replaced(tmp_path, model):
    (tmp_path / "m.stl").write_text("mine")
    with pytest.raises(SpineError, match="exists already"):
        write_model(model, tmp_path / "m.stl")
    assert (tmp_path / "m.stl").read_text() == "mine"
    write_model(model, tmp_path / "m.stl", overwrite=True)
    assert len(read_mesh(tmp_path / "m.stl").triangles) == len(model.triangles)


def test_a_model_that_the_gate_refuses_is_not_written(tmp_path):
    mask = grid((0.3, 0.3, 0.3), 4.0)
    mask.array[13, 3:-3, 3:-3] = 1  # a plate of 0.3 mm
    refused = build_model(mask)
    assert not refused.report.passed and refused.report.bad_triangles.any()
    with pytest.raises(SpineError, match="cannot be printed: .* thinner than 0.8 mm"):
        write_model(refused, tmp_path / "m.stl")
    assert not list(tmp_path.iterdir())


def test_a_writer_that_loses_triangles_is_noticed_and_leaves_the_old_file(tmp_path, model, monkeypatch):
    """As a full disk or a faulty network folder would."""
    (tmp_path / "m.stl").write_text("old")
    write = stl.write
    monkeypatch.setattr(stl, "write", lambda p, t, path, remark: write(p, t[:-5], path, remark))
    with pytest.raises(SpineError, match="cannot be written"):
        write_model(model, tmp_path / "m.stl", overwrite=True)
    assert (tmp_path / "m.stl").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_file_whose_triangles_changed_on_the_way_is_refused_by_the_second_check(tmp_path, model, monkeypatch):
    write = obj.write

    def faulty(points, triangles, path, remark):
        triangles = triangles.copy()
        triangles[3] = triangles[3, ::-1]
        write(points, triangles, path, remark)

    monkeypatch.setattr(obj, "write", faulty)
    with pytest.raises(SpineError, match="its file cannot be printed"):
        write_model(model, tmp_path / "m.obj")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", formats())
@pytest.mark.parametrize("keep", [0, 0.1, 0.3, 0.5, 0.9, 0.99])
def test_a_truncated_file_is_refused(tmp_path, suffix, keep):
    path = tmp_path / f"m{suffix}"
    write_mesh(*box((0, 0, 0), (1, 2, 3)), path)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    with pytest.raises(SpineError):
        read_mesh(path)


OFF = """
import numpy as np

SUFFIX, TITLE, ORDER = ".off", "OFF", 9


def write(points, triangles, path, remark):
    lines = ["OFF", f"# {remark}", f"{len(points)} {len(triangles)} 0"]
    lines += [" ".join(f"{value:.9g}" for value in place) for place in points.astype(np.float32).tolist()]
    lines += ["3 %d %d %d" % tuple(corners) for corners in triangles.tolist()]
    path.write_text("\\n".join(lines) + "\\n")


def read(path):
    head, remark, counts, *lines = path.read_text().splitlines()
    points = int(counts.split()[0])
    rows = [line.split() for line in lines]
    return np.array(rows[:points], float), np.array(rows[points:], int)[:, 1:], remark
"""


@pytest.fixture
def off(tmp_path, monkeypatch):
    """A format that this house does not have: one file, in the folder of the formats."""
    folder = tmp_path / "formats"
    folder.mkdir()
    (folder / "off.py").write_text(OFF)
    monkeypatch.setattr(mesh_formats, "__path__", [*mesh_formats.__path__, str(folder)])
    yield
    sys.modules.pop("SpineLib.mesh.formats.off", None)


@pytest.mark.usefixtures("off")
def test_a_new_format_is_one_file_that_the_print_gate_and_the_shell_find(tmp_path, model):
    from SpineLib.cli import export

    assert list(formats()) == [".stl", ".3mf", ".obj", ".ply", ".off"]
    assert write_model(model, tmp_path / "m.off").passed
    assert (tmp_path / "m.off").read_text().startswith("OFF\n# SPACE=LPS unit=mm")
    assert read_mesh(tmp_path / "m.off").space == "LPS"
    parser = argparse.ArgumentParser()
    export.add_arguments(parser)
    assert parser.parse_args(["--mask", "m.nrrd", "-o", "m.stl", "--format", "off", "3mf"]).format == ["off", "3mf"]
    assert ".off" in parser.format_help()


def test_an_unknown_ending_and_a_missing_file_are_told(tmp_path):
    with pytest.raises(SpineError, match=".stl, .3mf, .obj, .ply"):
        write_mesh(*SPHERE, tmp_path / "m.vrml")
    with pytest.raises(SpineError, match="cannot be read"):
        read_mesh(tmp_path / "m.stl")


def test_an_obj_of_quads_with_normals_and_negative_numbers_is_read(tmp_path):
    (tmp_path / "m.obj").write_text(
        "# a square\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvn 0 0 1\nf 1//1 2//1 3//1 4//1\nf -4 -2 -1\n"
    )
    found = read_mesh(tmp_path / "m.obj")
    corners = found.points[found.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]) / 2
    assert normals.tolist() == [[0, 0, 0.5]] * 3 and found.space == ""
    assert sorted(corners[2].tolist()) == [[0, 0, 0], [0, 1, 0], [1, 1, 0]]


def test_an_ascii_ply_is_refused_before_it_is_read(tmp_path):
    (tmp_path / "m.ply").write_text("ply\nformat ascii 1.0\nelement vertex 3\nelement face 1\nend_header\n0 0 0\n")
    with pytest.raises(SpineError, match="PLY file is damaged, or not one of binary triangles"):
        read_mesh(tmp_path / "m.ply")


def three_mf(path, **parts):
    """A small 3MF file, with some of its parts replaced."""
    threemf.write(*box((0, 0, 0), (1, 1, 1)), path, "test")
    with zipfile.ZipFile(path) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    texts |= parts
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            if text is not None:
                archive.writestr(name, text)
    return texts


def test_a_3mf_has_types_relations_and_one_item(tmp_path):
    texts = three_mf(tmp_path / "m.3mf")
    assert set(texts) == {"[Content_Types].xml", "_rels/.rels", "3D/3dmodel.model"}
    root = ElementTree.fromstring(texts["3D/3dmodel.model"])
    assert root.get("unit") == "millimeter"
    kinds = [one.tag.rpartition("}")[2] for one in root.iter()]
    assert (kinds.count("vertex"), kinds.count("triangle"), kinds.count("item")) == (8, 12, 1)


def test_a_3mf_in_inches_with_a_transform_comes_back_in_mm(tmp_path):
    model = three_mf(tmp_path / "m.3mf")["3D/3dmodel.model"]
    model = model.replace("millimeter", "inch")
    model = model.replace('objectid="1"', 'objectid="1" transform="1 0 0 0 1 0 0 0 1 2 0 0"')
    three_mf(tmp_path / "m.3mf", **{"3D/3dmodel.model": model})
    assert np.allclose(read_mesh(tmp_path / "m.3mf").points.max(axis=0), (3 * 25.4, 25.4, 25.4))


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"../evil": "x"}, "lead out"),
        ({"/etc/evil": "x"}, "lead out"),
        ({"C:\\evil": "x"}, "lead out"),
        ({"bomb": "0" * 20_000_000}, "far too much"),
        ({"3D/3dmodel.model": None}, "damaged"),
        ({"_rels/.rels": None}, "damaged"),
        ({"[Content_Types].xml": "<Types/>"}, "which of its parts"),
        ({"_rels/.rels": "<R/>"}, "names no model"),
        ({"3D/3dmodel.model": "<model/>"}, "no model in a unit"),
        ({"3D/3dmodel.model": '<!DOCTYPE a [<!ENTITY b "c">]><model>&b;</model>'}, "document type"),
    ],
)
def test_a_damaged_or_hostile_3mf_is_refused(tmp_path, parts, words):
    three_mf(tmp_path / "m.3mf", **parts)
    with pytest.raises(SpineError, match=words):
        read_mesh(tmp_path / "m.3mf")


@pytest.mark.parametrize("suffix", [".stl", ".3mf", ".obj"])
@pytest.mark.parametrize("cut", ["whole", "half"])
def test_prusaslicer_calls_the_model_manifold(tmp_path, model, suffix, cut):
    program = shutil.which("prusa-slicer")
    if program is None:
        pytest.skip("prusa-slicer is not installed (Debian: apt install prusa-slicer)")
    if cut == "half":
        plane = {"planes": [(CENTRE, (0.3, -1, 0.4))]}
        mask = ball(8.0, CENTRE, grid((0.9, 0.8, 2.0), 11.0, rotation((10, 25, -30)), CENTRE))
        model = build_model(mask, ModelSettings.from_dict(plane))
    write_model(model, tmp_path / f"m{suffix}")
    told = subprocess.run([program, "--info", str(tmp_path / f"m{suffix}")], capture_output=True, text=True).stdout
    assert "manifold = yes" in told and "number_of_parts =  1" in told
    volume = next(float(line.split("=")[1]) for line in told.splitlines() if line.startswith("volume"))
    assert volume == pytest.approx(1000 * model.measures["volume_ml"], rel=1e-3)
