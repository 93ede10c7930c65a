"""A generator whose images are known analytically fills what is missing of them, and nothing else."""

import numpy as np
import pytest
import torch
from torch import nn

from SpineLib.errors import Cancelled
from SpineLib.networks.gan import Gan
from SpineLib.tasks.inpainting.gan import GanSettings, inpaint_slices

ROWS = torch.arange(64.0)[:, None] - 31.5
COLUMNS = torch.arange(64.0)[None] - 31.5


class Discs(nn.Module):
    """Noise to discs: z is the centre's offset from the middle, in 6 pixels, and the radius's from 14, in 3 pixels."""

    latent = 3

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([6.0, 6.0, 3.0]))

    def forward(self, z):
        row, column, radius = (z * self.scale).T[:, :, None, None]
        distance = torch.sqrt((ROWS - row) ** 2 + (COLUMNS - column) ** 2 + 1e-6)
        return torch.sigmoid(14 + radius - distance)[:, None]


class Indifferent(nn.Module):
    """A critic that likes all images alike."""

    def forward(self, images):
        return images.mean(dim=(1, 2, 3)) * 0


class Likes(nn.Module):
    """A critic that likes white, with ``strength``."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def forward(self, images):
        return self.strength * images.mean(dim=(1, 2, 3))


def discs(z) -> np.ndarray:
    with torch.no_grad():
        return Discs()(torch.as_tensor(z, dtype=torch.float32))[:, 0].numpy()


def hole(count: int) -> np.ndarray:
    known = np.ones((count, 64, 64), bool)
    known[:, 28:44, 24:40] = False
    return known


Z = np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)


def test_a_hole_is_filled_with_what_was_there():
    truth, known = discs(Z), hole(5)
    found = inpaint_slices(truth * known, known, Discs(), Indifferent(), GanSettings(steps=100, weight=0.0))
    # The descent ends within a hundredth of z, i.e. of a few hundredths of a pixel at the edge of a disc.
    assert np.abs(found - truth).max() < 0.05


def test_what_is_known_stays_to_the_bit_and_what_lies_in_the_hole_is_not_looked_at():
    truth, known = discs(Z), hole(5)
    settings = GanSettings(steps=20)
    found = inpaint_slices(truth, known, Discs(), Indifferent(), settings)
    np.testing.assert_array_equal(found[known], truth[known])
    other = np.where(known, truth, np.float32(0.7))
    np.testing.assert_array_equal(inpaint_slices(other, known, Discs(), Indifferent(), settings), found)


def test_the_same_input_and_seed_give_the_same_slices():
    truth, known = discs(Z), hole(5)
    once, again = (inpaint_slices(truth, known, Discs(), Likes(1.0), GanSettings(steps=20, seed=3)) for _ in range(2))
    np.testing.assert_array_equal(once, again)


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_all_slices_in_one_batch_give_what_each_alone_gives(kind):
    torch.manual_seed(0)
    gan = Gan(kind, 8, (4, 6, 8, 10)).eval()
    images, known = discs(Z), hole(5)
    settings = GanSettings(steps=10, probability=kind == "dcgan", candidates=16, precision="float32")
    together = inpaint_slices(images, known, gan.generator, gan.critic, settings)
    alone = np.concatenate(
        [inpaint_slices(images[n : n + 1], known[n : n + 1], gan.generator, gan.critic, settings) for n in range(5)]
    )
    np.testing.assert_allclose(together, alone, atol=1e-4)  # sums in another order


def test_a_slice_without_any_knowledge_lies_between_its_neighbours_when_they_are_tied():
    z = np.linspace(-1, 1, 9, dtype=np.float32)[:, None] * np.float32([[1, -0.5, 0.8]])
    truth, known = discs(z), np.ones((9, 64, 64), bool)
    known[4] = False
    tied = inpaint_slices(truth, known, Discs(), Indifferent(), GanSettings(steps=150, weight=0, tie=1.0))
    plain = inpaint_slices(truth, known, Discs(), Indifferent(), GanSettings(steps=150, weight=0))
    assert np.abs(tied[4] - truth[4]).mean() < 0.01 < 0.05 < np.abs(plain[4] - truth[4]).mean()


def test_the_tie_asks_the_same_of_thick_and_thin_slices():
    """Half as many slices twice as far apart: the tied noise changes along the vertebra as before."""
    fine = np.sin(np.linspace(0, 3, 17, dtype=np.float32))[:, None] * np.float32([[1, 1, 0]])
    known = np.zeros((17, 64, 64), bool)
    known[::8] = True

    def repaired(step):
        settings = GanSettings(steps=200, weight=0, tie=2.0, slice_mm=float(step))
        return inpaint_slices(discs(fine)[::step], known[::step], Discs(), Indifferent(), settings)

    np.testing.assert_allclose(repaired(1)[::2], repaired(2), atol=0.05)  # as far as the descents came


def test_the_perceptual_loss_draws_towards_what_the_critic_likes():
    truth, known = discs(Z * 0), hole(5)
    known[:, :, :] = False
    known[:, 30:34, 30:34] = True  # inside every disc: says nothing of its size

    def white(settings, strength):
        return inpaint_slices(truth, known, Discs(), Likes(strength), settings).mean()

    for probability in (False, True):
        settings = GanSettings(steps=40, weight=50.0, probability=probability)
        assert white(settings, 30.0) > white(settings, 0.0) > white(settings, -30.0)


def test_of_several_descents_the_one_that_fits_best_is_kept():
    truth, known = discs(Z * 1.5), hole(5)

    def misfit(restarts):
        found = inpaint_slices(
            truth * known,
            known,
            Discs(),
            Indifferent(),
            GanSettings(steps=8, candidates=1, weight=0, restarts=restarts),
        )
        return np.abs(found - truth).mean()

    assert misfit(8) < misfit(1)


def test_with_the_weights_near_the_hole_what_lies_far_away_counts_for_nothing():
    truth, known = discs(Z), hole(5)
    far = truth.copy()
    far[:, :8] = 1.0
    one, other = (
        inpaint_slices(images, known, Discs(), Indifferent(), GanSettings(steps=30, near=True))
        for images in (truth, far)
    )
    np.testing.assert_array_equal(one[~known], other[~known])


def test_previews_sharpen_and_progress_ends_at_one():
    truth, known = discs(Z), hole(5)
    seen, fractions = [], []
    inpaint_slices(
        truth * known,
        known,
        Discs(),
        Indifferent(),
        GanSettings(steps=120, weight=0, candidates=1),
        progress=lambda fraction, text: fractions.append(fraction),
        preview=lambda fraction, array: seen.append((fraction, array)),
    )
    errors = [np.abs(array - truth).mean() for _, array in seen]
    assert 8 <= len(seen) <= 16 and errors[-1] < 0.3 * errors[0]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_it_stops_when_cancelled_and_leaves_the_networks_as_they_were():
    gan = Gan("wgan-gp", 8, (4, 6, 8, 10)).eval()
    before = {name: value.clone() for name, value in gan.state_dict().items()}

    def cancel(fraction, text):
        if fraction > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        inpaint_slices(discs(Z), hole(5), gan.generator, gan.critic, GanSettings(steps=30), progress=cancel)
    assert all(torch.equal(value, before[name]) for name, value in gan.state_dict().items())
    assert all(parameter.requires_grad for parameter in gan.parameters())


def test_slices_without_a_hole_come_back_as_they_are_and_change_nothing_in_the_others():
    truth, known = discs(Z), hole(5)
    known[[0, 3]] = True
    seen = []
    settings = GanSettings(steps=12)
    found = inpaint_slices(truth, known, Discs(), Likes(1.0), settings, preview=lambda _, array: seen.append(array))
    np.testing.assert_array_equal(found[[0, 3]], truth[[0, 3]])
    others = inpaint_slices(truth[[1, 2, 4]], known[[1, 2, 4]], Discs(), Likes(1.0), settings)
    np.testing.assert_array_equal(found[[1, 2, 4]], others)
    assert all(array.shape == truth.shape for array in seen) and len(seen) > 5
    np.testing.assert_array_equal(inpaint_slices(truth, known | True, Discs(), Likes(1.0)), truth)


def test_no_slices_are_none():
    nothing = np.zeros((0, 64, 64), np.float32)
    assert inpaint_slices(nothing, nothing > 0, Discs(), Indifferent()).shape == (0, 64, 64)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"rate": 0.0}, {"weight": -1.0}, {"tie": 1.0, "restarts": 2}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        GanSettings(**wrong)
