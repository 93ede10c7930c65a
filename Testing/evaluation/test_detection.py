"""The evaluation of detectors: a cohort on which the right answer is known, and what the command writes."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLab.evaluation.detection import Counting, count_healthy, evaluate_detection
from SpineLab.evaluation.detection_workers import evaluate_detection_together
from SpineLab.evaluation.workers import Workers
from SpineLab.reports.detection import by_kind, chart, figures, lesions_csv, markdown
from SpineLib.cli.main import main
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.tasks.detection.detect import DetectSettings, detect
from SpineLib.volume import read_volume
from Testing.detectors import bright_spot_detector, write_spots

THRESHOLDS = (0.8, 0.5, 0.2)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three cases with a lesion, one of them with a bright place that is none; and two detectors."""
    folder = tmp_path_factory.mktemp("detection")
    cohort = write_spots(folder / "cohort", [((20,), ()), ((44,), ()), ((18,), (48,))])
    return (
        cohort,
        bright_spot_detector(folder / "model"),
        bright_spot_detector(folder / "other", "bright-spots-all-scales", (1.0, 2.0)),
    )


@pytest.fixture(scope="module")
def evaluation(made):
    cohort, model, other = made
    return evaluate_detection(
        read_cohort(cohort, ("STIR",), labels=("lesion",)),
        [find_bundle(model), find_bundle(other)],
        Counting(thresholds=THRESHOLDS),
    )


def test_all_lesions_are_found_and_the_bright_place_is_the_only_false_positive(evaluation):
    plain = next(one for one in evaluation.results if not one.method.aggregation).by_lesions
    assert plain.sensitivity[1:].tolist() == [1, 1, 1]
    np.testing.assert_allclose(plain.false_positives[1:], [1 / 3] * 3)


def test_by_slices_the_bright_place_counts_in_each_slice_that_shows_it(evaluation):
    plain = next(one for one in evaluation.results if not one.method.aggregation).by_slices
    np.testing.assert_allclose(plain.false_positives[1:], [2 / 5 / 3] * 3)
    assert plain.sensitivity[1:].tolist() == [1, 1, 1]


def test_aggregation_spreads_a_likelihood_over_the_neighbouring_slices(evaluation):
    # Slices 2 and 3 show the spot: they keep 0.7 of their likelihood, the last slice gets 0.6 of it (its two
    # neighbours are 2 and 3), slices 0 and 1 get 0.3. So at 0.8 nothing is left, at 0.5 slice 4 shows all four places,
    # lesions too, where the truth has none: 4 + 2 of the bright place itself; at 0.2 so do slices 0 and 1: 8 more.
    joined = evaluation.results[0]
    assert joined.method.aggregation
    np.testing.assert_allclose(joined.by_slices.false_positives[1:], [0, 6 / 5 / 3, 14 / 5 / 3])
    assert joined.by_slices.sensitivity[1:].tolist() == [0, 1, 1]


def test_each_choice_of_the_first_model_and_each_further_model_is_a_method(evaluation):
    assert [one.method.name for one in evaluation.results] == [
        "bright-spots-stir, with aggregation",
        "bright-spots-stir, without aggregation",
        "bright-spots-all-scales, with aggregation",
    ]
    np.testing.assert_allclose([one.area_cm2 for one in evaluation.lesions], [2.25] * 3)


def test_each_lesion_is_told_with_the_highest_threshold_that_finds_it(evaluation):
    assert [(one.case, one.number, one.kind) for one in evaluation.lesions] == [
        ("sub-001", 1, "lytic"),
        ("sub-002", 1, "sclerotic"),
        ("sub-003", 1, "lytic"),
    ]
    assert [one.found_from for one in evaluation.lesions] == [0.5] * 3, "aggregated, a spot keeps 0.7 of its likelihood"
    rows = list(csv.DictReader(lesions_csv(evaluation).splitlines()))
    assert rows[1] == {
        "case": "sub-002",
        "lesion": "1",
        "kind": "sclerotic",
        "place": "body",
        "area_cm2": "2.250",
        "found_from_threshold": "0.5",
    }


def test_kinds_are_counted_at_the_false_positives_that_are_allowed(evaluation):
    none, all_ = by_kind(evaluation, 0.2), by_kind(evaluation, 4.0)
    assert [(one["kind"], one["lesions"], one["found"]) for one in none] == [("lytic", 2, 0), ("sclerotic", 1, 0)]
    assert [(one["kind"], one["lesions"], one["found"]) for one in all_] == [("lytic", 2, 2), ("sclerotic", 1, 1)]
    assert "| lytic | 2 | 0 |" in markdown(evaluation, figures(evaluation))


def test_the_same_network_at_one_resolution_does_not_differ(evaluation):
    told = figures(evaluation)
    assert told["by_lesions"][2]["p"]["mean_sensitivity"] == 1  # its further resolutions have no weight
    assert told["by_lesions"][0]["false_positives_at_0.9"] == pytest.approx(1 / 3)
    assert told["by_lesions"][0]["sensitivity_at_0.2"] == 0, "no threshold that finds anything costs as little"
    json.dumps(told, allow_nan=False)


def test_table_and_picture_say_simulated_and_stand_beside_the_paper(evaluation):
    text = markdown(evaluation, figures(evaluation))
    assert "Measured on **simulated data**: 3 cases, 3 lesions of 2.25 to 2.25 cm2" in text
    assert "0.375" in text and "0.207" in text and "55.4 %" in text and "26 real cases" in text
    assert "simulated data" in chart(evaluation) and "Paper, with aggregation: 90.0 % at 0.207" in chart(evaluation)
    assert "Paper" not in chart(evaluation, "by_lesions"), "the paper counts by slices only"


def test_on_several_workers_the_figures_are_the_same_and_a_run_goes_on_where_it_stopped(made, evaluation, tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed: the extra 'cluster' brings it")
    cohort, told = read_cohort(made[0], ("STIR",), labels=("lesion",)), []
    bundles, how = [find_bundle(name) for name in made[1:]], Counting(thresholds=THRESHOLDS)
    kept, on = tmp_path / "kept", Workers(report=told.append)
    found = evaluate_detection_together(cohort, bundles, how, kept, on)
    assert figures(replace(found, seconds=0.0)) == figures(replace(evaluation, seconds=0.0))
    assert found.lesions == evaluation.lesions
    (kept / f"{cohort.cases[1].name}.json").unlink()
    told.clear()
    evaluate_detection_together(cohort, bundles, how, kept, on)
    assert told[0].startswith("2 of 3") and len(told) == 2


def test_a_cohort_without_lesions_is_one_sentence(made, tmp_path):
    empty = write_spots(tmp_path / "healthy", [((), (20,))])
    with pytest.raises(SpineError, match="No case of the cohort has a lesion"):
        evaluate_detection(read_cohort(empty, ("STIR",), labels=("lesion",)), [find_bundle(made[1])])


def test_false_positives_of_a_healthy_scan_are_counted_at_each_threshold(made, tmp_path):
    healthy = write_spots(tmp_path / "healthy", [((), (18, 48))])
    image = read_volume(healthy / "sub-001" / "anat" / "sub-001_STIR.nii.gz")
    rows = count_healthy(image, find_bundle(made[1]), (0.99, 0.5), 1.0)
    assert [row["candidates"] for row in rows] == [0, 2]
    # What lies in the column, wherever a network sees one in an image without, is what a user is shown.
    shown = detect(image, find_bundle(made[1]), DetectSettings(column=True, threshold=0.5, smallest_area_cm2=1.0))
    assert [row["in_column"] for row in rows] == [0, len(shown.candidates)]


def test_without_the_column_only_the_middle_half_counts(made):
    # The column of such a noisy image is searched for too; what lies beyond the middle half counts with it only.
    cohort = read_cohort(made[0], ("STIR",), labels=("lesion",))
    alone = Counting(aggregation=(True,), thresholds=THRESHOLDS)
    both = evaluate_detection(cohort, [find_bundle(made[1])], replace(alone, column=(False, True)))
    alone = evaluate_detection(cohort, [find_bundle(made[1])], alone)
    assert [one.method.column for one in both.results] == [False, True]
    for key in ("by_slices", "by_lesions"):
        np.testing.assert_allclose(
            getattr(both.results[0], key).false_positives, getattr(alone.results[0], key).false_positives
        )


def test_places_farther_apart_are_said_in_the_table(made):
    coarse = evaluate_detection(
        read_cohort(made[0], ("STIR",), labels=("lesion",)),
        [find_bundle(made[1])],
        Counting(settings=DetectSettings(step_mm=4), thresholds=THRESHOLDS),
    )
    text = markdown(coarse, figures(coarse))
    assert "4 mm apart and interpolated to 1 mm" in text and figures(coarse)["step_mm"] == 4
    assert coarse.results[0].by_lesions.sensitivity[-1] == 1


def test_the_command_writes_tables_curves_and_pictures(made, tmp_path, capsys):
    cohort, model, other = made
    scan = cohort / "sub-002" / "anat" / "sub-002_STIR.nii.gz"
    out = tmp_path / "out"
    assert (
        main(
            [
                "evaluate",
                "detection",
                "--cohort",
                str(cohort),
                "--model",
                model,
                "--single-resolution",
                other,
                "--aggregation",
                "on",
                "--spine-mask",
                "both",
                "--cases",
                "2",
                "--healthy",
                str(scan),
                "-o",
                str(out),
            ]
        )
        == 0
    )
    assert sorted(path.name for path in out.iterdir()) == [
        "detection.csv",
        "detection.json",
        "detection.md",
        "froc-lesions.svg",
        "froc.svg",
        "lesions.csv",
    ]
    told = json.loads((out / "detection.json").read_text())
    assert told["cases"] == 2 and [row["method"] for row in told["by_slices"]] == [
        "bright-spots-stir, with aggregation",
        "bright-spots-stir, with aggregation, in the vertebral column only",
        "bright-spots-all-scales, with aggregation",
    ]
    assert told["healthy"][-1]["candidates"] == 1 and "without fat suppression" in (out / "detection.md").read_text()
    with (out / "detection.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["counted"] for row in rows} == {"by_slices", "by_lesions"} and len(rows) > 300
    assert "Written:" in capsys.readouterr().out


def test_a_model_that_segments_is_refused(made, repository, tmp_path, capsys):
    model = repository / "Resources" / "Models" / "mets-t2-2d"
    assert (
        main(["evaluate", "detection", "--cohort", str(made[0]), "--model", str(model), "-o", str(tmp_path / "out")])
        == 1
    )
    assert "does not detect metastases" in capsys.readouterr().err
