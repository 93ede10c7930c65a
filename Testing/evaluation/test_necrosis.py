"""How models of necrosis are measured: by outcome of the ablation, and what they mark of living metastases."""

import json

import numpy as np
import pytest

from SpineLab.evaluation.falsemarks import false_marks, summarise_false_marks
from SpineLab.evaluation.files import markdown, write_evaluation
from SpineLab.evaluation.segmentation import evaluate, evaluate_folds
from SpineLab.evaluation.segmentation_workers import evaluate_folds_together
from SpineLib.cohort.mr import read_cohort
from SpineLib.models import load_bundle
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume import Volume

INPUTS = ("ceT1", "T2")


@pytest.fixture(scope="module")
def after(followup_cohort):
    return read_cohort(followup_cohort, INPUTS, labels=("necrosis",), session="after")


def test_living_metastases_that_are_marked_are_counted_and_measured():
    necrosis, metastases = np.zeros((2, 6, 30), np.uint8), np.zeros((2, 6, 30), np.uint8)
    metastases[:, :, 0:10], metastases[:, :, 12:18], metastases[:, :, 22:28] = 1, 2, 3
    necrosis[:, :, 0:6] = 1  # leaves four tenths of the first
    mask = necrosis.copy()
    mask[:, :, 6:8] = mask[:, :, 12:15] = 1  # half of that rest, half of the second
    mask[0, 0, 22] = 1  # one voxel of the third is no mark yet
    row = false_marks(necrosis, metastases, Volume(mask, (10.0, 10.0, 10.0)))
    assert (row["untreated"], row["untreated_marked"]) == (2, 1)
    assert row["untreated_marked_ml"] == 2 * 6 * 3 + 1
    assert (row["rest_ml"], row["rest_marked_ml"]) == (48, 24)
    empty = false_marks(np.ones_like(necrosis), np.zeros_like(metastases), Volume(mask))
    summary = summarise_false_marks([row, row, empty, {"dice": 1.0}])
    assert summary["untreated_marked_share"] == 0.5 and summary["rest_marked_share"] == 0.5
    assert np.isnan(summarise_false_marks([empty])["untreated_marked_share"])


@pytest.fixture(scope="module")
def evaluation(necrosis_run, after):
    return evaluate(after, [load_bundle(necrosis_run / "model")], label="necrosis")


def test_figures_are_told_by_case_and_by_outcome(evaluation):
    summary = evaluation.summary[0]
    assert summary["cases"] == 6 and summary["dice_mean"] > 0.7 and summary["untreated"] >= 6
    assert {row["case"]: row["outcome"] for row in evaluation.cases}["sub-003"] == "missed"
    assert set(summary["by_outcome"]) == {"complete", "partial", "missed"}
    partial = [row["dice"] for row in evaluation.cases if row["outcome"] == "partial"]
    assert summary["by_outcome"]["partial"]["dice_mean"] == pytest.approx(np.mean(partial))
    assert summary["by_outcome"]["partial"]["rest_ml"] > 0


def test_the_table_stands_beside_the_papers_and_calls_simulated_data_simulated(evaluation, tmp_path):
    text = markdown(evaluation)
    assert "simulated data" in text and "77.2 ± 15.6 (82.3)" in text and "- ± 17.1 (84.5)" in text
    assert "Hille" not in text and "| missed |" in text
    widths = {line.count("|") for line in text.split("By outcome")[0].splitlines() if line.startswith("|")}
    assert len(widths) == 1
    paths = write_evaluation(evaluation, tmp_path)
    assert [path.name for path in paths][1] == "simulated_necroses.csv"
    figures = json.loads(paths[2].read_text())
    assert figures["label"] == "necrosis" and "partial" in figures["summary"][0]["by_outcome"]


def test_the_command_knows_label_and_session_from_the_model(necrosis_run, followup_cohort, tmp_path, capsys):
    from SpineLib.cli.main import main

    command = ["evaluate", "segmentation", "--cohort", str(followup_cohort), "--cases", "1"]
    model = ["--model", str(necrosis_run / "model")]
    assert main([*command, *model, "-o", str(tmp_path / "out")]) == 0
    assert "Steffen" in capsys.readouterr().out
    assert main([*command, *model, "--model", "mets-t2-2d", "-o", str(tmp_path / "mixed")]) == 1
    assert "metastasis and necrosis" in capsys.readouterr().err and not (tmp_path / "mixed").exists()
    assert main([*command, "--cross-validation", str(necrosis_run), "-o", str(tmp_path / "mixed")]) == 1
    assert "--fold all" in capsys.readouterr().err


def test_a_cross_validation_is_evaluated_as_one_each_case_by_the_model_that_did_not_see_it(
    followup_cohort, after, tmp_path, capsys
):
    from SpineLib.cli.main import main

    (tmp_path / "x.toml").write_text("""
        inputs = ["ceT1", "T2"]
        label = "necrosis"
        session = "after"
        workers = 0
        [network]
        widths = [4, 8]
        [preparation]
        slices = 8
        [sampling]
        patch = [16, 16]
        batch = 2
        [optimisation]
        steps = 1
        [validation]
        folds = 3
        every = 0
    """)
    run = tmp_path / "cv"
    assert (
        main(
            [
                "train",
                "segmentation",
                "--config",
                str(tmp_path / "x.toml"),
                "--cohort",
                str(followup_cohort),
                "--out",
                str(run),
                "--fold",
                "all",
                "--processes",
                "1",
                "--cache",
                str(tmp_path / "cache"),
            ]
        )
        == 0
    )
    done = evaluate_folds(after, run, label="necrosis")
    assert sorted(row["case"] for row in done.cases) == [case.name for case in after.cases]
    for row in done.cases:
        held_out = json.loads((run / f"fold-{row['fold']}" / "training.json").read_text())["cases"]["held_out"]
        assert row["case"] in held_out
    assert [row["model"] for row in done.summary] == ["cv, 3 folds"] and done.summary[0]["cases"] == 6
    pytest.importorskip("distributed", reason="distributed is not installed: the extra 'cluster' brings it")
    together = evaluate_folds_together(after, [run], SegmentSettings(), tmp_path / "kept", label="necrosis")

    def timeless(rows):
        return [{key: str(value) for key, value in row.items() if key != "seconds"} for row in rows]

    assert timeless(together.cases) == timeless(done.cases) and timeless(together.lesions) == timeless(done.lesions)
    assert timeless(together.summary) == timeless(done.summary), "on several workers the figures are the same"
