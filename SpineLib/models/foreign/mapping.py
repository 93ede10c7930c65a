"""Names and settings of other programs' networks as those of :class:`SpineLib.networks.plain_unet.PlainUNet`.

Every layer is mapped or refused by name; nothing is left out in silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from SpineLib.errors import SpineError

if TYPE_CHECKING:
    import torch

_NORMS = {"InstanceNorm": "instance", "BatchNorm": "batch"}


@dataclass(frozen=True)
class Mapped:
    """A network as a card names it, and its weights.

    Attributes:
        settings: of the card's ``network``.
        state: by the names of ``PlainUNet``.
    """

    settings: dict[str, Any]
    state: dict[str, torch.Tensor]


def map_nnunet(architecture: Mapping[str, Any], inputs: int, state: Mapping[str, torch.Tensor]) -> Mapped:
    """A ``PlainConvUNet`` of nnU-Net v2 with two classes.

    Args:
        architecture: of ``plans.json``: "network_class_name" and "arch_kwargs".
        inputs: number of channels.
        state: "network_weights".

    Raises:
        SpineError: another network, or a layer that has no counterpart.
    """
    name = str(architecture.get("network_class_name", ""))
    if name.rpartition(".")[2] != "PlainConvUNet":
        raise SpineError(
            f"The network is a '{name.rpartition('.')[2]}'; only nnU-Net's PlainConvUNet can be converted."
        )
    given = dict(architecture.get("arch_kwargs") or {})
    dimensions = 2 if str(given.get("conv_op", "")).endswith("2d") else 3
    if given.get("dropout_op"):
        raise SpineError(f"The network has a layer '{given['dropout_op']}', which has no counterpart here.")
    norm_kwargs = given.get("norm_op_kwargs") or {}
    if norm_kwargs.get("eps", 1e-5) != 1e-5 or not norm_kwargs.get("affine", True):
        raise SpineError(
            "The network's normalisation has other settings than eps 1e-5 and affine; it has no counterpart."
        )
    nonlin = str(given.get("nonlin", ""))
    if not nonlin.endswith(("LeakyReLU", ".ReLU")):
        raise SpineError(f"The network has a layer '{nonlin}', which has no counterpart here.")
    slope = 0.0 if nonlin.endswith(".ReLU") else float((given.get("nonlin_kwargs") or {}).get("negative_slope", 0.01))
    stages = int(given["n_stages"])
    settings: dict[str, Any] = {
        "type": "plain-unet",
        "dimensions": dimensions,
        "inputs": inputs,
        "outputs": 1,
        "widths": [int(width) for width in given["features_per_stage"]],
        "strides": _by_axis(given["strides"], dimensions),
        "kernels": _by_axis(given["kernel_sizes"], dimensions),
        "convolutions": _counts(given["n_conv_per_stage"], stages),
        "decoder": _counts(given["n_conv_per_stage_decoder"], stages - 1),
        "norm": _norm(str(given.get("norm_op", ""))),
        "slope": slope,
        "bias": bool(given.get("conv_bias", True)),
        "up_bias": bool(given.get("conv_bias", True)),
    }
    names: dict[str, str] = {}
    for n, count in enumerate(settings["convolutions"]):
        for c in range(count):
            names |= _block(f"encoder.stages.{n}.0.convs.{c}", f"down.{n}.{3 * c}", "conv", "norm")
    for n, count in enumerate(settings["decoder"]):
        names |= _pair(f"decoder.transpconvs.{n}", f"raise_.{n}")
        for c in range(count):
            names |= _block(f"decoder.stages.{n}.convs.{c}", f"up.{n}.{3 * c}", "conv", "norm")
    names |= _pair(f"decoder.seg_layers.{stages - 2}", "last")
    # The same modules under a second name, and outputs of deep supervision that inference does not use.
    spare = r"decoder\.encoder\..*|.*\.all_modules\..*|decoder\.seg_layers\.\d+\..*"
    return Mapped(settings, _one_output(_renamed(state, names, spare)))


def map_dynunet(given: Mapping[str, Any], state: Mapping[str, torch.Tensor]) -> Mapped:
    """A ``DynUNet`` of a MONAI bundle, without residual blocks, of one output or of two classes.

    Args:
        given: its arguments, as the bundle's configuration has them.
        state: of ``model.pt``.

    Raises:
        SpineError: arguments, or a layer, that have no counterpart.
    """
    dimensions, kernels = int(given["spatial_dims"]), given["kernel_size"]
    if given.get("res_block"):
        raise SpineError("The DynUNet has residual blocks (res_block), which have no counterpart here.")
    if given.get("dropout"):
        raise SpineError("The DynUNet has dropout, which has no counterpart here.")
    strides = _by_axis(given["strides"], dimensions)
    if _by_axis(given["upsample_kernel_size"], dimensions) != strides[1:]:
        raise SpineError("The DynUNet's upsample_kernel_size differs from its strides; it has no counterpart here.")
    stages = len(strides)
    sample = {name: value for name, value in state.items() if name.endswith("conv1.conv.weight")}
    try:
        widths = [
            int(sample[f"{part}.conv1.conv.weight"].shape[0])
            for part in ("input_block", *(f"downsamples.{n}" for n in range(stages - 2)), "bottleneck")
        ]
    except KeyError as error:
        raise SpineError(f"The weights lack {error}, which a DynUNet of {stages} stages has.") from error
    settings: dict[str, Any] = {
        "type": "plain-unet",
        "dimensions": dimensions,
        "inputs": int(given["in_channels"]),
        "outputs": 1,
        "widths": widths,
        "strides": strides,
        "kernels": _by_axis(kernels, dimensions),
        "convolutions": [2] * stages,
        "decoder": [2] * (stages - 1),
        "norm": _monai_norm(given.get("norm_name", "instance")),
        "slope": _monai_slope(given.get("act_name", ("leakyrelu", {"negative_slope": 0.01}))),
        "bias": False,
        "up_bias": bool(given.get("trans_bias", False)),
    }
    names: dict[str, str] = {}
    for n, part in enumerate(("input_block", *(f"downsamples.{n}" for n in range(stages - 2)), "bottleneck")):
        names |= _monai_block(part, f"down.{n}")
    for n in range(stages - 1):
        names |= _pair(f"upsamples.{n}.transp_conv.conv", f"raise_.{n}")
        names |= _monai_block(f"upsamples.{n}.conv_block", f"up.{n}")
    names |= _pair("output_block.conv.conv", "last")
    spare = r"skip_layers\..*|deep_supervision_heads\..*"
    return Mapped(settings, _one_output(_renamed(state, names, spare)))


def with_axes(mapped: Mapped, order: Sequence[int]) -> Mapped:
    """The same network for images whose axes stand in another order.

    Args:
        mapped: the network.
        order: axis n of the new input is axis ``order[n]`` of the old one.
    """
    order = tuple(order)
    if order == tuple(range(len(order))):
        return mapped
    turn = (0, 1, *(2 + axis for axis in order))
    state = {
        name: value.permute(turn).contiguous() if value.ndim == len(turn) else value
        for name, value in mapped.state.items()
    }
    settings = dict(mapped.settings)
    for key in ("strides", "kernels"):
        settings[key] = [[row[axis] for axis in order] for row in settings[key]]
    return Mapped(settings, state)


def _one_output(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Two classes by softmax are one by sigmoid of the difference of their logits."""
    count = state["last.weight"].shape[0]
    if count > 2:
        raise SpineError(f"The network tells {count} classes apart; only background and one finding can be converted.")
    if count == 2:
        for name in [name for name in state if name.startswith("last.")]:
            state[name] = (state[name][1:2] - state[name][0:1]).contiguous()
    return state


def _renamed(state: Mapping[str, torch.Tensor], names: Mapping[str, str], spare: str) -> dict[str, torch.Tensor]:
    out, unused = {}, re.compile(spare)
    for name, value in state.items():
        name = name.removeprefix("module.").removeprefix("_orig_mod.")
        if name in names:
            out[names[name]] = value.float() if value.is_floating_point() else value
        elif not unused.fullmatch(name):
            raise SpineError(f"The network has a layer '{name}', which has no counterpart here.")
    return out


def _block(source: str, target: str, convolution: str, norm: str) -> dict[str, str]:
    number = int(target.rpartition(".")[2])
    return _pair(f"{source}.{convolution}", target) | _normed(
        f"{source}.{norm}", f"{target[: target.rindex('.')]}.{number + 1}"
    )


def _monai_block(source: str, target: str) -> dict[str, str]:
    return {
        key: value
        for c in (0, 1)
        for key, value in (
            _pair(f"{source}.conv{c + 1}.conv", f"{target}.{3 * c}")
            | _normed(f"{source}.norm{c + 1}", f"{target}.{3 * c + 1}")
        ).items()
    }


def _pair(source: str, target: str) -> dict[str, str]:
    return {f"{source}.{key}": f"{target}.{key}" for key in ("weight", "bias")}


def _normed(source: str, target: str) -> dict[str, str]:
    keys = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {f"{source}.{key}": f"{target}.{key}" for key in keys}


def _by_axis(rows: Sequence[Any], dimensions: int) -> list[list[int]]:
    return [[int(row)] * dimensions if isinstance(row, int) else [int(size) for size in row] for row in rows]


def _counts(given: Any, stages: int) -> list[int]:
    return [int(given)] * stages if isinstance(given, int) else [int(one) for one in given]


def _norm(name: str) -> str:
    for start, norm in _NORMS.items():
        if name.rpartition(".")[2].startswith(start):
            return norm
    raise SpineError(f"The network has a layer '{name}', which has no counterpart here.")


def _monai_norm(given: Any) -> str:
    name, settings = (given, {"affine": True}) if isinstance(given, str) else (given[0], dict(given[1]))
    known = {"instance": "instance", "batch": "batch"}.get(str(name).lower())
    if known is None or settings.get("eps", 1e-5) != 1e-5 or (known == "instance" and not settings.get("affine")):
        raise SpineError(f"The network's normalisation {given!r} has no counterpart here.")
    return known


def _monai_slope(given: Any) -> float:
    name, settings = (given, {}) if isinstance(given, str) else (given[0], dict(given[1]))
    if str(name).lower() == "leakyrelu":
        return float(settings.get("negative_slope", 0.01))
    if str(name).lower() == "relu":
        return 0.0
    raise SpineError(f"The network's activation {given!r} has no counterpart here.")
