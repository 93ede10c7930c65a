"""Generator and critic are what Miao et al. describe (section II.D and Table II), in both kinds."""

import numpy as np
import pytest
import torch
from torch import nn

from SpineLib.models.networks import KINDS
from SpineLib.networks.gan import Critic, Gan, Generator

NARROW = (4, 6, 8, 10)


def layers(network: nn.Module, *kinds: type) -> list[nn.Module]:
    return [layer for layer in network.modules() if isinstance(layer, kinds)]


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_the_generator_has_four_transposed_convolutions_of_kernel_5(kind):
    found = layers(Generator(kind, 12, NARROW), nn.ConvTranspose2d)
    assert [layer.kernel_size for layer in found] == [(5, 5)] * 4
    assert not layers(Generator(kind, 12, NARROW), nn.MaxPool2d, nn.AvgPool2d, nn.Conv2d)


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_the_critic_has_four_convolutions_of_kernel_5_and_no_pooling(kind):
    found = layers(Critic(kind, NARROW), nn.Conv2d)
    assert [(layer.kernel_size, layer.stride) for layer in found] == [((5, 5), (2, 2))] * 4
    assert not layers(Critic(kind, NARROW), nn.MaxPool2d, nn.AvgPool2d)


def test_only_dcgan_normalises_batches():
    assert not layers(Gan("wgan-gp", 12, NARROW), nn.BatchNorm2d)
    assert layers(Generator("dcgan", 12, NARROW), nn.BatchNorm2d) and layers(Critic("dcgan", NARROW), nn.BatchNorm2d)


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_noise_becomes_images_between_background_and_vertebra(kind):
    torch.manual_seed(0)
    gan = Gan(kind, 12, NARROW).eval()
    for parameter in gan.generator.parameters():
        parameter.data *= 4  # far into the ends of sigmoid and tanh
    images = gan(torch.randn(5, 12)).detach()
    assert images.shape == (5, 1, 64, 64)
    assert 0 <= float(images.min()) < 0.2 and 0.8 < float(images.max()) <= 1
    assert gan.critic(images).shape == (5,)


def test_the_wgan_generator_gives_what_its_layers_written_out_give():
    torch.manual_seed(1)
    generator, z = Generator("wgan-gp", 3, NARROW), torch.randn(2, 3)
    x = (z @ generator.project.weight.T + generator.project.bias).reshape(2, 10, 4, 4)
    for layer in generator.layers:
        x = nn.functional.conv_transpose2d(x.clamp_min(0), layer.weight, layer.bias, 2, 2, 1)
    np.testing.assert_allclose(generator(z).detach(), 1 / (1 + torch.exp(-x.detach())), atol=1e-6)


def test_only_the_discriminator_of_dcgan_gives_probabilities():
    images = torch.rand(3, 1, 64, 64)
    probability = Critic("dcgan", NARROW).eval().probability(images)
    assert ((probability > 0) & (probability < 1)).all()
    with pytest.raises(ValueError, match="no probability"):
        Critic("wgan-gp", NARROW).probability(images)


@pytest.mark.parametrize("wrong", [{"kind": "pggan"}, {"latent": 0}, {"widths": (4, 8)}])
def test_what_makes_no_gan_is_refused(wrong):
    with pytest.raises(ValueError):
        Gan(**wrong)


@pytest.mark.parametrize("kind", ["wgan-gp", "dcgan"])
def test_a_model_card_may_name_it(kind):
    settings = {"latent": 12, "widths": list(NARROW)}
    assert KINDS[kind].fits(settings) and not KINDS[kind].fits({"latent": 12, "widths": [4, 6]})
    made = KINDS[kind].build({"type": kind, **settings})
    assert isinstance(made, Gan) and made.kind == kind and made.generator.widths == NARROW
