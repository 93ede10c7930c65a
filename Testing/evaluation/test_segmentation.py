"""Evaluation: figures by case and lesion, the readers beside them, and simulated data is called simulated."""

import csv
import json

import numpy as np
import pytest

from SpineLab.evaluation.files import markdown, write_evaluation
from SpineLab.evaluation.segmentation import (
    READERS,
    Evaluation,
    _compare,
    evaluate,
    fold_folders,
    held_out_cases,
    held_out_parts,
    summarise,
)
from SpineLab.training.facts import write_facts
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.progress import remarks_to
from SpineLib.volume import Volume


@pytest.fixture(scope="module")
def evaluation(trained, ball_cohort):
    return evaluate(read_cohort(ball_cohort, labels=("lesion",)), [load_bundle(trained / "model")])


def test_every_case_and_lesion_has_a_row_and_the_trained_model_finds_them(evaluation):
    rows = [row for row in evaluation.cases if row["model"] == "balls-t1-t2"]
    lesions = [row for row in evaluation.lesions if row["model"] == "balls-t1-t2"]
    assert len(rows) == 6 and len(lesions) == 9 == sum(row["lesions"] for row in rows)
    summary = evaluation.summary[0]
    assert summary["dice_mean"] > 0.6 and summary["found"] > 0.8 and summary["tnr_mean"] > 0.95
    assert summary["dice_mean"] == pytest.approx(np.mean([row["dice"] for row in rows]))


def test_the_two_readers_are_compared_with_each_other_by_case_and_by_lesion(evaluation):
    summary = evaluation.summary[1]
    assert summary["model"] == READERS and 0.8 < summary["dice_mean"] < 1 and summary["tpr_mean"] == 1
    assert summary["dice_by_lesion_mean"] == pytest.approx(summary["dice_mean"], abs=0.02)


def test_the_dice_of_a_lesion_leaves_out_what_was_found_elsewhere():
    truth = np.zeros((1, 8, 24), np.uint8)
    truth[0, 2:6, 2:6], truth[0, 2:6, 6:10] = 1, 2
    found = np.zeros(truth.shape, np.uint8)
    found[0, 2:6, 2:10] = 1  # both lesions in one piece, and a false positive far away
    found[0, 2:6, 16:20] = 1
    row, lesions = _compare(truth, Volume(found), {})
    assert [line["dice"] for line in lesions] == [1.0, 1.0]
    assert row["dice"] == pytest.approx(2 * 32 / (32 + 48)) and row["false_positives"] == 1


def test_tables_are_written_and_called_simulated(evaluation, tmp_path):
    paths = write_evaluation(evaluation, tmp_path)
    assert all(path.name.startswith("simulated_") for path in paths) and evaluation.simulated
    with open(paths[0], encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 12
    figures = json.loads(paths[2].read_text())
    assert figures["simulated"] is True and figures["summary"][0]["cases"] == 6
    table = paths[3].read_text(encoding="utf-8")
    assert "simulated data" in table and "77.6 ± 10.8" in table and "79.4 ± 6.2" in table


def test_cases_without_lesion_count_for_false_positives_only():
    base = {
        "tpr": 0.5,
        "tnr": 0.9,
        "found": 1,
        "false_positives": 0,
        "false_positives_from_0.5_ml": 0,
        "false_positive_ml": 0.0,
    }
    cases = [
        {**base, "dice": 0.8, "reference_ml": 2.0},
        {
            **base,
            "dice": 0.0,
            "tpr": float("nan"),
            "reference_ml": 0.0,
            "false_positives": 3,
            "false_positives_from_0.5_ml": 1,
            "false_positive_ml": 2.0,
        },
    ]
    lesions = [{"volume_ml": 2.0, "found": 1, "dice": 0.7}, {"volume_ml": 0.2, "found": 0, "dice": 0.0}]
    summary = summarise("m", cases, lesions)
    assert summary["dice_by_lesion_mean"] == 0.35 and summary["dice_by_lesion_from_1_ml_mean"] == 0.7
    assert summary["dice_mean"] == 0.8 and summary["tpr_mean"] == 0.5 and summary["cases_with_lesion"] == 1
    assert summary["found"] == 0.5 and summary["found_from_1_ml"] == 1 and summary["lesions_from_1_ml"] == 1
    assert summary["false_positives_a_case"] == 1.5 and summary["false_positive_ml_a_case"] == 1.0


def test_figures_of_a_cohort_without_any_lesion_are_missing_and_not_zero(tmp_path):
    row = {
        "model": "m",
        "case": "sub-001",
        "dice": float("nan"),
        "tpr": float("nan"),
        "tnr": 1.0,
        "reference_ml": 0.0,
        "found": 0,
        "false_positives": 0,
        "false_positives_from_0.5_ml": 0,
        "false_positive_ml": 0.0,
    }
    evaluation = Evaluation([row], [], [summarise("m", [row], [])], simulated=False)
    paths = write_evaluation(evaluation, tmp_path)
    assert json.loads(paths[2].read_text())["summary"][0]["dice_mean"] is None
    assert "| m | 0/1 | - ± - (-) |" in markdown(evaluation) and paths[0].name == "cases.csv"


def test_the_cases_a_training_held_out_are_evaluated_alone(trained, ball_cohort, tmp_path, capsys):
    from SpineLib.cli.main import main

    command = ["evaluate", "segmentation", "--cohort", str(ball_cohort), "--model", str(trained / "model")]
    assert main([*command, "-o", str(tmp_path), "--held-out-of", str(trained)]) == 0
    with open(tmp_path / "simulated_cases.csv", encoding="utf-8") as file:
        names = {row["case"] for row in csv.DictReader(file)}
    assert sorted(names) == sorted(held_out_cases(trained)) and len(names) == 2
    assert main([*command, "-o", str(tmp_path / "new"), "--held-out-of", str(tmp_path)]) == 1
    assert "no folder of a training" in capsys.readouterr().err


def test_the_command_writes_the_tables(trained, ball_cohort, tmp_path, capsys):
    from SpineLib.cli.main import main

    command = ["evaluate", "segmentation", "--cohort", str(ball_cohort), "--model", str(trained / "model")]
    assert main([*command, "-o", str(tmp_path / "out"), "--cases", "1", "--threshold", "0.3"]) == 0
    assert "balls-t1-t2 (simulated data)" in capsys.readouterr().out
    assert (tmp_path / "out" / "simulated_table.md").is_file()


def cross_validation(run, held_out, folds):
    for number, names in enumerate(held_out):
        cases = {"training": ["sub-006"], "held_out": names}
        write_facts(run / f"fold-{number}", "segmentation", "spine train", {"validation": {"folds": folds}}, {}, cases)
    return run


def test_folds_that_are_not_there_are_not_passed_over(tmp_path):
    with pytest.raises(SpineError, match="holds no fold; give the folder of 'spine train ... --fold all'"):
        fold_folders(tmp_path)
    run = cross_validation(tmp_path / "run", [["sub-001"], ["sub-002"]], folds=3)
    with pytest.raises(SpineError, match="holds 2 of 3 folds; give the training's command again"):
        fold_folders(run)


def test_who_is_measured_by_no_fold_is_told_and_a_cohort_of_others_is_refused(ball_cohort, tmp_path):
    cohort = read_cohort(ball_cohort, labels=("lesion",))
    run = cross_validation(tmp_path / "run", [["sub-001", "sub-009"], ["sub-002", "sub-003", "sub-004"]], folds=2)
    told = []
    with remarks_to(told.append):
        parts = held_out_parts(cohort, fold_folders(run))
    assert [[case.name for case in part.cases] for part in parts] == [["sub-001"], ["sub-002", "sub-003", "sub-004"]]
    assert told == [
        "Not measured, as each was held out and is not in the cohort: sub-009.",
        "Not measured, as each was not held out: sub-005, sub-006.",
    ]
    other = cross_validation(tmp_path / "other", [["A"], ["B"]], folds=2)
    with pytest.raises(SpineError, match="none of the cases that the trainings held out"):
        held_out_parts(cohort, fold_folders(other))
