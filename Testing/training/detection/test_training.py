"""Training of the detector: what batches hold, how kinds are weighed, splits, and a whole little training."""

import json

import numpy as np
import pytest
import torch

from SpineLab.training.detection.cases import (
    BACKGROUND,
    LESION,
    VERTEBRA,
    cache_folder,
    middle,
    prepare_cases,
)
from SpineLab.training.detection.config import (
    DetectorConfig,
    DetectorValidation,
)
from SpineLab.training.detection.export import export
from SpineLab.training.detection.loop import DetectorRun, run_training, split_cases
from SpineLab.training.detection.sampling import OUTSIDE, Sampler
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.networks.siamese import PATCH, Siamese

STRIPS = {
    "sequence": "T2",
    "scales": [1.0],
    "context": "margin",
    "normalisation": "local",
    "smallest_area_cm2": 0.2,
    "sampling": {"kind": "strips", "batch": 2, "rows": 4, "columns": 2, "spacing": 8.0, "positives": 0.5},
    "augmentation": {"gain": 1.2, "shift": 0.1, "curve": 0.3, "noise": 0.1},
    "optimisation": {"rate": 0.01, "decay": 0.001, "steps": 3, "average": 0.9, "precision": "float32"},
    "validation": {"every": 2, "spacing": 4.0},
}
PATCHES = {
    "sequence": "T2",
    "scales": [0.5, 1.0],
    "sampling": {"batch": 8},
    "optimisation": {"steps": 1, "precision": "float32", "rate": 0.01},
}


@pytest.fixture(scope="module")
def cases(ball_cohort):
    cohort = read_cohort(ball_cohort, ("T2",), labels=("lesion", "vertebrae"))
    folder = cache_folder(cohort, "T2", (0.5, 1.0), "patch")
    return prepare_cases(cohort, "T2", (0.5, 1.0), "patch", folder, processes=1)


def sampler(cases, values):
    config = DetectorConfig.from_dict(values)
    return Sampler(cases, config, Siamese(config.scales, config.context))


def test_prepared_places_are_what_the_labels_say(cases):
    one = cases[0]
    assert one.kinds.shape == one.images[1.0].shape == one.lesions.shape
    assert np.array_equal(one.kinds == LESION, one.lesions > 0) and {0, 1, 2} == set(np.unique(one.kinds))
    # Balls are bright on T2.
    assert one.images[1.0][one.kinds == LESION].mean() > one.images[1.0][one.kinds == VERTEBRA].mean() + 30


def test_half_of_a_batch_of_patches_is_metastasis_and_70_percent_of_the_rest_vertebra(cases):
    drawn = sampler(cases, PATCHES | {"sampling": {"batch": 400}, "scales": [1.0]})
    kinds = drawn.batch(0).kinds.flatten().numpy()
    assert (kinds == LESION).sum() == 200
    # Binomial of 200 draws: three deviations are 20.
    assert (kinds == VERTEBRA).sum() == pytest.approx(140, abs=20) and (kinds == BACKGROUND).any()


def test_a_patch_is_white_and_centred_on_a_place_of_its_kind(cases):
    batch = sampler(cases, PATCHES).batch(3)
    assert [tuple(image.shape) for image in batch.images] == [(8, 1, *PATCH)] * 2
    assert all(abs(image.mean((1, 2, 3))).max() < 1e-3 for image in batch.images)
    bright = batch.images[1][:, 0, 36:43, 24:31].mean((1, 2))
    assert bright[batch.kinds.flatten() == LESION].min() > bright[batch.kinds.flatten() == BACKGROUND].max()


def test_anywhere_metastases_are_drawn_equally_often_and_normal_places_of_slices_without_any(cases):
    drawn = sampler(cases, PATCHES | {"sampling": {"batch": 8, "anywhere": True}})
    rng = np.random.default_rng(2)
    found = [drawn._centre(rng, True) for _ in range(600)]
    counts = {}
    for case, s, (row, column) in found:
        assert cases[case].kinds[s, row, column] == LESION
        key = case, int(cases[case].lesions[s, row, column])
        counts[key] = counts.get(key, 0) + 1
    wanted = 600 / len(drawn.lesions)
    # A binomial's four deviations; balls are of several sizes, so that draws by size would differ by far more.
    assert len(counts) == len(drawn.lesions)
    assert all(abs(count - wanted) < 4 * wanted**0.5 for count in counts.values())
    normal = [drawn._centre(rng, False) for _ in range(200)]
    assert any(not (cases[case].kinds[s] == LESION).any() for case, s, _ in normal)
    kinds = drawn.batch(1).kinds.flatten().numpy()
    assert (kinds == LESION).sum() == 4


@pytest.mark.parametrize("values", [PATCHES, PATCHES | {"sampling": {"batch": 8, "anywhere": True}}, STRIPS])
def test_a_step_always_holds_the_same_and_another_step_something_else(cases, values):
    first, again, other = (sampler(cases, values).batch(step) for step in (5, 5, 6))
    assert all(torch.equal(a, b) for a, b in zip(first.images, again.images)) and torch.equal(first.kinds, again.kinds)
    assert not torch.equal(first.images[0], other.images[0])


def test_strips_hold_what_the_network_wants_and_know_their_places(cases):
    drawn = sampler(cases, STRIPS)
    seen = torch.cat([drawn.batch(step).kinds for step in range(12)])
    assert tuple(drawn.batch(0).images[0].shape[2:]) == drawn.network.extent(1.0, 8.0, (4, 2))
    assert seen.shape[1:] == (4, 2) and {0, 1, 2, OUTSIDE} >= set(seen.flatten().tolist()) and (seen == LESION).any()


def test_a_flip_turns_image_and_places_together(cases):
    from SpineLab.training.detection.config import DetectorAugmentation
    from SpineLab.training.detection.sampling import _Change

    change = _Change(np.random.default_rng(0), DetectorAugmentation())
    change.along, change.across = True, False
    array = np.arange(6.0, dtype=np.float32).reshape(3, 2)
    assert np.array_equal(change(array), array[::-1]) and np.array_equal(change.turned(array), array[::-1])


def test_a_change_of_contrast_keeps_the_order_of_intensities():
    from SpineLab.training.detection.config import DetectorAugmentation
    from SpineLab.training.detection.sampling import _Change

    settings = DetectorAugmentation(flips=(), gain=1.5, shift=0.5, curve=0.9)
    values = np.linspace(-6, 6, 500, dtype=np.float32)[None]
    for seed in range(20):
        assert (np.diff(_Change(np.random.default_rng(seed), settings)(values)[0]) > 0).all()


def test_weights_of_a_strip_are_the_papers_shares(tmp_path):
    run = DetectorRun(DetectorConfig.from_dict(STRIPS), [], tmp_path, torch.device("cpu"))
    kinds = torch.full((1, 20, 20), BACKGROUND)
    kinds[:, :4], kinds[:, 4:9], kinds[:, 19] = LESION, VERTEBRA, OUTSIDE
    weights = run._weights(kinds, torch.full((1, 20, 20), 0.5))
    total = [float(weights[kinds == kind].sum()) for kind in (LESION, VERTEBRA, BACKGROUND, OUTSIDE)]
    assert total == pytest.approx([0.5, 0.35, 0.15, 0.0])


def test_few_places_of_a_kind_weigh_less_and_hard_ones_more(tmp_path):
    values = STRIPS | {"sampling": STRIPS["sampling"] | {"hard": 1.0}}
    run = DetectorRun(DetectorConfig.from_dict(values), [], tmp_path, torch.device("cpu"))
    kinds, likelihood = torch.full((1, 8, 8), BACKGROUND), torch.full((1, 8, 8), 0.1)
    kinds[0, 0, :4] = LESION
    likelihood[0, 7, 7] = 0.9
    weights = run._weights(kinds, likelihood)
    assert float(weights[kinds == LESION].sum()) == pytest.approx(0.5 * 4 / 16)
    assert float(weights[0, 7, 7] / weights[0, 7, 6]) == pytest.approx(0.91 / 0.11)


def test_places_of_a_metastasis_that_are_not_recognised_may_weigh_more(tmp_path):
    values = STRIPS | {"sampling": STRIPS["sampling"] | {"hard_lesions": 1.0}}
    run = DetectorRun(DetectorConfig.from_dict(values), [], tmp_path, torch.device("cpu"))
    kinds, likelihood = torch.full((1, 8, 8), LESION), torch.full((1, 8, 8), 0.9)
    kinds[0, 0] = BACKGROUND
    likelihood[0, 7, 7] = 0.1
    weights = run._weights(kinds, likelihood)
    assert float(weights[0, 7, 7] / weights[0, 7, 6]) == pytest.approx(0.91 / 0.11)
    assert float(weights[kinds == LESION].sum()) == pytest.approx(0.5)


def test_every_case_is_held_out_once_and_the_rest_is_split_75_to_25(cases):
    six = cases
    held = [split_cases(six, DetectorValidation(folds=3, fold=fold), 0) for fold in range(3)]
    assert sorted(case.name for _, _, group in held for case in group) == sorted(case.name for case in six)
    for training, chosen_by, out in held:
        assert (len(training), len(chosen_by), len(out)) == (3, 1, 2)
        assert len({case.name for case in training + chosen_by + out}) == 6
    with pytest.raises(SpineError, match="6 cases are too few for 10 folds"):
        split_cases(six, DetectorValidation(folds=10), 0)


def test_the_middle_half_is_centred():
    assert middle(340) == slice(85, 255) and middle(7) == slice(1, 5) and middle(1) == slice(0, 1)


@pytest.fixture(scope="module")
def trained(ball_cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector") / "Ball finder"
    config = DetectorConfig.from_dict(STRIPS)
    return folder, run_training(config, ball_cohort, folder, processes=1, command="spine train detection")


def test_a_training_ends_in_a_bundle_that_detects(trained, ball_cohort):
    from SpineLib.tasks.detection.detect import DetectSettings, detect
    from SpineLib.volume import read_volume

    folder, bundle = trained
    assert bundle.card.id == "ball-finder" and bundle.card.task == "metastasis-detection"
    assert bundle.card.training_data["simulated"] and "simulated" in bundle.card.text
    assert bundle.card.preparation == {"normalisation": "local", "smallest_area_cm2": 0.2}
    case = read_cohort(ball_cohort, ("T2",)).cases[0]
    found = detect(read_volume(case.sequences["T2"], "T2"), bundle, DetectSettings(device="cpu", precision="float32"))
    assert found.likelihood.array.min() >= 0 and found.likelihood.array.max() <= 1
    assert {"score", "auc"} <= bundle.card.figures["validation"].keys()


def test_a_training_starts_from_the_weights_of_another_detector(trained, tmp_path):
    folder, bundle = trained
    config = DetectorConfig.from_dict(STRIPS | {"init_from": str(bundle.folder)})
    run = DetectorRun(config, [], tmp_path, torch.device("cpu"))
    for name, value in bundle.network().state_dict().items():
        assert torch.equal(run.network.state_dict()[name], value), name
    with pytest.raises(SpineError, match="no detector with the resolutions"):
        DetectorRun(config.changed(scales=(1.0, 2.0)), [], tmp_path, torch.device("cpu"))


def test_frozen_norms_keep_the_statistics_of_the_detector_that_is_started_from(trained, tmp_path):
    _, bundle = trained
    frozen = {"frozen_norms": True, "dropout": 0.0}
    config = DetectorConfig.from_dict(STRIPS | {"init_from": str(bundle.folder)}).changed(optimisation=frozen)
    run = DetectorRun(config, [], tmp_path, torch.device("cpu"))
    images = [torch.randn(2, 1, *run.network.extent(1.0, 8.0, (2, 3))) for _ in config.scales]
    told = run.network.train()(images, 8.0)
    assert torch.allclose(told, run.network.eval()(images, 8.0), atol=1e-5), "as it does afterwards"
    told.sum().backward()
    assert run.network.convolutions[0].weight.grad.abs().sum() > 0 and run.network.norms[0].weight.grad.abs().sum() > 0
    for own, given in zip(run.network.norms, bundle.network().norms):
        assert torch.equal(own.mean, given.mean) and torch.equal(own.variance, given.variance)
    with pytest.raises(SpineError, match="starts from another detector"):
        DetectorRun(config.changed(init_from=""), [], tmp_path, torch.device("cpu"))


def test_a_training_goes_on_where_it_was(trained, ball_cohort):
    folder, _ = trained
    told = []
    run_training(
        DetectorConfig.from_dict(STRIPS).changed(optimisation={"steps": 4}),
        ball_cohort,
        folder,
        processes=1,
        report=told.append,
    )
    assert any("Going on at step 3" in text for text in told) and any("step 4 " in text for text in told)
    facts = json.loads((folder / "training.json").read_text())
    assert len(facts["cases"]["training"]) == 4 and facts["cases"]["held_out"] == []


def test_the_loss_of_strips_falls(cases, tmp_path, ball_cohort):
    config = DetectorConfig.from_dict(STRIPS).changed(
        optimisation={"steps": 30, "rate": 0.02, "average": 0.0}, sampling={"batch": 1}
    )
    cohort = read_cohort(ball_cohort, ("T2",), labels=("lesion", "vertebrae"))
    ready = prepare_cases(cohort, "T2", (1.0,), "local", cache_folder(cohort, "T2", (1.0,), "local"), processes=1)
    run = DetectorRun(config, [], tmp_path, torch.device("cpu"))
    batch = Sampler(ready, config, run.network).batch(1)
    losses = [run.train_step(batch) for _ in range(25)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_patches_train_too(ball_cohort, tmp_path):
    config = DetectorConfig.from_dict(PATCHES)
    bundle = run_training(config, ball_cohort, tmp_path / "paper", processes=1)
    assert bundle.card.network == {"type": "siamese", "context": "zeros", "scales": [0.5, 1.0]}
    assert 0 <= bundle.card.figures["validation"]["score"] <= 1


def test_hard_places_weigh_more_among_patches_too(tmp_path):
    values = PATCHES | {"sampling": {"batch": 8, "hard": 1.0}}
    run = DetectorRun(DetectorConfig.from_dict(values), [], tmp_path, torch.device("cpu"))
    kinds = torch.tensor([LESION] * 32 + [BACKGROUND] * 32)[:, None, None]
    likelihood = torch.full((64, 1, 1), 0.1)
    likelihood[-1] = 0.9
    weights = run._weights(kinds, likelihood).flatten()
    assert float(weights[-1] / weights[-2]) == pytest.approx(0.91 / 0.11)
    assert float(weights[:32].sum()) == pytest.approx(0.5)


def test_the_papers_form_trains_as_the_dense_one_but_for_what_its_form_forbids():
    dense, zeros = (DetectorConfig.read(name) for name in ("siamese-dense", "siamese-zeros"))
    assert (zeros.context, zeros.normalisation, zeros.sampling.kind) == ("zeros", "patch", "patches")
    assert zeros.optimisation == dense.optimisation and zeros.validation == dense.validation
    same = ("positives", "vertebra", "hard", "seed")
    assert [getattr(zeros.sampling, key) for key in same] == [getattr(dense.sampling, key) for key in same]


def test_presets_are_the_papers_and_ours():
    paper, dense = (DetectorConfig.read(name) for name in ("siamese-paper", "siamese-dense"))
    assert (paper.sampling.batch, paper.optimisation.rate, paper.optimisation.momentum, paper.optimisation.decay) == (
        128,
        0.06,
        0.9,
        0.01,
    )
    assert paper.context == "zeros" and paper.validation.folds == 10 and paper.smallest_area_cm2 == 5.0
    assert dense.context == "margin" and dense.sampling.kind == "strips"
    root = DetectorConfig.read("siamese-root")
    assert root.normalisation == "local-root" and root.sampling.hard_lesions > 0
    refine = DetectorConfig.read("siamese-refine")
    assert (refine.normalisation, refine.sampling.vertebra) == ("local-root", 0.7) and refine.optimisation.frozen_norms


@pytest.mark.parametrize(
    "values",
    [
        {"sampling": {"kind": "strips"}},
        {"context": "wrap"},
        {"augmentation": {"flips": ["left-right"]}},
        {"optimisation": {"steps": 0}},
        {"optimisation": {"dropout": 1.0}},
        {"validation": {"folds": 3, "fold": 3}},
        {"colour": "red"},
    ],
)
def test_settings_that_do_not_fit_are_refused(values):
    with pytest.raises(SpineError):
        DetectorConfig.from_dict(values)


def test_the_command_trains_and_exports(ball_cohort, tmp_path, capsys):
    from SpineLib.cli.main import main
    from SpineLib.models import load_bundle

    (tmp_path / "x.toml").write_text("""
        sequence = "T2"
        scales = [1.0]
        [sampling]
        batch = 4
        [optimisation]
        precision = "float32"
    """)
    assert (
        main(
            [
                "train",
                "detection",
                "--config",
                str(tmp_path / "x.toml"),
                "--cohort",
                str(ball_cohort),
                "--run",
                str(tmp_path / "run"),
                "--cases",
                "3",
                "--steps",
                "1",
                "--processes",
                "1",
            ]
        )
        == 0
    )
    assert (
        main(
            [
                "train",
                "export",
                "--run",
                str(tmp_path / "run"),
                "--to",
                str(tmp_path / "balls"),
                "--threshold",
                "0.4",
                "--smallest-area",
                "1.5",
            ]
        )
        == 0
    )
    card = load_bundle(tmp_path / "balls").card
    assert card.id == "balls" and card.threshold == 0.4 and card.preparation["smallest_area_cm2"] == 1.5
    for option, text in (
        (["--last"], "--last"),
        (["--smoothing-mm", "1", "--smallest-lesion-ml", "2"], "--smallest-lesion-ml, --smoothing-mm"),
    ):
        assert main(["train", "export", "--run", str(tmp_path / "run"), "--to", str(tmp_path / "no"), *option]) == 1
        assert f"{text} does not go with the training" in capsys.readouterr().err
        assert not (tmp_path / "no").exists()


def test_a_bundle_can_hold_the_mean_of_trainings_that_differ_in_their_seed(trained, ball_cohort, tmp_path):
    _, bundle = trained
    config = DetectorConfig.from_dict(STRIPS | {"init_from": str(bundle.folder)}).changed(
        optimisation={"frozen_norms": True, "steps": 1}
    )
    single = [
        run_training(
            config.changed(sampling={"seed": seed}),
            ball_cohort,
            tmp_path / f"seed-{seed}",
            processes=1,
            command=f"spine train detection --seed {seed}",
        )
        for seed in (1, 2)
    ]
    mean = export(tmp_path / "seed-1", tmp_path / "mean", average=[tmp_path / "seed-2"])
    states = [one.network().state_dict() for one in (*single, mean)]
    for name, value in states[2].items():
        # All three were rounded to bfloat16's eight bits: three halves of 2^-8.
        wanted = (states[0][name] + states[1][name]) / 2
        assert torch.allclose(value, wanted, rtol=2**-6, atol=1e-4), name
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[2])
    assert "--seed 1" in mean.card.command and "--seed 2" in mean.card.text and "Model soups" in mean.card.text
    assert "| figure | training 1 | training 2 |" in mean.card.text and len(mean.card.figures["validation"]) == 2


def test_trainings_that_differ_in_more_than_their_seed_are_not_averaged(trained, ball_cohort, tmp_path):
    folder, bundle = trained
    with pytest.raises(SpineError, match="Only trainings with frozen_norms that started from the same detector"):
        export(folder, tmp_path / "mean", average=[folder])
    config = DetectorConfig.from_dict(STRIPS | {"init_from": str(bundle.folder)}).changed(optimisation={"steps": 1})
    run_training(config, ball_cohort, tmp_path / "other", processes=1)
    with pytest.raises(SpineError, match="differ in more than their seed"):
        export(folder, tmp_path / "mean", average=[tmp_path / "other"])
    assert not (tmp_path / "mean").exists()
