"""Training of the GANs: slices of vertebrae, both losses, and a whole little training."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from SpineLab.training.facts import kind_of, read_facts
from SpineLab.training.gan.config import GanAugmentation, GanConfig, GanSampling, GanValidation
from SpineLab.training.gan.loop import GanRun, gradient_penalty, initial_gan, run_training, split_stacks
from SpineLab.training.gan.pretraining import Encoder, autoencoder_loss
from SpineLab.training.gan.sampling import Sampler
from SpineLab.training.gan.stacks import Stack, read_stacks, stacks_of
from SpineLab.training.gan.validation import HeldOut, held_out_slices, hole_dice
from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.volume import write_volume
from SpineLib.volume.volume import Volume

TINY = {
    "latent": 4,
    "widths": [2, 2, 3, 4],
    "sampling": {"batch": 4},
    "optimisation": {"steps": 2, "critic_steps": 2, "precision": "float32", "average": 0.9, "rate": 0.001},
    "validation": {"slices": 4, "steps": 2, "share": 0.4},
}
STILL = GanAugmentation(mirror=False, turn_degrees=0, shift_mm=0, scale=0, stretch=0, thicken_mm=0)


def column(spacing=(1.0, 1.0, 2.0), size=(60, 70, 66)) -> Volume:
    """Two round vertebrae of radius 16 and height 20 mm, the lower one (21) with a process at its back; a third is
    cut by the lower end of the image."""
    k, j, i = np.indices(size)
    labels = np.zeros(size, np.uint8)
    x, y, z = (i - 33) * spacing[0], (j - 28) * spacing[1], k * spacing[2]
    for number, bottom in ((22, -5.0), (21, 31.0), (20, 65.0)):
        inside = (x**2 + y**2 < 16**2) & (z > bottom) & (z < bottom + 20)
        inside |= (number == 21) & (abs(x) < 4) & (y > 0) & (y < 30) & (z > bottom + 6) & (z < bottom + 14)
        labels[inside] = number
    return Volume(labels, spacing)


@pytest.fixture(scope="module")
def stacks():
    return stacks_of(column(), "one", simulated=False)


@pytest.fixture
def files(tmp_path):
    found = []
    for n in range(3):
        shifted = column()
        path = tmp_path / f"patient-{n}.nrrd"
        write_volume(replace(shifted, array=np.roll(shifted.array, n, axis=2)), path)
        found.append((f"patient-{n}", path, n > 0))
    return found


def test_each_whole_vertebra_becomes_a_stack_of_slices_across_its_axis(stacks):
    assert sorted(stack.label for stack in stacks) == [20, 21]  # 22 is cut by the image's border
    upper = next(stack for stack in stacks if stack.label == 20)
    # 20 mm high in slices of 1 mm; the ends are half a voxel nearer or farther.
    assert 17 <= len(upper.distances) <= 22
    assert np.median(upper.areas_cm2) == pytest.approx(np.pi * 1.6**2, rel=0.05)


def test_images_hold_the_area_of_the_vertebra_better_than_whole_pixels(stacks):
    upper = next(stack for stack in stacks if stack.label == 20)
    middle = upper.images()[len(upper.distances) // 2]
    assert ((middle > 0) & (middle < 1)).any()
    assert middle.sum() * 1.75**2 == pytest.approx(np.pi * 16**2, rel=0.03)


def test_the_process_points_backwards_in_the_images(stacks):
    lower = next(stack for stack in stacks if stack.label == 21)
    rows = np.flatnonzero(lower.images()[10].max(axis=1) > 0.5)
    columns = np.flatnonzero(lower.images()[10][rows[-1]] > 0.5)
    assert len(rows) * 1.75 == pytest.approx(46, abs=4) and len(columns) * 1.75 == pytest.approx(8, abs=3)


def test_slices_are_kept_and_come_back_the_same(files, tmp_path):
    first = read_stacks(files, tmp_path / "cache")
    again = read_stacks(files, tmp_path / "cache")
    assert [(s.patient, s.label, s.simulated) for s in first] == [(s.patient, s.label, s.simulated) for s in again]
    assert all(np.array_equal(a.distances, b.distances) for a, b in zip(first, again))


def test_a_batch_without_augmentation_holds_slices_of_the_stacks(stacks):
    batch = Sampler(stacks, GanSampling(), STILL).batch(0, 6)
    slices = np.concatenate([stack.images() for stack in stacks])
    for image in batch[:, 0].numpy():
        assert np.abs(slices - image).max(axis=(1, 2)).min() < 1e-4


def test_a_batch_is_the_same_for_the_same_step_and_another_for_another(stacks):
    sampler = Sampler(stacks, GanSampling(), GanAugmentation())
    assert torch.equal(sampler.batch(3, 5), sampler.batch(3, 5))
    assert not torch.equal(sampler.batch(3, 5), sampler.batch(4, 5))


def test_augmented_vertebrae_vary_in_size_and_place(stacks):
    images = Sampler(stacks[:1], GanSampling(), GanAugmentation(scale=0.1, shift_mm=4.0)).batch(0, 64)[:, 0].numpy()
    areas = images.sum(axis=(1, 2))
    centres = (images * np.arange(64)).sum(axis=(1, 2)) / areas
    assert np.std(np.log(areas)) > 0.1 and np.std(centres) * 1.75 == pytest.approx(4.0, rel=0.4)


def test_real_and_simulated_patients_get_their_shares(stacks):
    """Simulated ones are empty here but for a corner, so that each image tells where it is from."""
    corner = np.full((1, 64, 64), 100, np.int8)
    corner[:, :20, :20] = -100
    both = [*stacks, Stack("simulated", 1, True, corner)]
    batch = Sampler(both, GanSampling(real=0.35), STILL).batch(0, 400)
    # Binomial of 400: three deviations are 29.
    assert int((batch[:, 0, 2, 2] < 0.5).sum()) == pytest.approx(140, abs=29)


def test_the_gradient_penalty_is_that_of_a_critic_with_a_known_slope():
    class Slope(nn.Module):
        def forward(self, images):
            return 3 * images[:, 0, 5, 7] + 4 * images[:, 0, 1, 2]  # a gradient of length 5 everywhere

    images = torch.rand(6, 1, 64, 64)
    penalty = gradient_penalty(Slope(), images, 1 - images, nullcontext)
    assert float(penalty.detach()) == pytest.approx(16.0, rel=1e-5)


def test_random_weights_of_wgan_keep_the_scale_of_what_passes_through():
    gan = initial_gan(GanConfig.read("wgan-gp"))
    x = gan.requires_grad_(False).generator.project(torch.randn(64, gan.generator.latent)).view(64, 128, 4, 4)
    for layer in gan.generator.layers[:-1]:
        before, x = x, layer(torch.relu(x))
        # He et al. (2015); the border, where the kernel meets zeros, makes it a little smaller.
        assert 0.5 < float(x.std() / before.std()) < 1.5


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_the_critic_learns_to_tell_real_from_made(kind, stacks, tmp_path):
    config = GanConfig.from_dict(TINY | {"kind": kind, "optimisation": TINY["optimisation"] | {"rate": 0.005}})
    held_out = held_out_slices(stacks, 4, 0)
    run = GanRun(config, held_out, tmp_path, torch.device("cpu"))
    real = Sampler(stacks, GanSampling(batch=8), GanAugmentation()).batch(0, 16)
    for _ in range(40):
        loss = run.critic_loss(real)
        run.critic_optimizer.zero_grad()
        loss.backward()
        run.critic_optimizer.step()
    with torch.no_grad():
        run.network.eval()
        assert run.network.critic(real).mean() > run.network.critic(run.network(run.noise(16))).mean() + 0.2


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_the_generators_step_moves_the_generator_alone_and_towards_the_critics_liking(kind, stacks, tmp_path):
    run = GanRun(
        GanConfig.from_dict(TINY | {"kind": kind}), held_out_slices(stacks, 4, 0), tmp_path, torch.device("cpu")
    )
    before = {name: value.clone() for name, value in run.network.critic.named_parameters()}
    losses = []
    for _ in range(40):
        torch.manual_seed(1)
        loss = run.loss(None)
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    assert all(torch.equal(before[name], value) for name, value in run.network.critic.named_parameters())


def test_holes_hold_bone_and_background_and_dice_counts_inside_them_only(stacks):
    held_out = held_out_slices(stacks, 6, 0)
    assert held_out.images.shape == (6, 64, 64) and ((~held_out.known).sum(axis=(1, 2)) == 256).all()
    inside = np.where(held_out.known, 0, held_out.images).sum(axis=(1, 2)) / 256
    assert (inside >= 0.19).all() and (inside <= 0.81).all()
    wrong_outside = np.where(held_out.known, 1 - held_out.images, held_out.images)
    assert hole_dice(held_out.images, wrong_outside, held_out.known) == pytest.approx(np.ones(6))
    assert (hole_dice(held_out.images, np.zeros_like(held_out.images), held_out.known) == 0).all()


def test_the_autoencoder_learns_what_it_is_shown(stacks):
    torch.manual_seed(0)
    gan = initial_gan(GanConfig.from_dict(TINY | {"widths": [4, 6, 8, 10]}))
    encoder = Encoder(gan.generator)
    images = Sampler(stacks, GanSampling(), STILL).batch(0, 16)
    optimizer = torch.optim.Adam([*encoder.parameters(), *gan.generator.parameters()], lr=0.005)
    losses = []
    for _ in range(60):
        loss = autoencoder_loss(encoder, gan.generator, images, 1.0, nullcontext)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


def test_the_loss_of_the_autoencoder_is_the_bound_written_out(stacks):
    class Knows(nn.Module):
        def forward(self, images):
            return torch.full((len(images), 2), 0.5), torch.full((len(images), 2), -1.0)

    class Grey(nn.Module):
        def forward(self, z):
            return torch.full((len(z), 1, 64, 64), 0.25)

    images = torch.zeros(3, 1, 64, 64)
    images[:, :, :32] = 1.0
    bits = -(np.log(0.25) + np.log(0.75)) / 2
    divergence = 2 * 0.5 * (0.25 + np.exp(-1) - 1 + 1)
    found = autoencoder_loss(Knows(), Grey(), images, 3.0, nullcontext)
    assert float(found) == pytest.approx(bits + 3 * divergence / 4096, rel=1e-5)


def test_while_the_generator_is_pretrained_no_critic_learns_and_nothing_counts_as_best(stacks, tmp_path):
    config = GanConfig.from_dict(TINY | {"pretraining": {"share": 0.5}})
    config = config.changed(optimisation={"steps": 4})
    run = GanRun(config, held_out_slices(stacks, 2, 0), tmp_path, torch.device("cpu"))
    batch = Sampler(stacks, GanSampling(), STILL).batch(0, 8)
    before = run.network.critic.last.weight.clone()
    made = run.network.generator.project.weight.clone()
    for step in range(2):
        assert run.pretraining
        run.look()
        run.train_step(batch)
        if not step:  # interrupted in between
            run.save()
            run = GanRun(config, run.held_out, tmp_path, torch.device("cpu"))
            run.resume(lambda text: None)
    assert not (tmp_path / "best.safetensors").is_file()
    assert torch.equal(run.network.critic.last.weight, before)
    assert not torch.equal(run.network.generator.project.weight, made)
    run.train_step(batch)
    run.look()
    assert not run.pretraining and (tmp_path / "best.safetensors").is_file()
    assert not torch.equal(run.network.critic.last.weight, before)


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_a_training_ends_in_a_bundle_and_a_second_call_goes_on(kind, files, tmp_path):
    config = GanConfig.from_dict(TINY | {"kind": kind})
    lines = []
    stacks = read_stacks(files, tmp_path / "slices")
    first = run_training(config, stacks, tmp_path / "run", sources="Made up.", report=lines.append)
    assert first.card.task == "vertebra-inpainting" and first.card.network["type"] == kind
    assert 0 <= first.card.figures["validation"]["dice"] <= 1 and "Made up." in first.card.text
    assert load_bundle(tmp_path / "run" / "model").network().kind == kind
    facts = json.loads((tmp_path / "run" / "training.json").read_text())
    assert not set(facts["cases"]["training"]) & set(facts["cases"]["held_out"])
    longer = config.changed(optimisation={"steps": 3})
    run_training(longer, stacks, tmp_path / "run", sources="Made up.", report=lines.append)
    assert any("Going on at step 2" in line for line in lines)


def test_a_resumed_training_has_both_optimizers_back(stacks, tmp_path):
    config = GanConfig.from_dict(TINY)
    run = GanRun(
        config, HeldOut(np.zeros((2, 64, 64), np.float32), np.ones((2, 64, 64), bool)), tmp_path, torch.device("cpu")
    )
    run.train_step(torch.rand(8, 1, 64, 64))
    run.save()
    again = GanRun(config, run.held_out, tmp_path, torch.device("cpu"))
    again.resume(lambda text: None)
    for one, other in ((run.optimizer, again.optimizer), (run.critic_optimizer, again.critic_optimizer)):
        for a, b in zip(one.state_dict()["state"].values(), other.state_dict()["state"].values()):
            assert all(torch.equal(a[key], b[key]) for key in a)
    assert all(
        torch.equal(a, b) for a, b in zip(run.network.state_dict().values(), again.network.state_dict().values())
    )


def test_patients_are_trained_on_or_held_out_and_simulated_ones_are_held_out_first(stacks):
    several = [
        Stack(patient, 20, patient.startswith("sub"), stacks[0].distances)
        for patient in ("real", "sub-1", "sub-1", "sub-2", "sub-3")
    ]
    training, held_out = split_stacks(several, GanValidation(share=0.3), 0)
    assert {s.patient for s in training} | {s.patient for s in held_out} == {"real", "sub-1", "sub-2", "sub-3"}
    assert not {s.patient for s in training} & {s.patient for s in held_out}
    assert all(stack.simulated for stack in held_out) and held_out
    with pytest.raises(SpineError, match="too few"):
        split_stacks(several[:1], GanValidation(share=0.3), 0)


@pytest.mark.parametrize("name", ["wgan-gp", "dcgan", "paper-wgan-gp", "paper-dcgan"])
def test_presets_can_be_read(name):
    config = GanConfig.read(name)
    assert config.name == name and name.endswith(config.kind)
    assert (config.widths == (64, 128, 256, 512)) == name.startswith("paper")


def test_the_shell_trains_exports_and_asks_where_masks_are_from(files, tmp_path, capsys):
    config = tmp_path / "tiny.toml"
    config.write_text(
        'kind = "wgan-gp"\nlatent = 4\nwidths = [2, 2, 3, 4]\n[sampling]\nbatch = 4\n[optimisation]\n'
        "steps = 1\ncritic_steps = 1\n[validation]\nslices = 4\nsteps = 2\n"
    )
    masks = [str(path) for _, path, _ in files]
    train = ["train", "gan", "--config", str(config), "--out", str(tmp_path / "run"), "--masks", *masks]
    assert main(train) == 1 and "licence" in capsys.readouterr().err
    assert main([*train, "--masks-from", "made up, public domain"]) == 0
    assert kind_of(read_facts(tmp_path / "run")) == "gan"
    assert main(["train", "export", "--run", str(tmp_path / "run"), "--to", str(tmp_path / "inpaint-tiny")]) == 0
    card = load_bundle(tmp_path / "inpaint-tiny").card
    assert card.id == "inpaint-tiny" and "public domain" in card.training_data["description"]
    assert not card.training_data["simulated"]
    assert main(["train", "gan", "--config", str(config), "--out", str(tmp_path / "drawn"), "--simulate", "2"]) == 0
    card = load_bundle(tmp_path / "drawn" / "model").card
    assert card.training_data["simulated"] and "simulated data** only" in card.text
    assert main(["train", "gan", "--config", str(config), "--out", str(tmp_path / "none")]) == 1
    assert "--cohort" in capsys.readouterr().err
