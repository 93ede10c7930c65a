"""Necrosis after ablation is learned from the second session of a follow-up, with untreated metastases around."""

import hashlib
import json

import numpy as np
import pytest

from SpineLab.evaluation.falsemarks import false_marks, summarise_false_marks
from SpineLab.evaluation.files import markdown, write_evaluation
from SpineLab.evaluation.segmentation import evaluate, evaluate_folds
from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.dataset import cache_folder, open_case, prepare_case
from SpineLab.training.segmentation.folds import folds
from SpineLab.training.segmentation.sampling import SamplingSettings, Steps
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.metrics.literature import NECROSIS
from SpineLib.models import load_bundle
from SpineLib.tasks.segmentation.segment import segment
from SpineLib.volume import Volume, read_volume

INPUTS, PREPARATION = ("ceT1", "T2"), {"slices": 16}


@pytest.fixture(scope="module")
def after(followup_cohort):
    return read_cohort(followup_cohort, INPUTS, labels=("necrosis",), session="after")


@pytest.fixture(scope="module")
def prepared(after, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepared")
    prepare_case(after.cases[1], INPUTS, PREPARATION, folder, "necrosis")
    return open_case(folder / "sub-002")


def test_the_sessions_of_a_case_are_read_by_their_name(followup_cohort, after):
    before = read_cohort(followup_cohort, ("T1", "T2"), labels=("lesion",), session="before")
    assert [case.name for case in before.cases] == [case.name for case in after.cases]
    assert before.cases[0].sequences["T1"].name == "sub-001_ses-before_T1w.nii.gz"
    assert after.cases[0].sequences["ceT1"].name == "sub-001_ses-after_ce-gd_T1w.nii.gz"
    assert set(after.cases[0].labels) == {"necrosis", "lesion", "vertebrae"} and "T1" not in after.cases[0].sequences
    assert (before.session, after.session) == ("before", "after")


@pytest.mark.parametrize("session", [None, "now"])
def test_a_session_that_is_not_there_is_answered_with_those_that_are(followup_cohort, session):
    with pytest.raises(SpineError, match="after and before"):
        read_cohort(followup_cohort, session=session)


def test_a_prepared_case_holds_the_necrosis_and_places_in_living_metastases(after, prepared):
    truth = read_volume(after.cases[1].labels["necrosis"]).array
    got, wanted = (np.asarray(prepared.lesions) > 0).mean(), (truth > 0).mean()
    assert got == pytest.approx(wanted, rel=0.15) and len(prepared.centres) == 1
    places = tuple(prepared.alike.T.astype(int))
    assert len(prepared.alike) and not np.asarray(prepared.lesions)[places].any()


def test_necrosis_and_metastases_are_cached_apart_and_older_caches_stay_valid(followup_cohort, after, ball_cohort):
    places = {cache_folder(after, INPUTS, PREPARATION, label=label) for label in ("necrosis", "lesion")}
    assert len(places) == 2
    plain = read_cohort(ball_cohort)
    key = json.dumps([1, str(plain.folder.resolve()), ("T2",), PREPARATION], sort_keys=True)
    assert cache_folder(plain, ("T2",), PREPARATION).name == "T2-" + hashlib.sha256(key.encode()).hexdigest()[:12]


def test_background_patches_may_be_centred_in_living_metastases(prepared):
    settings = SamplingSettings((16, 16), 8, background_fraction=1.0, alike_fraction=1.0)
    steps, rng = Steps([prepared], settings, AugmentationSettings(), "volume"), np.random.default_rng(0)
    places = {tuple(place) for place in prepared.alike.tolist()}
    assert all(tuple(steps._place(rng, True)[1].astype(int)) in places for _ in range(20))
    never = Steps([prepared], SamplingSettings((16, 16), 8, 1.0), AugmentationSettings(), "volume")
    assert any(tuple(never._place(rng, True)[1].astype(int)) not in places for _ in range(20))


def test_a_training_of_before_these_settings_is_one_of_metastases_without_sessions():
    values = SegmentationConfig.read("small-2d").to_dict()
    del values["label"], values["session"], values["sampling"]["alike_fraction"]
    config = SegmentationConfig.from_dict(values)
    assert config == SegmentationConfig.read("small-2d") and (config.label, config.session) == ("lesion", "")


@pytest.mark.parametrize("dimensions", [2, 3])
@pytest.mark.parametrize("inputs", [("ceT1",), ("T2",), ("ceT1", "T2")])
def test_the_papers_six_configurations_can_be_set(inputs, dimensions):
    for preset in (f"necrosis-{dimensions}d", f"paper-necrosis-{dimensions}d"):
        config = SegmentationConfig.read(preset).changed(inputs=inputs)
        assert (config.label, config.session, config.threshold) == ("necrosis", "after", 0.5)
        assert config.preparation.slices == 64 and config.network.dimensions == dimensions
    assert (inputs, dimensions) in NECROSIS


@pytest.mark.parametrize(
    ("preset", "steps", "batch"), [("paper-necrosis-2d", 75600, 32), ("paper-necrosis-3d", 18900, 2)]
)
def test_the_papers_presets_hold_its_values(preset, steps, batch):
    config = SegmentationConfig.read(preset)
    assert config.augmentation == AugmentationSettings() and config.preparation.whitening == "patch"
    assert (config.optimisation.steps, config.sampling.batch, config.optimisation.rate) == (steps, batch, 1e-3)
    assert (config.sampling.background_fraction, config.sampling.alike_fraction) == (0, 0)
    assert (config.validation.folds, config.validation.every) == (6, 0)  # nothing is chosen by the held-out cases


def test_26_cases_fall_into_two_folds_of_five_and_four_of_four():
    class Sized:
        def __init__(self, number):
            self.name, self.spacing, self.lesions = f"sub-{number:03d}", (1, 1, 1), np.ones(number)

    cases = [Sized(number) for number in range(1, 27)]
    groups = folds(cases, 6, seed=0)
    assert sorted(map(len, groups)) == [4, 4, 4, 4, 5, 5]  # 21/5 twice and 22/4 four times, section 2.2
    means = [np.mean([case.lesions.size for case in group]) for group in groups]
    assert max(means) - min(means) < 6  # each has its share of small and large ones


def test_the_exported_model_is_one_for_necrosis_and_says_whose_network_it_is(necrosis_run):
    card = load_bundle(necrosis_run / "model").card
    assert (card.task, card.target, card.inputs) == ("necrosis-segmentation", "necrosis", INPUTS)
    assert card.title == "Necrosis after ablation of spinal metastases on ceT1 and T2, 2D"
    assert "Steffen" in card.text and "simulated data" in card.text


def test_the_trained_model_marks_the_necrosis_and_not_the_metastasis_beside_it(necrosis_run, after):
    case = after.cases[0]
    result = segment(
        {name: read_volume(case.sequences[name], name) for name in INPUTS}, load_bundle(necrosis_run / "model")
    )
    assert result.provenance["target"] == "necrosis"
    truth, lesions = (read_volume(case.labels[name]).array for name in ("necrosis", "lesion"))
    mask = result.mask.array > 0
    assert mask[truth > 0].mean() > 0.8 and mask[lesions == 2].mean() < 0.1


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
