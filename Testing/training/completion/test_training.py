"""The learned completion: pieces cut from vertebrae, what the network sees of them, and its training."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLab.training.checkpoint import BEST, save_checkpoint
from SpineLab.training.completion.batches import (
    Crops,
    augmented,
    tensors_of,
    with_reach,
)
from SpineLab.training.completion.config import CompletionAugmentation, CompletionConfig, CompletionValidation
from SpineLab.training.completion.damage import EVALUATED, KINDS, damage
from SpineLab.training.completion.deform import deformed
from SpineLab.training.completion.export import export
from SpineLab.training.completion.loop import (
    CompletionRun,
    errors,
    initial_completion,
    run_training,
    split_samples,
)
from SpineLab.training.completion.reach import REACHES, grown
from SpineLab.training.completion.samples import (
    Source,
    broken,
    cut_samples,
    read_samples,
    whole_vertebrae,
)
from SpineLab.training.facts import write_json
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.networks.unet import UNet
from SpineLib.preprocess.vertebra_frame import Column, vertebra_frame
from SpineLib.preprocess.vertebra_landmarks import landmarks
from SpineLib.tasks.inpainting.completion import CHANNELS, CUT_MM, work_box
from SpineLib.tasks.inpainting.inpaint import inpaint
from SpineLib.tasks.inpainting.settings import InpaintSettings
from SpineLib.volume import write_volume
from Testing.vertebrae import column, with_hole


@pytest.fixture(scope="module")
def spine():
    return Column.of(column((5, -4, 6)))


@pytest.fixture(scope="module")
def samples(spine):
    return cut_samples(spine, 11, ["breach", "half"], np.random.default_rng(3), "simulated", True)


@pytest.mark.parametrize("kind", EVALUATED)
def test_a_piece_takes_a_part_of_the_bone_and_leaves_a_part(spine, kind):
    frame = vertebra_frame(spine, 11)
    piece = damage(spine, 11, frame, landmarks(spine, 11, frame), kind, np.random.default_rng(1))
    around = spine.around(11, 20.0)
    bone = around.array == 11
    share = np.count_nonzero(bone & (piece.array > 0)) / np.count_nonzero(bone)
    low, high = {
        "lytic": (0.02, 0.3),
        "breach": (0.03, 0.45),
        "pedicle": (0.01, 0.25),
        "posterior": (0.1, 0.5),
        "quarter": (0.08, 0.45),
        "half": (0.4, 0.6),
    }[kind]
    assert low < share < high
    assert KINDS[kind].__doc__


def test_a_lytic_hole_spares_the_cortex(spine):
    from scipy import ndimage

    frame = vertebra_frame(spine, 11)
    piece = damage(spine, 11, frame, landmarks(spine, 11, frame), "lytic", np.random.default_rng(2))
    bone = spine.around(11, 20.0).array == 11
    surface = bone & ~ndimage.binary_erosion(bone)
    assert np.count_nonzero(surface & (piece.array > 0)) < 0.02 * np.count_nonzero(surface)


def test_the_same_seed_cuts_the_same_piece_and_another_one_another(spine):
    frame = vertebra_frame(spine, 11)
    marks = landmarks(spine, 11, frame)
    first, same, other = (damage(spine, 11, frame, marks, "breach", np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.array, same.array) and not np.array_equal(first.array, other.array)


@pytest.mark.parametrize("kind", ["explosion", "breach-explosion", "breach-"])
def test_an_unknown_kind_is_refused(spine, kind):
    frame = vertebra_frame(spine, 11)
    with pytest.raises(SpineError, match=kind):
        damage(spine, 11, frame, landmarks(spine, 11, frame), kind, np.random.default_rng(0))


@pytest.mark.parametrize("reach", REACHES)
def test_a_region_that_reaches_beyond_the_bone_holds_the_piece_and_soft_tissue(spine, reach):
    from scipy import ndimage

    frame = vertebra_frame(spine, 11)
    marks = landmarks(spine, 11, frame)
    tight, wide = (
        damage(spine, 11, frame, marks, kind, np.random.default_rng(5)) for kind in ("breach", f"breach-{reach}")
    )
    bone = spine.around(11, 20.0).array == 11
    away = ndimage.distance_transform_edt(~bone, tight.spacing[::-1])
    assert not ((tight.array > 0) & (wide.array == 0)).any()
    assert away[tight.array > 0].max() < 4 < away[wide.array > 0].max()  # 3 mm and a voxel
    if reach != "box":  # no other bone is taken but where the two grids differ
        assert np.count_nonzero(bone & (wide.array > tight.array)) < 0.03 * np.count_nonzero(bone)


def test_a_hole_within_the_bone_grows_no_mass():
    bone = np.full((30, 30, 30), 5.0, np.float32)
    bone[4:26, 4:26, 4:26] = -3.0
    hole = np.zeros(bone.shape, bool)
    hole[12:18, 12:18, 12:18] = True
    assert np.array_equal(grown(hole, bone, 1.5, "mass", np.random.default_rng(0)), hole)
    assert not grown(~hole & hole, bone, 1.5, "far", np.random.default_rng(0)).any()


def test_broken_labels_lack_the_piece_and_nothing_else(spine):
    frame = vertebra_frame(spine, 11)
    piece = damage(spine, 11, frame, landmarks(spine, 11, frame), "quarter", np.random.default_rng(0))
    labels, lesion = broken(spine, 11, piece)
    changed = labels.array != spine.labels.array
    assert changed.any() and (spine.labels.array[changed] == 11).all() and (lesion.array[changed] == 1).all()


def test_a_deformed_column_keeps_its_vertebrae_in_their_order(spine):
    moved = Column.of(deformed(spine, 11, np.random.default_rng(4)))
    assert set(moved.boxes) == {10, 11, 12}
    assert moved.neighbours(11) == (10, 12)
    volume = {
        number: np.count_nonzero(one.labels.array == number) * one.labels.voxel_volume_ml
        for one in (moved,)
        for number in one.boxes
    }
    whole = np.count_nonzero(spine.labels.array == 11) * spine.labels.voxel_volume_ml
    assert 0.6 < volume[11] / whole < 1.6  # three axes of 8 %, and the displacement


def test_vertebrae_that_the_image_cuts_are_left_out(spine):
    labels = spine.labels.with_array(spine.labels.array)
    cut = Column.of(type(labels)(labels.array[:46], labels.spacing, labels.origin, labels.direction))
    assert set(whole_vertebrae(spine)) == {10, 11, 12}
    assert len(whole_vertebrae(cut)) < len(cut.boxes)


def test_a_sample_shows_what_is_known_and_hides_what_was_cut(samples):
    assert [one.kind for one in samples] == ["breach", "half"]
    for one in samples:
        channels, truth = one.channels / 127, one.truth / 127 * CUT_MM
        unknown = channels[CHANNELS.index("unknown")] > 0.5
        known = channels[CHANNELS.index("known")] * CUT_MM
        assert unknown.any() and (truth[unknown] < 0).any()
        deep = ~unknown & (np.abs(truth) > 1.5) & (np.abs(truth) < 4)
        assert np.mean(np.sign(known[deep]) == np.sign(truth[deep])) > 0.97
        mean = channels[CHANNELS.index("mean")] * CUT_MM
        near = unknown & (np.abs(truth) < 3)
        assert np.abs(mean - truth)[near].mean() < 1.5  # vertebrae that are all alike: a voxel of the frame


def test_boxes_fit_the_network_and_hold_what_is_unknown():
    unknown = np.zeros((48, 72, 80), bool)
    unknown[3:20, 40:72, 10:13] = True
    box = work_box(unknown, 8)
    assert all((part.stop - part.start) % 8 == 0 for part in box)
    assert unknown[box].sum() == unknown.sum()
    everything = work_box(np.ones((48, 72, 80), bool), 8)
    assert everything == (slice(0, 48), slice(0, 72), slice(0, 80))


def test_augmentation_moves_all_channels_alike(samples):
    arrays = tensors_of(samples[0])[None]
    arrays[:, CHANNELS.index("above")] = arrays[:, CHANNELS.index("below")] = arrays[:, -1]
    channels, truth = augmented(arrays, CompletionAugmentation(), np.random.default_rng(0))
    assert torch.equal(channels[:, CHANNELS.index("above")], truth[:, 0])
    assert not torch.equal(truth, arrays[:, -1:])
    assert set(channels[:, CHANNELS.index("unknown")].unique().tolist()) == {0.0, 1.0}


def test_a_sample_with_a_mass_hides_more_and_shows_what_is_left_as_it_was(samples):
    arrays = tensors_of(samples[0]).numpy()
    unknown, known = CHANNELS.index("unknown"), CHANNELS.index("known")
    more = [with_reach(arrays, np.random.default_rng(seed)) for seed in range(6)]
    assert any(one[unknown].sum() > 1.3 * arrays[unknown].sum() for one in more)
    for one in more:
        assert (one[unknown] >= arrays[unknown]).all()
        untouched = [n for n in range(len(arrays)) if n not in (unknown, known)]
        assert np.array_equal(one[untouched], arrays[untouched])
        # Where it is still seen, bone is bone and the rest is none.
        seen = one[unknown] == 0
        clear = seen & (np.abs(arrays[-1] * CUT_MM) > 1.5)
        assert np.mean(np.sign(one[known][clear]) == np.sign(arrays[-1][clear])) > 0.97


def test_without_deviations_augmentation_changes_nothing(samples):
    still = CompletionAugmentation(mirror=False, turn_degrees=0, scale=0, wave_voxels=0, alone=0)
    arrays = tensors_of(samples[0])[None]
    channels, truth = augmented(arrays, still, np.random.default_rng(0))
    assert torch.allclose(truth, arrays[:, -1:], atol=1e-4)
    assert torch.allclose(channels[:, 0], arrays[:, 0], atol=1e-4)


def test_crops_are_the_same_for_the_same_step(samples):
    crops = Crops(samples, CompletionConfig())
    assert all(torch.equal(a, b) for a, b in zip(crops.batch(3), crops.batch(3)))
    assert crops.batch(3)[0].shape == (2, len(CHANNELS), 48, 48, 48)


def test_a_perfect_correction_has_no_error(samples):
    arrays = tensors_of(samples[0])[None]
    channels, truth = arrays[:, :-1], arrays[:, -1:]
    perfect = (truth - channels[:, :1]) * CUT_MM / 2.0
    distance, dice = errors(channels, perfect, truth)
    assert distance.item() == pytest.approx(0, abs=1e-5) and dice.item() == pytest.approx(1, abs=1e-3)
    assert errors(channels, torch.zeros_like(truth), truth)[0].item() > 0.05


def test_a_training_begins_at_the_templates_mean_and_learns(samples, tmp_path):
    config = CompletionConfig(widths=(4, 8)).changed(
        sampling={"crop": (24, 24, 24)}, optimisation={"rate": 0.01, "warm_up": 0, "average": 0.0}
    )
    run = CompletionRun(config, samples, tmp_path, torch.device("cpu"))
    assert run.figures(run.network.eval())["gained_mm"] == pytest.approx(0, abs=1e-4)
    crops = Crops(samples, config)
    batch = crops.batch(0)
    losses = [run.train_step(batch) for _ in range(8)]
    assert losses[-1] < 0.95 * losses[0]


def test_a_training_goes_on_from_a_model_and_from_no_other_kind_of_network(samples, tmp_path):
    config = CompletionConfig(widths=(4, 8)).changed(sampling={"crop": (24, 24, 24)})
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = UNet(3, len(CHANNELS), (4, 8))
    (tmp_path / "run").mkdir()
    save_checkpoint(
        tmp_path / "run" / BEST,
        {"network": network.state_dict()},
        {"step": 1, "minutes": 0.1, "figures": {"dice": 0.5}},
    )
    write_json(
        tmp_path / "run" / "training.json",
        {
            "command": "-",
            "config": config.to_dict(),
            "data": {
                "simulated": True,
                "description": "Test.",
                "training_simulated_vertebrae": 1,
                "training_vertebrae": 1,
                "training_cases": 1,
                "training_samples": 1,
                "held_out_vertebrae": 1,
            },
        },
    )
    export(tmp_path / "run", tmp_path / "start")
    started = initial_completion(config.changed(init_from=str(tmp_path / "start")))
    for key, value in started.state_dict().items():
        assert torch.allclose(value, network.state_dict()[key], rtol=1 / 256, atol=1e-6), key  # kept to eight bits
    with pytest.raises(SpineError, match="another network"):
        initial_completion(CompletionConfig(widths=(4, 6), init_from=str(tmp_path / "start")))


def test_vertebrae_held_out_are_not_trained_on(samples):
    with pytest.raises(SpineError, match="too few"):
        split_samples(samples, CompletionValidation(share=0.5), 0)


def test_a_whole_training_gives_a_model_that_repairs(tmp_path):
    labels = column((5, -4, 6))
    write_volume(labels, tmp_path / "one.nii.gz")
    config = CompletionConfig(widths=(4, 8)).changed(
        sampling={"crop": (32, 32, 32), "damages": 1, "repeats": 0}, optimisation={"steps": 3}
    )
    sources = [Source("one", tmp_path / "one.nii.gz", True)]
    out = tmp_path / "run"
    bundle = run_training(config, sources, out, cache=tmp_path / "cache", description="Test.", command="-")
    card = load_bundle(out / "model").card
    assert card.task == "vertebra-completion" and card.training_data["simulated"]
    assert "simulated data" in card.text
    broken_labels, lesion = with_hole(labels, 11, (14.0, -16.0, 2.0), 10.0)
    repair = inpaint(broken_labels, lesion, 11, {card.task: bundle}, InpaintSettings("completion"))
    assert repair.measures["added_ml"] > 1
    assert repair.provenance["model"]["sha256"] == card.sha256
    again = read_samples(sources, tmp_path / "cache", 0, 1)  # of the cache
    assert {one.label for one in again} == {10, 11, 12}
