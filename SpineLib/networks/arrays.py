"""Arrays and tensors handed over, also where torch cannot talk to numpy.

A torch that was built for numpy 1 (2.2, the last for Macs with Intel processors) has no bridge to the numpy 2 that
Slicer brings: ``from_numpy`` and ``numpy`` raise "Numpy is not available". Bytes are copied then.
"""

from __future__ import annotations

import ctypes

import numpy as np
import torch

_TYPES = {
    np.dtype(name): getattr(torch, name)
    for name in ("float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def tensor_of(array: np.ndarray) -> torch.Tensor:
    """The array's values as a tensor on the CPU, of its shape and kind; it may share the array's memory."""
    array = np.require(array, requirements="C")
    try:
        return torch.from_numpy(array)
    except RuntimeError:
        kind = _TYPES[array.dtype]
        if not array.size:
            return torch.empty(array.shape, dtype=kind)
        return torch.frombuffer(bytearray(array.tobytes()), dtype=kind).reshape(array.shape)


def array_of(tensor: torch.Tensor) -> np.ndarray:
    """The tensor's values as an array; it may share the tensor's memory."""
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except RuntimeError:
        tensor = tensor.contiguous()
        array = np.empty(tuple(tensor.shape), _NAMES[tensor.dtype])
        ctypes.memmove(array.ctypes.data, tensor.data_ptr(), array.nbytes)
        return array
