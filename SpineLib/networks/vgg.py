"""VGG-16 (Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2015).

Layers stand in ``features`` and ``classifier`` in the order of torchvision's ``vgg16`` (with ``batch_norm``:
``vgg16_bn``), so that tensors have the same names there and here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from SpineLib.errors import SpineError

#: Channels of the five groups of convolutions, and how many convolutions each has.
WIDTHS, DEPTHS = (64, 128, 256, 512, 512), (2, 2, 3, 3, 3)
#: Neurons of the two fully connected layers.
HIDDEN = 4096
#: The feature map that the fully connected layers read, and classes of ImageNet.
POOLED, CLASSES = 7, 1000


class VGG16(nn.Module):
    """The whole network: 138,357,544 parameters of full width, for images of 224 x 224.

    Args:
        inputs: channels of the image.
        widths: of the five groups.
        hidden: neurons of fc6 and fc7.
        classes: of the last layer.
        batch_norm: after each convolution, which training from random weights needs.
    """

    def __init__(
        self,
        inputs: int = 3,
        widths: Sequence[int] = WIDTHS,
        hidden: int = HIDDEN,
        classes: int = CLASSES,
        batch_norm: bool = False,
    ):
        super().__init__()
        self.features = nn.Sequential(*convolutions(inputs, widths, batch_norm), nn.MaxPool2d(2))
        self.classifier = nn.Sequential(*fully_connected(widths[-1], hidden), nn.Linear(hidden, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (n, classes) of images (n, inputs, 224, 224)."""
        return self.classifier(self.features(x).flatten(1))


def convolutions(
    inputs: int = 3, widths: Sequence[int] = WIDTHS, batch_norm: bool = False, stride: int = 16
) -> nn.Sequential:
    """The 13 convolutions of 3 x 3 up to conv5_3: the last pooling is left out, as in Faster R-CNN.

    Args:
        inputs, widths, batch_norm: as in :class:`VGG16`.
        stride: of conv5; 16, or 8: then the pooling before it keeps the resolution, and it is dilated by 2, so that the
            same weights see the same surroundings (Chen et al., DeepLab, IEEE TPAMI 40(4), 2018, section 3.1).
    """
    if len(widths) != len(DEPTHS) or min(widths) < 1 or inputs < 1:
        raise ValueError(f"inputs={inputs} and widths={tuple(widths)} make no VGG-16; it has {len(DEPTHS)} widths")
    if stride not in (8, 16):
        raise ValueError(f"stride={stride}; it must be 8 or 16")
    layers: list[nn.Module] = []
    for group, (width, depth) in enumerate(zip(widths, DEPTHS)):
        fine = stride == 8 and group == len(DEPTHS) - 1
        if group:
            layers.append(nn.MaxPool2d(3, 1, 1) if fine else nn.MaxPool2d(2))
        for _ in range(depth):
            layers.append(nn.Conv2d(inputs, width, 3, padding=1 + fine, dilation=1 + fine))
            if batch_norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            inputs = width
    return nn.Sequential(*layers)


def fully_connected(width: int, hidden: int = HIDDEN, dropout: float = 0.5) -> nn.Sequential:
    """fc6 and fc7 of a (n, width x 7 x 7) feature map, each with ReLU and dropout."""
    return nn.Sequential(
        nn.Linear(width * POOLED * POOLED, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
    )


def load_torchvision_vgg16(network: nn.Module, path: str | Path) -> list[str]:
    """Take the layers that ``network`` shares with VGG-16 from a safetensors file of torchvision's ``vgg16``.

    Args:
        network: of full width, with ``features`` and ``classifier`` as above.
        path: the file; tensors as in torchvision's state dict ("features.0.weight"). Other kinds of files, which may
            run code when they are read, are not accepted.

    Returns:
        The names taken.

    Raises:
        SpineError: the file is no safetensors file, or its tensors do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        given = load_file(path)
    except (OSError, SafetensorError, ValueError) as error:
        raise SpineError(
            f"'{Path(path).name}' is no readable safetensors file; convert the weights of VGG-16 to safetensors first."
        ) from error
    own = network.state_dict()
    shared = [
        name
        for name in own
        if name.startswith(("features.", "classifier.")) and not name.endswith("num_batches_tracked")
    ]
    for name in shared:
        if name not in given or given[name].shape != own[name].shape:
            found = f"has shape {tuple(given[name].shape)}" if name in given else "is missing"
            raise SpineError(
                f"'{name}' {found} in '{Path(path).name}' but must have shape {tuple(own[name].shape)}; "
                "use VGG-16's weights with the full widths, and with or without batch normalisation as "
                "configured."
            )
    network.load_state_dict({name: given[name] for name in shared}, strict=False)
    return shared
