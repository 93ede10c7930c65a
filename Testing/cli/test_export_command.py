"""``spine export``: from a mask to checked files; what the gate refuses costs no file and has its own exit code."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLab.bench import model as bench_model
from SpineLib.cli.main import main
from SpineLib.mesh.files import read_mesh
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from Testing.spines import spine, with_others
from Testing.tasks.balls import ball, box, grid, union

ON = grid((1.0, 1.0, 1.0), 16.0)


@pytest.fixture
def case(tmp_path):
    """Two vertebrae as segments: a ball, and a plate of 1 mm; the ball as it was, as a labelmap."""
    whole, plate = ball(8.0, (-5, 0, 0), ON), box((10, -8, -8), (10.6, 8, 8), ON)
    labels = union(whole.with_array(20 * whole.array), plate.with_array(21 * plate.array))
    write_segmentation(
        tmp_path / "m.seg.nrrd", labels, [SegmentInfo(20, "L1", (1, 0, 0), ""), SegmentInfo(21, "L2", (0, 1, 0), "")]
    )
    before = labels.with_array(labels.array * (np.arange(32) < 14))
    write_volume(before, tmp_path / "before.nrrd")
    return tmp_path


def run(case, *more):
    return main(["export", "--mask", str(case / "m.seg.nrrd"), *map(str, more)])


def test_a_segment_becomes_files_of_all_formats_and_a_table(case, capsys):
    outputs = [
        "-o",
        case / "m.stl",
        "--format",
        "3mf",
        "obj",
        "--format",  # given twice: both count
        "ply",
        "--json",
        case / "m.json",
        "--painted",
        case / "m.vtp",
    ]
    assert run(case, "--label", "L1", *outputs) == 0
    counts = {suffix: len(read_mesh(case / f"m.{suffix}").triangles) for suffix in ("stl", "3mf", "obj", "ply")}
    assert len(set(counts.values())) == 1
    told = capsys.readouterr().out
    assert "ok      watertight" in told and "Research use only" in told and "FAILED" not in told
    figures = json.loads((case / "m.json").read_text())
    assert figures["passed"] and figures["measures"]["volume_ml"] == pytest.approx(4 / 3 * np.pi * 0.512, rel=0.03)
    assert (case / "m.vtp").stat().st_size > 1000


def test_a_vertebra_of_a_foreign_map_is_chosen_by_its_level(tmp_path, capsys):
    """Of TotalSegmentator's numbers: 31 is L1, 30 L2; 5 is the liver."""
    labels = with_others(spine(("T12", "L1", "L2"), (32, 31, 30)), {5: (20, 4, 4)})
    write_volume(labels, tmp_path / "total.nii.gz")
    command = ["export", "--mask", str(tmp_path / "total.nii.gz"), "--smooth", "0", "--decimate", "0"]
    assert main([*command, "--label", "L1", "-o", str(tmp_path / "a.stl")]) == 0
    assert "The label 5 is no vertebra and was left out" in capsys.readouterr().out
    assert main([*command, "--label", "31", "-o", str(tmp_path / "b.stl")]) == 0
    assert (tmp_path / "a.stl").read_bytes() == (tmp_path / "b.stl").read_bytes()
    assert main([*command, "--label", "L4", "-o", str(tmp_path / "c.stl")]) == 1
    assert "L4 is not among the vertebrae; there are T12, L1, L2" in capsys.readouterr().err


def test_a_vertebra_that_is_only_counted_is_chosen_by_its_name(tmp_path):
    write_volume(spine(("T12", "L1", "L2"), (101, 102, 103)), tmp_path / "n.nrrd")
    command = ["export", "--mask", str(tmp_path / "n.nrrd"), "--smooth", "0", "--decimate", "0"]
    assert main([*command, "--label", "vertebra 2", "-o", str(tmp_path / "a.stl")]) == 0
    assert main([*command, "--label", "102", "-o", str(tmp_path / "b.stl")]) == 0
    assert (tmp_path / "a.stl").read_bytes() == (tmp_path / "b.stl").read_bytes()


def test_ras_scale_and_plane_are_honoured(case):
    plane = ["--plane", "-5", "0", "0", "0", "0", "1"]
    assert run(case, "--label", "20", "-o", case / "m.stl", "--ras", "--scale", "2", *plane) == 0
    found = read_mesh(case / "m.stl")
    assert found.space == "RAS"
    size = np.ptp(found.points, axis=0)
    assert size == pytest.approx((32, 32, 16), abs=1.2)
    assert found.points[:, 0].mean() == pytest.approx(10, abs=0.5)  # 5 mm to the right, twice as far in RAS


def test_the_vertebra_before_is_compared(case, capsys):
    assert run(case, "--label", "20", "--before", case / "before.nrrd", "-o", case / "m.stl") == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "Vertebra before" in one]
    assert line.split()[2].startswith("1.") and line.endswith("ml")


def test_a_mask_that_nobody_repaired_is_not_called_repaired(case, capsys):
    assert run(case, "--label", "20", "-o", case / "m.stl") == 0
    told = capsys.readouterr()
    (line,) = [one for one in told.out.splitlines() if "Mask of the vertebra" in one]
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(case / "m.seg.nrrd")))
    assert float(line.split()[-2]) == pytest.approx((labels == 20).sum() / 1000, abs=0.01)  # voxels of 1 mm
    assert "repair" not in (told.out + told.err).lower()


def test_a_refused_model_is_told_with_its_table_and_not_written(case, capsys):
    assert run(case, "--label", "L2", "-o", case / "m.stl", "--min-wall", "2", "--painted", case / "m.vtp") == 1
    told = capsys.readouterr()
    assert "FAILED  smallest wall" in told.out
    assert "No model was written" in told.err and "thinner than 2 mm" in told.err
    assert not (case / "m.stl").exists() and (case / "m.vtp").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["-o", "m.stl"], "choose one with --label"),
        (["-o", "m.vrml", "--label", "20"], "cannot be a '.vrml' file"),
        (["-o", "m.stl", "--label", "L9"], "no segment 'L9'"),
        (["-o", "there.stl", "--label", "20"], "exists already"),
        (["-o", "m.stl", "--label", "20", "--painted", "m.ply"], "use .vtp"),
        (["-o", "m.stl", "--label", "20", "--smooth", "7"], "choose 0 to 1"),
        (["-o", "m.stl", "--label", "20", "--cut", "body"], "give the plane"),
        (["-o", "m.stl", "--label", "20", "--build-volume", "10", "10", "10"], "larger than the build volume"),
    ],
)
def test_what_cannot_be_done_is_told_and_leaves_no_file(case, capsys, monkeypatch, more, words):
    (case / "there.stl").write_text("mine")
    monkeypatch.chdir(case)
    before = {path.name: path.read_bytes() for path in case.iterdir()}
    assert run(case, *more) == 1
    assert words in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in case.iterdir()} == before


def test_the_benchmark_measures_both_ways(capsys, monkeypatch):
    monkeypatch.setattr(bench_model, "SHAPE", (24, 60, 60))
    monkeypatch.setattr(bench_model, "SPACING", (2.0, 2.0, 2.5))
    monkeypatch.setattr(
        bench_model, "_apart", lambda folder, way, *more: bench_model.measure_here(bench_model.Path(folder), way, *more)
    )
    assert main(["bench", "model"]) == 0
    told = capsys.readouterr().out
    assert "60x60x24" in told and "simulated vertebra" in told and "checked" in told and "passed" in told
