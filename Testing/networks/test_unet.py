"""The U-Net has the paper's size and shape."""

import pytest
import torch

from SpineLib.networks.unet import UNet


@pytest.mark.parametrize(("dimensions", "millions"), [(2, 1.4), (3, 4.0)])
@pytest.mark.parametrize("inputs", [1, 2])
def test_the_parameters_are_as_many_as_in_the_paper(dimensions, inputs, millions):
    count = sum(p.numel() for p in UNet(dimensions, inputs).parameters())
    assert abs(count / (millions * 1e6) - 1) < 0.05


@pytest.mark.parametrize("dimensions", [2, 3])
def test_each_level_halves_and_the_output_has_the_size_of_the_input(dimensions):
    network = UNet(dimensions, 2, (4, 6, 8))
    shapes = []
    for level in network.down:
        level.register_forward_hook(lambda module, inputs, output: shapes.append(output.shape[2:]))
    x = torch.randn(2, 2, *(16, 24, 8)[:dimensions])
    assert network(x).shape == (2, 1, *x.shape[2:])
    assert [s[0] for s in shapes] == [16, 8, 4] and network.multiple == 4


def test_every_convolution_of_kernel_3_is_followed_by_normalisation_and_relu_and_the_last_has_kernel_1():
    network = UNet(2, 1)
    for level in [*network.down, *network.up]:
        kinds = [type(layer).__name__ for layer in level]
        assert kinds == ["Conv2d", "BatchNorm2d", "ReLU"] * 2
        assert all(layer.kernel_size == (3, 3) for layer in level if hasattr(layer, "kernel_size"))
    assert [level[0].stride for level in network.down] == [(1, 1)] + [(2, 2)] * 4
    assert network.last.kernel_size == (1, 1)


def test_the_skip_connections_reach_the_output():
    network = UNet(2, 1, (4, 6, 8)).eval()
    x = torch.randn(1, 1, 16, 16)
    before = network(x)
    network.down[-1].register_forward_hook(lambda module, inputs, output: output * 0)
    assert (network(x) - network(x + torch.randn_like(x))).abs().max() > 0
    assert (network(x) - before).abs().max() > 0


def test_probability_is_the_sigmoid_of_the_logits():
    network, x = UNet(2, 1, (4, 6)).eval(), torch.randn(1, 1, 8, 8)
    assert torch.allclose(network.probability(x), torch.sigmoid(network(x)))


def test_every_weight_gets_a_gradient():
    network = UNet(3, 2, (4, 6, 8))
    network(torch.randn(2, 2, 8, 8, 8)).square().mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("dimensions", [2, 3])
def test_training_and_inference_compute_the_same_function_with_the_same_gradients(dimensions):
    torch.manual_seed(0)
    network = UNet(dimensions, 2, (4, 6, 8)).double()
    x = torch.randn(2, 2, *(8, 16, 8)[:dimensions], dtype=torch.float64)
    results = []
    for training in (True, False):
        network.train(training)
        for layer in network.modules():
            if "BatchNorm" in type(layer).__name__:
                layer.eval()  # Both use the running statistics.
        network.zero_grad()
        out = network(x)
        out.square().sum().backward()
        results.append((out.detach(), [p.grad.clone() for p in network.parameters()]))
    assert torch.allclose(results[0][0], results[1][0], atol=1e-12)
    assert all(torch.allclose(a, b, rtol=1e-9, atol=1e-9) for a, b in zip(results[0][1], results[1][1]))


def test_four_dimensions_are_refused():
    with pytest.raises(ValueError, match="dimensions is 4"):
        UNet(4)
