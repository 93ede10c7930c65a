"""The Siamese network is the paper's, and gives the same likelihoods over whole slices as patch by patch."""

import numpy as np
import pytest
import torch
from torch import nn

from SpineLib.networks.siamese import PATCH, Siamese


def lively(network: Siamese, seed: int = 3) -> Siamese:
    """Random weights and statistics that make probabilities of all sizes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for norm in network.norms:
            norm.mean.normal_(0, 0.2)
            norm.variance.uniform_(0.3, 0.8)
            norm.weight.uniform_(0.7, 1.3)
            norm.bias.normal_(0, 0.2)
        network.last.weight.mul_(25)
    return network.eval()


def test_convolutions_and_fully_connected_layers_hold_as_many_parameters_as_the_papers():
    network = Siamese(context="zeros")
    layers = [layer for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]
    assert sum(values.numel() for layer in layers for values in layer.parameters()) == 733_410


def test_feature_maps_have_the_papers_sizes():
    network, shapes = Siamese(context="zeros").eval(), []
    plain = network._layer
    network._layer = lambda x, *which: shapes.append(tuple(x.shape[1:])) or plain(x, *which)
    network([torch.zeros(1, 1, *PATCH)] * 3)
    # Ours are rows x columns: the paper's 55x79, 27x39 and 13x19 turned.
    assert shapes[:5] == [(1, 79, 55), (16, 39, 27), (32, 39, 27), (32, 19, 13), (64, 19, 13)]
    assert network.hidden.in_features == 5184


def test_a_patch_gets_what_the_layers_of_the_paper_written_out_give():
    network = lively(Siamese(context="zeros"))
    patches = [torch.randn(2, 1, *PATCH) for _ in network.scales]
    features = []
    for number, x in enumerate(patches):
        for layer, (convolution, norm) in enumerate(zip(network.convolutions, network.norms)):
            x = nn.functional.conv2d(x, convolution.weight, convolution.bias, padding=1)
            x = nn.functional.batch_norm(x, norm.mean[number], norm.variance[number], norm.weight, norm.bias)
            x = nn.functional.relu(x)
            x = nn.functional.max_pool2d(x, 3, 2) if layer in (0, 2, 4) else x
        features.append(nn.functional.max_pool3d(x[:, None], (2, 1, 1))[:, 0].flatten(1))
    logits = network.last(nn.functional.relu(network.hidden(torch.cat(features, 1))))
    assert torch.allclose(network.probability(patches)[:, 0, 0], torch.softmax(logits, 1)[:, 1], atol=1e-5)


def test_it_learns_a_bright_centre():
    torch.manual_seed(0)
    network = Siamese((1.0,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.005, momentum=0.9)
    truth = torch.arange(8) % 2
    rows, columns = network.border
    patches = torch.randn(8, 1, 2 * rows + 1, 2 * columns + 1) * 0.3
    patches[truth == 1, :, rows - 9 : rows + 10, columns - 7 : columns + 8] += 1
    losses = []
    for _ in range(8):
        loss = nn.functional.cross_entropy(network([patches])[:, :, 0, 0], truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def window(image: torch.Tensor, row: int, column: int, step: float, size: tuple[int, int]) -> torch.Tensor:
    """The patch of a place out of what all places together see; ``step`` as in ``Siamese._branch``."""
    if step >= 1:
        row, column, apart = round(step) * row, round(step) * column, 1
    else:
        apart = round(1 / step)
    rows, columns = (slice(start, start + (count - 1) * apart + 1, apart) for start, count in zip((row, column), size))
    return image[:, :, rows, columns]


def blobs(size: tuple[int, int]) -> torch.Tensor:
    """An image (1, 1, rows, columns) whose places differ."""
    return nn.functional.interpolate(3 * torch.randn(1, 1, 9, 7), size, mode="bilinear") + 0.3 * torch.randn(size)


@pytest.mark.parametrize(("spacing", "places"), [(1.0, (32, 16)), (2.0, (16, 8)), (4.0, (8, 4)), (8.0, (4, 6))])
def test_places_on_a_lattice_get_what_their_own_patches_get(spacing, places):
    network = lively(Siamese())
    size = tuple(2 * half + 1 for half in network.border)
    images = [blobs(network.extent(scale, spacing, places)) for scale in network.scales]
    chosen = np.random.default_rng(0).integers(0, places, (12, 2))
    with torch.no_grad():
        network.last.bias -= network(images, spacing).mean((0, 2, 3))  # probabilities on both sides of one half
        dense = network.probability(images, spacing)[0]
        patches = [
            torch.cat([window(image, r, c, spacing / scale, size) for r, c in chosen])
            for scale, image in zip(network.scales, images)
        ]
        single = network.probability(patches)[:, 0, 0]
    assert dense.shape == places and dense.std() > 0.02
    # The same products, summed in another order.
    assert np.abs(dense.numpy()[tuple(chosen.T)] - single.numpy()).max() < 1e-5


def test_a_training_computes_on_a_lattice_what_is_computed_afterwards():
    network = lively(Siamese((1.0,)))
    image = blobs(network.extent(1.0, 2.0, (8, 4)))
    with torch.inference_mode():
        without = network([image], 2.0)
    assert torch.allclose(network([image.requires_grad_()], 2.0), without, atol=1e-5)


def test_one_resolution_also_runs_on_a_lattice():
    network = lively(Siamese((0.5,)))
    with torch.inference_mode():
        image = torch.randn(1, 1, *network.extent(0.5, 1.0, (8, 4)))
        assert network.probability([image], 1.0).shape == (1, 8, 4)


def test_each_resolution_normalises_its_own_batch_with_shared_weights():
    network = Siamese().train()
    images = [torch.randn(4, 1, 105, 81) * gain for gain in (1, 10, 100)]
    network(images)
    first = network.norms[0].variance
    assert first[0].mean() < first[1].mean() < first[2].mean()


def test_zeros_beyond_the_patch_cannot_run_on_a_lattice():
    network = Siamese(context="zeros")
    with pytest.raises(ValueError, match="margin"):
        network([torch.zeros(1, 1, *PATCH)] * 3, spacing=1.0)


@pytest.mark.parametrize("values", [{"scales": ()}, {"scales": (0.7,)}, {"scales": (1.0, 1.0)}, {"context": "wrap"}])
def test_what_makes_no_network_is_refused(values):
    with pytest.raises(ValueError):
        Siamese(**values)
