"""The fast form of the network is the same function."""

import numpy as np
import pytest
import torch

from SpineLib.errors import Cancelled, SpineError
from SpineLib.inference.fastnet import FastNetwork
from SpineLib.inference.fastvnet import FastVNet
from SpineLib.inference.predict import choose_device, choose_precision, predict
from SpineLib.networks.vnet import VNet
from Testing.tasks.tiny import random_network


def smooth(shape, seed=0):
    from scipy import ndimage

    noise = np.random.default_rng(seed).normal(size=shape)
    image = ndimage.gaussian_filter(noise, [0, 1, 3, 3])
    return (image / image.std()).astype(np.float32)


@pytest.mark.parametrize("dimensions, shape", [(2, (3, 2, 24, 36)), (3, (1, 2, 8, 20, 28))])
def test_folding_and_transposed_convolutions_change_nothing_but_rounding(dimensions, shape):
    network = random_network(dimensions)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    with torch.inference_mode():
        expected = network.probability(x)[:, 0]
    found = FastNetwork(network, "cpu", torch.float32)(x)
    assert expected.std() > 0.03
    torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


def test_the_fast_v_net_is_the_same_function_and_tells_how_far_it_is():
    torch.manual_seed(3)
    network = VNet(1, (4, 6, 8)).train()
    network(torch.randn(8, 1, 32, 32))  # statistics that normalise something
    network.eval()
    x, told = torch.randn(2, 1, 24, 36), []
    with torch.inference_mode():
        expected = network.probability(x)[:, 0]
    torch.testing.assert_close(FastVNet(network, "cpu", torch.float32)(x, told.append), expected, atol=2e-6, rtol=0)
    assert told == sorted(told) and len(told) == 5 and told[-1] == 1.0
    prediction = predict(x.numpy().swapaxes(0, 1), network, device="cpu", precision="float32")
    np.testing.assert_allclose(prediction.probability, expected.numpy(), atol=2e-6)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_bfloat16_gives_nearly_the_same_probability(dimensions):
    network, channels = random_network(dimensions), smooth((2, 8, 48, 64))
    exact = predict(channels, network, device="cpu", precision="float32")
    rough = predict(channels, network, device="cpu", precision="bfloat16")
    assert (exact.precision, rough.precision) == ("float32", "bfloat16")
    assert np.abs(exact.probability - rough.probability).max() < 0.05
    assert not np.array_equal(exact.probability, rough.probability)


def test_auto_precision_falls_back_when_bfloat16_changes_the_mask():
    network, channels = random_network(2), smooth((2, 8, 48, 64))
    with torch.no_grad():
        network.last.weight.mul_(0.05)  # many voxels near the threshold
    exact = predict(channels, network, device="cpu", precision="float32").probability
    middle = float(np.median(exact))
    found = predict(channels, network, device="cpu", precision="auto", threshold=middle)
    if choose_precision("auto", "cpu") == "float32":
        assert found.notes == []
    else:
        assert "full precision was used" in found.notes[0]
    assert found.precision == "float32"
    np.testing.assert_array_equal(found.probability, exact)


def test_slices_far_from_the_threshold_are_not_computed_a_second_time(monkeypatch):
    network, channels = random_network(2), smooth((2, 8, 48, 64))
    with torch.no_grad():
        network.last.weight.mul_(0.05)
    exact = predict(channels, network, device="cpu", precision="float32").probability
    real, calls = FastNetwork.__call__, []

    def dark_first_slices(self, x, tick=lambda done: None):
        calls.append(self.dtype)
        found = real(self, x, tick)
        return torch.where(x[:, :1].amax((1, 2, 3))[:, None, None] > 1e3, found * 0.0, found)

    channels[:, :5, 0, 0] = 2e3  # marks five slices as those in which nothing is found
    monkeypatch.setattr(FastNetwork, "__call__", dark_first_slices)
    monkeypatch.setattr("SpineLib.inference.predict.choose_precision", lambda wanted, device: "bfloat16")
    monkeypatch.setattr("SpineLib.inference.predict._PIXELS_A_CORE", 1)  # a slice at a time
    threshold = float(np.median(exact))
    found = predict(channels, network, device="cpu", precision="auto", threshold=threshold)
    monkeypatch.setattr("SpineLib.inference.predict.choose_precision", lambda wanted, device: "float32")
    whole = predict(channels, network, device="cpu", precision="auto", threshold=threshold)
    np.testing.assert_array_equal(found.probability, whole.probability)
    assert found.precision.startswith("float32 where marked")
    assert calls[:13] == [torch.bfloat16] * 9 + [torch.float32] * 4


@pytest.mark.parametrize("shape", [(5, 33, 47), (8, 32, 48), (2, 5, 7)])
@pytest.mark.parametrize("dimensions", [2, 3])
def test_sizes_that_are_no_multiple_of_the_networks_are_padded(dimensions, shape):
    channels = smooth((2, *shape))
    found = predict(channels, random_network(dimensions), device="cpu", precision="float32")
    assert found.probability.shape == shape and found.probability.dtype == np.float32


def test_overlapping_3d_windows_agree_with_the_whole(monkeypatch):
    network, channels = random_network(3), smooth((2, 8, 96, 128))
    whole = predict(channels, network, device="cpu", precision="float32").probability
    monkeypatch.setattr("SpineLib.inference.predict._VOXELS_3D", 8 * 64 * 64)
    texts = set()
    parts = predict(
        channels, network, device="cpu", precision="float32", progress=lambda fraction, text: texts.add(text)
    ).probability
    assert "Network on window 6 of 6" in texts
    assert np.abs(parts - whole).mean() < 0.02
    assert np.corrcoef(parts.ravel(), whole.ravel())[0, 1] > 0.98


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_same_input_gives_the_same_bits(dimensions):
    network, channels = random_network(dimensions), smooth((2, 8, 48, 64))
    first, second = (predict(channels, network, device="cpu").probability for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_progress_rises_within_a_window_and_cancelling_stops_there():
    network, channels = random_network(3), smooth((2, 8, 48, 64))
    fractions = []
    predict(channels, network, device="cpu", precision="float32", progress=lambda f, text: fractions.append(f))
    assert len(fractions) > 8 and fractions == sorted(fractions) and fractions[-1] <= 1

    def stop(fraction, text):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        predict(channels, network, device="cpu", progress=stop)


class ShortOfMemory(FastNetwork):
    """The real network on a machine that holds no more than ``most`` voxels."""

    most = 0

    def __call__(self, x, tick=lambda fraction: None):
        if x[:, 0].numel() > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return super().__call__(x, tick)


@pytest.mark.parametrize("dimensions, most", [(2, 2 * 64 * 80), (3, 8 * 64 * 80)])
def test_when_memory_ends_smaller_windows_are_used_and_it_is_said(monkeypatch, dimensions, most):
    network, channels = random_network(dimensions), smooth((2, 8, 128, 80) if dimensions == 3 else (2, 8, 64, 80))
    monkeypatch.setattr("SpineLib.inference.predict._VOXELS_3D", 8 * 128 * 80)
    whole = predict(channels, network, device="cpu", precision="float32").probability
    monkeypatch.setattr(ShortOfMemory, "most", most)
    monkeypatch.setattr("SpineLib.inference.predict.FastNetwork", ShortOfMemory)
    found = predict(channels, network, device="cpu", precision="float32")
    assert found.notes == ["Memory on cpu was not enough: smaller windows were used."]
    assert np.abs(found.probability - whole).mean() < 0.02


def test_when_memory_ends_for_good_one_sentence_says_so(monkeypatch):
    monkeypatch.setattr("SpineLib.inference.predict.FastNetwork", ShortOfMemory)
    with pytest.raises(SpineError, match="not enough memory"):
        predict(smooth((2, 4, 32, 32)), random_network(2), device="cpu")


def test_unknown_devices_and_precisions_are_refused():
    with pytest.raises(SpineError, match="no device 'tpu' here; choose auto or"):
        choose_device("tpu")
    with pytest.raises(SpineError, match="no precision 'int8'"):
        choose_precision("int8", "cpu")
    if not torch.cuda.is_available():
        with pytest.raises(SpineError, match="no device 'cuda'"):
            choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("dimensions", [2, 3])
def test_cuda_agrees_with_the_cpu(dimensions):
    network, channels = random_network(dimensions), smooth((2, 8, 48, 64))
    here = predict(channels, network, device="cpu", precision="float32").probability
    there = predict(channels, network, device="cuda", precision="float32")
    assert there.device == "cuda"
    assert np.abs(here - there.probability).max() < 1e-3
