"""Figures of vertebrae on labelled CTs, and the paper's table I beside a cross-validation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from SpineLab.evaluation.vertebrae import case_table, cross_validation, evaluate_case, table_one
from SpineLab.training.facts import write_json
from SpineLab.training.record import Record
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.volume import write_volume
from Testing.tasks.simulated_spine import save_bright_bone, spine_ct


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return save_bright_bone(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def scan():
    return spine_ct(levels=2, spacing=2.0)


def fold(folder, iou: float, steps: int = 40):
    folder.mkdir(parents=True)
    record = Record(folder, 0)
    for step in range(20, steps + 1, 20):
        record.training(step, 60.0, 0.1, 1e-3)
    write_json(
        folder / "figures.json",
        {
            "training": {"iou": iou + 0.1, "dice": 0.9, "loss": 0.01},
            "held_out": {"iou": iou, "dice": 0.8, "loss": 0.02},
        },
    )
    write_json(folder / "training.json", {"config": VertebraConfig.read("vnet-narrow").to_dict()})


def test_found_vertebrae_are_compared_one_by_one_and_together(bundle, scan):
    figures = evaluate_case(*scan, bundle, "case")
    assert figures.vertebrae == figures.found == 2
    assert min(figures.dice_of_each.values()) > 0.85
    assert figures.iou == pytest.approx(figures.dice / (2 - figures.dice))
    assert "| case | bright-bone |" in case_table([figures]) and "2 of 2" in case_table([figures])


def test_slices_without_labels_do_not_count(bundle, scan):
    ct, truth = scan
    upper = truth.with_array(np.where(truth.array == 1, truth.array, 0))
    figures = evaluate_case(ct, upper, bundle, "case")
    assert figures.vertebrae == 1 and figures.dice > 0.75  # of the lower one only what reaches up beside the upper


def test_a_number_left_out_is_not_looked_for(bundle, scan):
    assert list(evaluate_case(*scan, bundle, "case", left_out=(1,)).dice_of_each) == [2]


def test_labels_of_another_grid_or_of_nothing_are_refused(bundle, scan):
    ct, truth = scan
    with pytest.raises(SpineError, match="not on its CT's grid"):
        evaluate_case(ct, spine_ct(levels=1, spacing=2.0)[1], bundle, "case")
    with pytest.raises(SpineError, match="hold no vertebra"):
        evaluate_case(ct, truth.with_array(truth.array * 0), bundle, "case")


def test_table_one_has_the_papers_figures_and_the_means_of_our_folds(tmp_path):
    fold(tmp_path / "run" / "fold-0", 0.7)
    fold(tmp_path / "run" / "fold-1", 0.8, steps=60)
    (tmp_path / "run" / "fold-2").mkdir()  # not finished
    ours = cross_validation(tmp_path / "run")
    assert ours["folds"] == 2 and ours["held_out"]["iou"] == pytest.approx(0.75)
    table = table_one([ours])
    assert "| IOU of verification set | 0.9584 | 0.9831 | 0.7500 |" in table
    assert "| Loss value of training set | 0.0030 | 0.0044 | 0.0100 |" in table
    assert "narrow V-Net, ours (simulated CTs, 2 folds of 40 to 60 steps)" in table


def test_a_folder_without_a_finished_fold_is_refused(tmp_path):
    with pytest.raises(SpineError, match="no finished fold"):
        cross_validation(tmp_path)


def test_the_command_writes_figures_and_tables(bundle, scan, tmp_path, capsys):
    write_volume(scan[0], tmp_path / "ct.nrrd")
    write_volume(scan[1], tmp_path / "labels.nrrd")
    fold(tmp_path / "run" / "fold-0", 0.7)
    options = [
        "--scan",
        str(tmp_path / "ct.nrrd"),
        str(tmp_path / "labels.nrrd"),
        "--model",
        str(bundle.folder),
        "--cross-validation",
        str(tmp_path / "run"),
        "--device",
        "cpu",
        "--precision",
        "float32",
    ]
    assert main(["evaluate", "vertebrae", *options, "-o", str(tmp_path / "out")]) == 0
    written = json.loads((tmp_path / "out" / "vertebrae.json").read_text())
    assert written["cases"][0]["found"] == 2 and written["cross_validation"][0]["folds"] == 1
    assert "scan 1" in (tmp_path / "out" / "vertebrae.md").read_text() and "0.9831" in capsys.readouterr().out


def test_a_model_without_scans_is_refused(bundle, tmp_path, capsys):
    assert main(["evaluate", "vertebrae", "--model", str(bundle.folder), "-o", str(tmp_path / "out")]) == 1
    assert "--cohort or --scan" in capsys.readouterr().err
