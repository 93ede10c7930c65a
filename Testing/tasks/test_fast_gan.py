"""The fast form of the GAN is the same two functions, with the same gradients, and so repairs the same."""

import numpy as np
import pytest
import torch

from SpineLib.inference.fastgan import FastGan, PlainGan, arranged
from SpineLib.networks.gan import KINDS, Gan
from SpineLib.tasks.inpainting.gan import GanSettings, inpaint_slices
from Testing.tasks.test_gan_inpaint import Discs, Indifferent, Z, discs, hole

WIDTHS = (4, 6, 10, 12)


def random_gan(kind: str) -> Gan:
    """Weights that make grey images with edges; statistics that normalise something."""
    torch.manual_seed(7)
    gan = Gan(kind, 8, WIDTHS).train()
    with torch.no_grad():
        for parameter in gan.parameters():
            parameter.mul_(2.0) if parameter.dim() > 1 else parameter.normal_(0.5, 0.3)
        gan.critic(gan.generator(torch.randn(16, 8)))
    return gan.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_values_are_those_of_the_networks(kind):
    gan, z = random_gan(kind), torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    fast = FastGan(gan.generator, gan.critic, torch.float32)
    with torch.no_grad():
        images, made = gan.generator(z), fast.generate(z)
        assert made.shape == (5, 4, 32, 32) and images.std() > 0.1
        torch.testing.assert_close(fast.images(made), images, atol=1e-5, rtol=0)  # sums in another order
        torch.testing.assert_close(fast.parts(images), made, atol=1e-5, rtol=0)
        # An image that is not made by the generator, so that all four parts and the border matter.
        noise = torch.rand(3, 1, 64, 64, generator=torch.Generator().manual_seed(2))
        torch.testing.assert_close(fast.judge(fast.parts(noise)), gan.critic(noise), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_to_the_noise_are_those_of_the_networks(kind):
    gan, z = random_gan(kind), torch.randn(5, 8, generator=torch.Generator().manual_seed(1))
    pull = torch.randn(5, 1, 64, 64, generator=torch.Generator().manual_seed(3))
    found = []
    for form in (FastGan(gan.generator, gan.critic, torch.float32), PlainGan(gan.generator, gan.critic, torch.float32)):
        noise = z.clone().requires_grad_(True)
        made = form.generate(noise)
        found.append(torch.autograd.grad((form.parts(pull) * made).sum() + form.judge(made).sum(), noise)[0])
    assert found[1].abs().mean() > 0.1
    torch.testing.assert_close(*found, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_descent_in_the_fast_form_ends_where_the_plain_one_does(kind):
    gan = random_gan(kind)
    with torch.no_grad():
        images = gan.generator(torch.randn(4, 8, generator=torch.Generator().manual_seed(5)))[:, 0].numpy()

    def repaired(fast, count):
        settings = GanSettings(steps=count, probability=kind == "dcgan", candidates=32, precision="float32", fast=fast)
        return inpaint_slices(images, hole(4), gan.generator, gan.critic, settings)

    # A sign that rounding turns sends a descent slightly elsewhere, hence the short one and its tolerance.
    np.testing.assert_allclose(repaired(True, 8), repaired(False, 8), atol=2e-3)


def test_in_bfloat16_the_fast_form_differs_from_the_exact_one_as_little_as_autocast_does():
    gan, z = random_gan("wgan-gp"), torch.randn(16, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        exact = gan.generator(z)
        errors = [
            (form.images(form.generate(z)) - exact).abs().mean()
            for form in (
                FastGan(gan.generator, gan.critic, torch.bfloat16),
                PlainGan(gan.generator, gan.critic, torch.bfloat16),
            )
        ]
    assert 0 < errors[0] < 1.5 * errors[1] and errors[1] < 0.01


def test_networks_of_other_kinds_run_as_they_are():
    assert isinstance(arranged(Discs(), Indifferent(), torch.float32), PlainGan)
    gan = random_gan("wgan-gp")
    assert isinstance(arranged(gan.generator, gan.critic, torch.float32), FastGan)
    assert isinstance(arranged(gan.generator, gan.critic, torch.float32, fast=False), PlainGan)
    found = [
        inpaint_slices(discs(Z), hole(5), Discs(), Indifferent(), GanSettings(steps=5, weight=0, fast=fast))
        for fast in (True, False)
    ]
    np.testing.assert_array_equal(*found)


def test_the_networks_themselves_are_not_changed():
    gan = random_gan("dcgan")
    before = {name: value.clone() for name, value in gan.state_dict().items()}
    FastGan(gan.generator, gan.critic, torch.bfloat16).generate(torch.zeros(1, 8))
    assert all(torch.equal(value, before[name]) for name, value in gan.state_dict().items())
    assert all(parameter.requires_grad for parameter in gan.parameters())
