"""``spine segment --task vertebrae`` from the shell."""

import csv
import json

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.volume import read_volume, write_volume
from SpineLib.volume.segments import read_segments
from Testing.tasks.simulated_spine import save_bright_bone, spine_ct


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A CT and a model: the options that name them, and their folder."""
    folder = tmp_path_factory.mktemp("patient")
    bundle = save_bright_bone(folder / "models")
    write_volume(spine_ct(levels=2, spacing=2.0)[0], folder / "ct.nrrd")
    options = [
        "segment",
        "--task",
        "vertebrae",
        "--ct",
        str(folder / "ct.nrrd"),
        "--model",
        str(bundle.folder),
        "--device",
        "cpu",
        "--precision",
        "float32",
    ]
    return options, folder


def test_it_writes_a_segmentation_with_one_named_segment_a_vertebra_and_all_else_that_is_asked_for(
    patient, tmp_path, capsys
):
    options, folder = patient
    files = {"-o": "v.seg.nrrd", "--probability": "p.nrrd", "--json": "v.json", "--csv": "v.csv"}
    more = [part for option, name in files.items() for part in (option, str(tmp_path / name))]
    assert main([*options, "--first", "L4", *more]) == 0
    grid, segments = read_segments(tmp_path / "v.seg.nrrd")
    assert [one.info.name for one in segments] == ["L4", "L5"]
    assert "11994002" in segments[0].info.terminology  # L4
    assert grid.same_grid(read_volume(folder / "ct.nrrd"))
    told = json.loads((tmp_path / "v.json").read_text())
    assert [one["name"] for one in told["vertebrae"]] == ["L4", "L5"] and told["provenance"]["task"] == "vertebrae"
    rows = list(csv.DictReader((tmp_path / "v.csv").open()))
    assert [row["label"] for row in rows] == ["23", "24"] and float(rows[0]["volume_ml"]) > 10
    assert read_volume(tmp_path / "p.nrrd").same_grid(grid)
    out = capsys.readouterr().out
    assert "2 vertebrae" in out and "trained on simulated data" in out and "not a medical device" in out


def test_a_labelmap_holds_the_same_numbers(patient, tmp_path):
    options, _ = patient
    assert main([*options, "-o", str(tmp_path / "v.nii.gz")]) == 0
    assert np.unique(read_volume(tmp_path / "v.nii.gz").array).tolist() == [0, 101, 102]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["-o", "{}/none/v.nrrd"], "does not exist"),
        (["-o", "{}/v.txt"], "cannot be written"),
        (["-o", "{}/v.nrrd", "--t1", "{}/ct.nrrd"], "--t1 means nothing"),
        (["-o", "{}/v.nrrd", "--first", "Q1"], "no vertebra 'Q1'"),
        (["-o", "{}/ct.nrrd"], "name of an input"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(patient, capsys, change, words):
    options, folder = patient
    assert main([*options, *(text.format(folder) for text in change)]) == 1
    said = capsys.readouterr().err.strip()
    assert words in said and said.count("\n") == 0


def test_a_ct_without_the_task_and_the_task_without_a_ct_are_refused(patient, tmp_path, capsys):
    _, folder = patient
    assert main(["segment", "--ct", str(folder / "ct.nrrd"), "-o", str(tmp_path / "v.nrrd")]) == 1
    assert "add --task vertebrae" in capsys.readouterr().err
    assert main(["segment", "--task", "vertebrae", "-o", str(tmp_path / "v.nrrd")]) == 1
    assert "give it with --ct" in capsys.readouterr().err


def test_without_any_model_it_says_how_to_get_one(patient, tmp_path, capsys, monkeypatch):
    from SpineLib.models import catalogue

    monkeypatch.setattr(catalogue, "bundled_folders", list)
    _, folder = patient
    options = ["--ct", str(folder / "ct.nrrd"), "-o", str(tmp_path / "v.nrrd")]
    assert main(["segment", "--task", "vertebrae", *options]) == 1
    assert "spine train vertebrae" in capsys.readouterr().err
