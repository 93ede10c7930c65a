"""Which networks a card may name: what each task takes, what their settings must be, how they are built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

#: The networks that do each task.
TASK_NETWORKS: dict[str, tuple[str, ...]] = {
    "metastasis-segmentation": ("unet", "plain-unet"),
    "necrosis-segmentation": ("unet", "plain-unet"),
    "metastasis-detection": ("siamese",),
    "spine-segmentation": ("unet", "plain-unet"),
    "vertebra-segmentation": ("unet", "vnet"),
    "ct-lesion-detection": ("regions", "faster-rcnn", "unet"),
    "vertebra-inpainting": ("wgan-gp", "dcgan"),
    "vertebra-completion": ("unet",),
    "column-segmentation": ("column",),
}
#: Tasks whose network has one input channel for each of the card's inputs.
ONE_CHANNEL_EACH = ("metastasis-segmentation", "necrosis-segmentation", "spine-segmentation")


@dataclass(frozen=True)
class Kind:
    """One type of network.

    Attributes:
        wish: what its settings must be, for the message that refuses others.
        fits: whether the settings (the card's ``network`` without ``type``) are such.
        build: makes the network of fitting settings, with random weights.
        dimensions: of its patch, by its settings.
    """

    wish: str
    fits: Callable[[Mapping[str, Any]], bool]
    build: Callable[[Mapping[str, Any]], torch.nn.Module]
    dimensions: Callable[[Mapping[str, Any]], int] = lambda settings: 2


def are_sizes(values: Any, least: int, most: int, largest: int) -> bool:
    """Whether ``values`` is a list of ``least`` to ``most`` whole numbers from 1 to ``largest``."""
    return (
        isinstance(values, (list, tuple))
        and least <= len(values) <= most
        and all(isinstance(v, int) and not isinstance(v, bool) and 1 <= v <= largest for v in values)
    )


def are_channels(network: Mapping[str, Any], sequences: int) -> bool:
    """Whether a network's ``inputs`` are the channels of so many sequences (``InputChannels``)."""
    from SpineLib.networks.channels import InputChannels

    neighbours, mm = network.get("neighbours", 0), network.get("neighbours_mm", 4.0)
    if (
        not isinstance(neighbours, int)
        or not 0 <= neighbours <= 8
        or not isinstance(network.get("presence", False), bool)
    ):
        return False
    if not isinstance(mm, (int, float)) or not 0 < mm <= 100 or (neighbours and network.get("dimensions") != 2):
        return False
    return network["inputs"] == InputChannels.of(network, sequences).count


def _are_scales(values: Any) -> bool:
    allowed = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
    return (
        isinstance(values, (list, tuple))
        and len(values) >= 1
        and all(
            isinstance(value, (int, float)) and not isinstance(value, bool) and value in allowed for value in values
        )
        and len(set(values)) == len(values)
    )


def _fits_unet(settings: Mapping[str, Any]) -> bool:
    return (
        settings.get("dimensions") in (2, 3)
        and are_sizes([settings.get("inputs")], 1, 1, 64)
        and are_sizes([settings.get("outputs", 1)], 1, 1, 64)
        and are_sizes(settings.get("widths"), 2, 8, 2048)
    )


def _unet(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.unet import UNet

    return UNet(settings["dimensions"], settings["inputs"], tuple(settings["widths"]), settings.get("outputs", 1))


def _fits_plain_unet(settings: Mapping[str, Any]) -> bool:
    dimensions, widths = settings.get("dimensions"), settings.get("widths")
    if dimensions not in (2, 3) or not are_sizes(widths, 2, 9, 2048):
        return False
    assert isinstance(dimensions, int) and widths is not None
    stages = len(widths)

    def of_axes(key: str, most: int) -> bool:
        rows = settings.get(key)
        return (
            isinstance(rows, (list, tuple))
            and len(rows) == stages
            and all(are_sizes(row, dimensions, dimensions, most) for row in rows)
        )

    return (
        are_sizes([settings.get("inputs")], 1, 1, 64)
        and are_sizes([settings.get("outputs", 1)], 1, 1, 64)
        and of_axes("strides", 4)
        and of_axes("kernels", 7)
        and set(settings["strides"][0]) == {1}
        and all(size % 2 for row in settings["kernels"] for size in row)
        and are_sizes(settings.get("convolutions"), stages, stages, 8)
        and are_sizes(settings.get("decoder"), stages - 1, stages - 1, 8)
        and settings.get("norm") in ("instance", "batch")
        and isinstance(settings.get("slope"), (int, float))
        and 0 <= settings["slope"] < 1
        and all(isinstance(settings.get(key), bool) for key in ("bias", "up_bias"))
    )


def _plain_unet(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.plain_unet import PlainUNet

    return PlainUNet(**{key: value for key, value in settings.items() if key != "type"})


def _fits_vnet(settings: Mapping[str, Any]) -> bool:
    return are_sizes([settings.get("inputs")], 1, 1, 64) and are_sizes(settings.get("widths"), 2, 5, 2048)


def _vnet(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.vnet import VNet

    return VNet(settings["inputs"], tuple(settings["widths"]))


def _fits_siamese(settings: Mapping[str, Any]) -> bool:
    return settings.get("context") in ("zeros", "margin") and _are_scales(settings.get("scales"))


def _siamese(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.siamese import Siamese

    return Siamese(settings["scales"], settings["context"])


def _fits_faster_rcnn(settings: Mapping[str, Any]) -> bool:
    return (
        are_sizes([settings.get("inputs")], 1, 1, 64)
        and are_sizes(settings.get("widths"), 5, 5, 2048)
        and are_sizes([settings.get("hidden")], 1, 1, 8192)
        and isinstance(settings.get("batch_norm"), bool)
        and settings.get("stride", 16) in (8, 16)
        and settings.get("pooling", "max") in ("max", "align")
        and all(
            isinstance(settings.get(key), (list, tuple))
            and 1 <= len(settings[key]) <= 9
            and all(isinstance(value, (int, float)) and 0.01 <= value <= 4096 for value in settings[key])
            for key in ("scales", "ratios")
        )
    )


def _faster_rcnn(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.faster_rcnn import FasterRCNN

    return FasterRCNN(
        settings["inputs"],
        tuple(settings["widths"]),
        settings["hidden"],
        tuple(settings["scales"]),
        tuple(settings["ratios"]),
        settings["batch_norm"],
        settings.get("stride", 16),
        settings.get("pooling", "max"),
    )


def _fits_column(settings: Mapping[str, Any]) -> bool:
    widths, strides = settings.get("widths"), settings.get("strides")
    return (
        are_sizes([settings.get("inputs")], 1, 1, 64)
        and are_sizes([settings.get("parts")], 1, 1, 64)
        and are_sizes(widths, 2, 8, 2048)
        and isinstance(strides, (list, tuple))
        and len(strides) == len(widths or ()) - 1
        and all(are_sizes(stride, 3, 3, 4) for stride in strides)
    )


def _column(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.column import ColumnNet

    return ColumnNet(settings["inputs"], settings["parts"], settings["widths"], settings["strides"])


def _fits_regions(settings: Mapping[str, Any]) -> bool:
    return (
        are_sizes([settings.get("inputs")], 1, 1, 256)
        and are_sizes([settings.get("hidden")], 1, 1, 1024)
        and are_sizes([settings.get("members")], 1, 1, 64)
    )


def _regions(settings: Mapping[str, Any]) -> torch.nn.Module:
    from SpineLib.networks.region_judge import RegionJudge

    return RegionJudge(settings["inputs"], settings["hidden"], settings["members"])


def _gan(kind: str) -> Kind:
    def fits(settings: Mapping[str, Any]) -> bool:
        return are_sizes([settings.get("latent")], 1, 1, 4096) and are_sizes(settings.get("widths"), 4, 4, 2048)

    def build(settings: Mapping[str, Any]) -> torch.nn.Module:
        from SpineLib.networks.gan import Gan

        return Gan(kind, settings["latent"], tuple(settings["widths"]))

    return Kind(f"a {kind} with the length of its noise as 'latent' and 4 widths", fits, build)


#: By the card's ``network["type"]``.
KINDS: dict[str, Kind] = {
    "unet": Kind(
        "a unet of 2 or 3 dimensions with the inputs of its sequences and 2 to 8 widths",
        _fits_unet,
        _unet,
        lambda settings: settings["dimensions"],
    ),
    "plain-unet": Kind(
        "a plain-unet of 2 or 3 dimensions with widths, strides, kernels and convolutions of each stage, norm "
        "'instance' or 'batch', slope, bias and up_bias",
        _fits_plain_unet,
        _plain_unet,
        lambda settings: settings["dimensions"],
    ),
    "vnet": Kind("a vnet of 2 to 5 widths", _fits_vnet, _vnet),
    "siamese": Kind(
        "a siamese of one sequence, with context 'zeros' or 'margin' and scales in powers of two",
        _fits_siamese,
        _siamese,
    ),
    "faster-rcnn": Kind(
        "a faster-rcnn with inputs, 5 widths, hidden, anchors of some scales and ratios, batch_norm "
        "true or false, stride 8 or 16, and pooling 'max' or 'align'",
        _fits_faster_rcnn,
        _faster_rcnn,
    ),
    "column": Kind(
        "a column of inputs, parts, 2 to 8 widths and strides (z, y, x) between them",
        _fits_column,
        _column,
        lambda settings: 3,
    ),
    "regions": Kind(
        "regions judged by numbers: inputs, hidden units and members",
        _fits_regions,
        _regions,
        lambda settings: 3,
    ),
    "wgan-gp": _gan("wgan-gp"),
    "dcgan": _gan("dcgan"),
}
