"""The V-Net has the paper's groups, sizes and maps."""

import itertools

import pytest
import torch

from SpineLib.networks.vnet import DEPTHS, WIDTHS, VNet


def parameters(widths) -> int:
    """Counted by hand: 3x3 kernels of the groups, 2x2 ones between them, scale and shift for each map."""
    count, per_map = 0, 2  # of the batch normalisation
    for level, (width, depth) in enumerate(zip(widths, DEPTHS)):
        count += 9 * (1 if level == 0 else width) * width + 9 * width * width * (depth - 1) + per_map * width * depth
    for above, below in itertools.pairwise(widths):
        count += 2 * 4 * above * below + per_map * (above + below)
    for width, depth in list(zip(widths, DEPTHS))[:-1]:
        count += 9 * 2 * width * width + 9 * width * width * (depth - 1) + per_map * width * depth
    return count + widths[0] + 1


@pytest.mark.parametrize(("widths", "millions"), [(WIDTHS, 3.47), ((16, 24, 48, 96, 128), 1.35)])
def test_the_parameters_are_as_many_as_its_kernels_make(widths, millions):
    count = sum(p.numel() for p in VNet(1, widths).parameters())
    assert count == parameters(widths)
    assert abs(count / 1e6 - millions) < 0.01


def test_there_are_five_groups_down_and_sixteen_maps_at_full_size():
    network = VNet().eval()
    shapes = []
    for group in (*network.down, *network.up):
        group.register_forward_hook(lambda module, inputs, output: shapes.append(tuple(output.shape[1:])))
    assert network(torch.zeros(1, 1, 32, 64)).shape == (1, 1, 32, 64)
    down = [(16, 32, 64), (32, 16, 32), (64, 8, 16), (128, 4, 8), (256, 2, 4)]
    assert shapes == [*down, *reversed(down[:-1])]
    assert network.multiple == 16


def test_kernels_are_3x3_within_groups_2x2_between_them_and_1x1_at_the_end():
    network = VNet()
    within = [
        module
        for group in (*network.down, *network.up)
        for module in group.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    assert {module.kernel_size for module in within} == {(3, 3)}
    assert {module.padding for module in within} == {(1, 1)}
    between = [step[0] for step in (*network.shrink, *network.grow)]
    assert {(step.kernel_size, step.stride) for step in between} == {((2, 2), (2, 2))}
    assert network.last.kernel_size == (1, 1) and network.last.out_channels == 1


def test_a_group_adds_what_came_in():
    network = VNet(widths=(4, 6)).eval()
    group, x = network.down[1], torch.rand(1, 6, 8, 8)
    with torch.no_grad():
        for step in group.steps:
            step[0].weight.zero_()
    assert torch.allclose(group(x, x), x, atol=1e-6)


def test_the_maps_of_the_way_down_reach_the_output():
    network = VNet(widths=(4, 6)).eval()
    x = torch.rand(1, 1, 8, 8)
    with torch.no_grad():
        before = network(x)
        network.grow[0][0].weight.zero_()
        changed = network(x)
        assert not torch.allclose(before, changed)
        assert not torch.allclose(network(torch.rand(1, 1, 8, 8)), changed)


def test_wrong_widths_are_refused():
    with pytest.raises(ValueError, match="no V-Net"):
        VNet(1, (16,))
    with pytest.raises(ValueError, match="no V-Net"):
        VNet(1, (16, 32, 64, 128, 256, 512))
