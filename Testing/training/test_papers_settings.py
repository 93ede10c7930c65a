"""The presets named after papers are the papers': each test says where in the paper its number stands."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLab.training.ct_lesions.config import CtLesionConfig
from SpineLab.training.ct_lesions.key_slices import chosen_images, prepare_key_slices
from SpineLab.training.detection.config import DetectorConfig
from SpineLab.training.detection.loop import optimizer_of
from SpineLab.training.gan.config import GanConfig
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.loop import SegmentationRun
from SpineLab.training.segmentation.sampling import Steps
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLib.cohort.mr import read_cohort
from SpineLib.inference.predict import predict
from SpineLib.models.networks import KINDS
from SpineLib.networks.unet import UNet
from SpineLib.preprocess import Preparation, prepare
from SpineLib.volume import read_volume
from Testing.training.ct_lesions.test_deeplesion import folder  # noqa: F401  (the fixture)


@pytest.mark.parametrize(
    ("preset", "samples"),
    [("paper-2d", 4_032_000), ("paper-3d", 63_000), ("paper-necrosis-2d", 2_419_200), ("paper-necrosis-3d", 37_800)],
)
def test_steps_times_batch_are_the_samples_of_hille_section_2_2_and_steffen_section_2_2(preset, samples):
    config = SegmentationConfig.read(preset)
    assert config.optimisation.steps * config.sampling.batch == samples
    assert config.preparation.registration == "always" and config.validation.every == 0


def test_a_2d_sample_of_the_paper_is_any_of_the_64_slices_of_a_volume_with_lesion(tiny, balls):
    config = tiny(sampling={"slices": "all", "background_fraction": 0.0})
    steps = Steps(balls, config.sampling, config.augmentation, config.preparation.whitening)
    rng = np.random.default_rng(0)
    drawn = [steps._place(rng, False)[1][0] for _ in range(1200)]
    counts = np.bincount(np.array(drawn, int), minlength=16)
    # 16 slices, each a binomial of 1200 draws: 75, five deviations are 42.
    assert abs(counts - 75).max() < 42
    masks = torch.cat([steps[step][1] for step in range(4)])
    assert 0.1 < float((masks.flatten(1).sum(1) == 0).float().mean()) < 0.9


def test_weights_of_a_cross_validation_are_the_last_ones_and_not_chosen_by_the_fold(tiny, balls, tmp_path):
    for folds, kept in ((0, False), (2, True)):
        config = tiny(validation={"folds": folds})
        assert SegmentationRun(config, balls, tmp_path, torch.device("cpu")).keeps_last is kept


def test_a_look_that_is_worse_replaces_the_weights_in_a_cross_validation_only(tiny, balls, tmp_path, monkeypatch):
    from SpineLab.training.checkpoint import BEST, load_checkpoint

    for folds, step in ((0, 1), (2, 2)):
        place = tmp_path / str(folds)
        place.mkdir()
        run = SegmentationRun(tiny(validation={"folds": folds}), balls, place, torch.device("cpu"))
        for run.step, dice in ((1, 0.9), (2, 0.1)):
            monkeypatch.setattr(run, "figures", lambda network, dice=dice: {"dice": dice})
            run.look()
        assert load_checkpoint(place / BEST)[1]["step"] == step


def test_sequences_on_one_grid_are_registered_where_the_paper_does(balls, ball_cohort):
    case = read_cohort(ball_cohort, ("T1", "T2")).cases[0]
    given = {name: read_volume(case.sequences[name], name) for name in ("T1", "T2")}
    plain, registered = (prepare(given, Preparation(slices=16, registration=one)) for one in ("grids", "always"))
    assert "was not co-registered" in plain.notes[0] and "T2 to T1: co-regist" in registered.notes[0]
    assert "registration" not in Preparation().to_dict() and Preparation.from_dict({}).registration == "grids"


@pytest.mark.parametrize("dimensions", [2, 3])
def test_patches_whitened_by_themselves_are_seen_in_windows_of_their_size(dimensions):
    """A field that grows across the image: whole slices and windows of 32 whiten it otherwise."""
    torch.manual_seed(0)
    network = UNet(dimensions, 1, (8, 12)).eval()
    with torch.no_grad():
        network.last.weight *= 100  # as decided as a trained one
    rng = np.random.default_rng(0)
    channels = (rng.normal(0, 1, (1, 4, 48, 40)) * np.linspace(0.2, 5, 48)[:, None]).astype(np.float32)
    how = {"whiten_windows": True, "device": "cpu", "precision": "float32"}
    seen = predict(channels, network, window=(32, 32), **how).probability
    part = channels[:, :, :32, :32]
    axes = (2, 3) if dimensions == 2 else (1, 2, 3)
    white = (part - part.mean(axes, keepdims=True)) / part.std(axes, keepdims=True)
    tensor = torch.from_numpy(white).transpose(0, 1) if dimensions == 2 else torch.from_numpy(white)[None]
    with torch.no_grad():
        wanted = torch.sigmoid(network(tensor)).reshape(4, 32, 32).numpy()
    # The upper left corner is seen by this window almost alone: others weigh as a Gaussian's tail.
    assert np.abs(seen[:, :8, :6] - wanted[:, :8, :6]).max() < 0.02
    assert np.abs(predict(channels, network, **how).probability - seen).max() > 0.02


def test_lambda_stands_beside_the_sum_of_the_losses_of_a_batch_as_in_equation_3_of_wang():
    """The gradient of (sum of losses + lambda |w|^2) / batch, worked out by autograd, is the one of the optimizer."""
    config = DetectorConfig.read("siamese-paper")
    assert config.sampling.batch == 128 and config.optimisation.optimizer == "sgd" and config.sampling.whole_slice
    assert not config.optimisation.clip and config.optimisation.schedule == "constant"
    torch.manual_seed(0)
    layer, inputs = torch.nn.Linear(5, 2), torch.randn(128, 5)
    wanted = torch.nn.functional.cross_entropy(layer(inputs), torch.zeros(128, dtype=torch.long), reduction="sum")
    wanted = (wanted + config.optimisation.decay * layer.weight.square().sum()) / 128
    (gradient,) = torch.autograd.grad(wanted, layer.weight)
    before = layer.weight.detach().clone()
    optimizer = optimizer_of(layer, config.optimisation, config.sampling.batch)
    torch.nn.functional.cross_entropy(layer(inputs), torch.zeros(128, dtype=torch.long)).backward()
    optimizer.step()
    assert torch.allclose(before - layer.weight, config.optimisation.rate * gradient, atol=1e-6)


def test_the_u_net_of_miao_sees_the_same_slices_as_the_v_net_and_has_a_35th_of_its_parameters():
    nets = [VertebraConfig.read(name) for name in ("vnet-paper", "unet-paper")]
    assert all(one.sampling.patch == (512, 512) and one.validation.folds == 10 for one in nets)
    counts = [sum(p.numel() for p in KINDS[n.network.type].build(n.network.card).parameters()) for n in nets]
    assert counts[0] / counts[1] == pytest.approx(35, rel=0.1)


@pytest.mark.parametrize("preset", ["paper-wgan-gp", "paper-dcgan"])
def test_gans_of_the_paper_have_no_augmentation(preset):
    change = GanConfig.read(preset).augmentation
    assert not change.mirror and change.turn_degrees == change.shift_mm == change.scale == change.thicken_mm == 0


def test_deeplesion_is_seen_through_its_own_windows_and_with_its_own_boxes(folder, tmp_path):  # noqa: F811
    config = CtLesionConfig.read("faster-rcnn-vgg16")
    assert config.as_given
    case = prepare_key_slices(chosen_images(folder), config.preparation, tmp_path / "c", as_given=True)[0]
    # Bounding_boxes "16, 21, 46, 41", counted from 1 at the pixels' centres; fat of -100 HU in the window -175 to 275.
    assert case.boxes.tolist() == [[1, 15, 20, 46, 41, 1]]
    assert case.images[1, 8, 8] == round(255 * 75 / 450)
