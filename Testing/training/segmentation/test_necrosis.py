"""Necrosis after ablation is learned from the second session of a follow-up, with untreated metastases around."""

import hashlib
import json

import numpy as np
import pytest

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
from SpineLib.volume import read_volume

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
