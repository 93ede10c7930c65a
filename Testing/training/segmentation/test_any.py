"""One network for any of its sequences: trained with some dropped, exported, used with what there is."""

import numpy as np
import pytest

from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.sampling import Steps, draw_kept
from SpineLab.training.segmentation.session import run_training
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.tasks.segmentation.segment import segment
from SpineLib.volume import read_volume
from Testing.trainings import TINY

ANY = TINY | {
    "network": TINY["network"] | {"neighbours": 1, "presence": True},
    "sampling": TINY["sampling"] | {"kept": [0.5, 0.5], "kept_counts": [0.6, 0.4]},
    "preparation": TINY["preparation"] | {"even_mm": 30.0},
}


@pytest.fixture(scope="module")
def run(ball_cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("any") / "any-balls"
    run_training(SegmentationConfig.from_dict(ANY), ball_cohort, folder, processes=1)
    return folder


@pytest.mark.parametrize("names", [("T1",), ("T2",), ("T1", "T2")])
def test_its_model_finds_the_ball_with_either_sequence_or_both(run, ball_cohort, names):
    bundle = load_bundle(run / "model")
    assert bundle.card.takes_any and bundle.card.network["inputs"] == 2 * 3 + 2
    case = read_cohort(ball_cohort, ("T1", "T2"), labels=("lesion",)).cases[0]
    result = segment({name: read_volume(case.sequences[name], name) for name in names}, bundle)
    truth = read_volume(case.labels["lesion"]).array > 0
    mask = result.mask.array > 0
    assert result.provenance["inputs"] == list(names)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.5  # 60 steps of training


def test_it_says_which_sequences_it_needs_one_of(run, ball_cohort):
    image = read_volume(read_cohort(ball_cohort, ("T1",)).cases[0].sequences["T1"], "STIR")
    with pytest.raises(SpineError, match="one or more of T1, T2"):
        segment({"STIR": image}, load_bundle(run / "model"))


def test_a_samples_dropped_sequences_are_zero_and_said_to_be(balls):
    config = SegmentationConfig.from_dict(ANY)
    steps = Steps(balls, config.sampling, config.augmentation, "volume", config.channels)
    seen = set()
    for number in range(20):
        image, mask = steps.sample(np.random.default_rng(number))
        assert image.shape == (8, 32, 32) and mask.shape == (1, 32, 32)
        there = tuple(int(flag[0, 0]) for flag in image[6:])
        seen.add(there)
        for sequence, flag in enumerate(there):
            assert image[6 + sequence].eq(flag).all()
            assert bool(image[3 * sequence : 3 * sequence + 3].any()) == bool(flag)
    assert seen == {(1, 0), (0, 1), (1, 1)}


def test_sequences_are_kept_as_often_as_wanted():
    rng = np.random.default_rng(0)
    draws = [draw_kept(rng, 3, (0.6, 0.3, 0.1), (1.0,)) for _ in range(2000)]
    assert {len(one) for one in draws} == {1}
    assert np.mean([one == [0] for one in draws]) == pytest.approx(0.6, abs=0.04)


def test_it_may_start_from_a_network_of_two_sequences_and_gives_what_that_gave(trained, balls):
    """With both sequences there, before the first step: presence planes apart, the same function."""
    import torch

    from SpineLab.training.segmentation.initialise import initial_network

    changed = {"init_from": str(trained / "model")}
    network = initial_network(SegmentationConfig.from_dict(ANY | changed)).eval()
    theirs = load_bundle(trained / "model").network().eval()
    channels = SegmentationConfig.from_dict(ANY).channels
    with torch.no_grad():
        network.state_dict()["down.0.0.weight"][:, 6:] = 0
        volume = np.asarray(balls[0].channels, np.float32)[..., :32, :32]
        shown = torch.from_numpy(channels.slices(volume, [0, 1], slice(4, 6), 4.0)).transpose(0, 1)
        plain = torch.from_numpy(volume[:, 4:6]).transpose(0, 1)
        assert torch.allclose(network(shown), theirs(plain), atol=1e-4)


def test_the_preset_takes_four_sequences():
    config = SegmentationConfig.read("any-2d")
    assert config.inputs == ("T1", "T2", "STIR", "ceT1") and config.channels.count == 16
