"""Arrays and tensors handed over with torch's bridge to numpy, and without it as in torch 2.2 beside numpy 2."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from SpineLib.networks.arrays import array_of, tensor_of  # noqa: E402
from SpineLib.tasks.segmentation.segment import segment  # noqa: E402
from Testing.tasks.tiny import patient, save_tiny  # noqa: E402


@pytest.fixture
def no_bridge(monkeypatch):
    """torch as it was built for numpy 1, beside numpy 2."""

    def missing(*_):
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch, "from_numpy", missing)
    monkeypatch.setattr(torch.Tensor, "numpy", missing)


@pytest.mark.parametrize("kind", ["float16", "float32", "float64", "uint8", "int16", "int64", "bool"])
@pytest.mark.parametrize("shape", [(3, 4, 5), (0, 2), ()])
def test_values_shape_and_kind_come_over_without_the_bridge(no_bridge, kind, shape):
    array = np.random.default_rng(0).integers(0, 2, shape).astype(kind)
    tensor = tensor_of(array)
    assert tuple(tensor.shape) == shape and str(tensor.dtype) == f"torch.{kind}"
    assert tensor.tolist() == array.tolist()
    back = array_of(tensor)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_a_view_comes_over_in_its_own_order(no_bridge):
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)[::-1]
    assert tensor_of(array).tolist() == array.tolist()
    np.testing.assert_array_equal(array_of(tensor_of(array).permute(1, 2, 0)), array.transpose(1, 2, 0))


def test_a_segmentation_is_the_same_without_the_bridge(tmp_path, request):
    bundle = save_tiny(tmp_path)
    with_bridge = segment(patient(), bundle)
    request.getfixturevalue("no_bridge")
    without = segment(patient(), bundle)
    np.testing.assert_array_equal(without.labels.array, with_bridge.labels.array)
    assert len(without.lesions) == 1
