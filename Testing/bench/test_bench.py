"""``spine bench`` measures what it says; how fast is no matter of a test."""

import json

from SpineLab.bench import phantom as bench_phantom
from SpineLib.cli.main import main


def test_the_simulation_is_measured_by_patients_a_minute(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench_phantom, "SIZE", 64)
    monkeypatch.setattr(bench_phantom, "SLICES", 15)
    assert main(["bench", "phantom", "--cases", "2", "--processes", "1", "--json", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())[0]
    assert figures["cases"] == 2 and figures["cases_a_minute"] == 120 / figures["seconds"]
    assert "2 simulated patients of 64x64x15" in capsys.readouterr().out


def test_drawing_is_measured_beside_a_step_of_the_same_run():
    from SpineLab.bench import train

    (row,) = train.measure(1, ("paper-2d",), (16, 144, 144))
    assert row["ratio"] == row["sampler_at_once_s"] / row["step_s"] > 0 and row["batch"] == 32
    assert "% of a step" in train.told([row])


def test_no_patients_cannot_be_measured(capsys):
    assert main(["bench", "phantom", "--cases", "0"]) == 1
    assert "at least 1" in capsys.readouterr().err


def test_a_file_that_exists_is_replaced_only_when_asked_for(tmp_path, capsys):
    mine = tmp_path / "f.json"
    mine.write_text("mine")
    assert main(["bench", "phantom", "--cases", "1", "--json", str(mine)]) == 1
    assert "--overwrite" in capsys.readouterr().err and mine.read_text() == "mine"


def test_an_evaluation_keeps_a_folder_that_holds_something(tmp_path, capsys):
    (tmp_path / "cases.csv").write_text("mine")
    line = [
        "evaluate",
        "segmentation",
        "--cohort",
        str(tmp_path / "none"),
        "--model",
        "mets-t1-2d",
        "-o",
        str(tmp_path),
    ]
    assert main(line) == 1
    assert "--overwrite" in capsys.readouterr().err and (tmp_path / "cases.csv").read_text() == "mine"
