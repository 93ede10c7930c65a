"""Faster R-CNN on VGG-16: Ren et al., Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks
(IEEE TPAMI 39(6), 2017), with one class of objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from SpineLib.networks.boxes import (
    align_boxes,
    anchors,
    clip,
    decode,
    keep_best,
    pool_boxes,
)
from SpineLib.networks.vgg import HIDDEN, POOLED, WIDTHS, convolutions, fully_connected

#: Sides of images are multiples of this: pixels between places of the paper's feature map conv5.
STRIDE = 16
#: How the heads see a box: maxima of whole places (the paper), or means between them.
POOLINGS = {"max": pool_boxes, "align": align_boxes}
#: Square roots of the anchors' areas (pixels of an image whose shorter side is 600) and height by width (section 3.3).
SCALES, RATIOS = (128.0, 256.0, 512.0), (0.5, 1.0, 2.0)
#: The box head's outputs are in units of these, about the deviations of what it learns (the authors' release).
BOX_UNITS = (0.1, 0.1, 0.2, 0.2)
#: The proposal network's 3 x 3 convolution has as many channels as conv5, at most so many.
_MOST_RPN = 512


@dataclass(frozen=True)
class ProposalSettings:
    """How proposals are made of what the anchors got (section 3.3); the defaults are the paper's at test time.

    Attributes:
        before: the best so many go into non-maximum suppression.
        after: and so many come out at most.
        overlap: intersection over union of the suppression.
        smallest: shorter sides are dropped, pixels.
    """

    before: int = 6000
    after: int = 300
    overlap: float = 0.7
    smallest: float = 4.0


@dataclass(frozen=True, eq=False)
class Found:
    """Boxes of one image.

    Attributes:
        boxes: (n, 4), x0, y0, x1, y1, pixels.
        scores: (n,), probability to be an object, falling.
    """

    boxes: torch.Tensor
    scores: torch.Tensor


class FasterRCNN(nn.Module):
    """Convolutions of VGG-16, the region proposal network on conv5, and the heads on what lies in its proposals.

    Args:
        inputs: channels of the image.
        widths: of VGG-16's five groups; the paper's in full.
        hidden: neurons of fc6 and fc7.
        scales, ratios: of the anchors, three each in the paper: 9 at each place.
        batch_norm, stride: as in :mod:`SpineLib.networks.vgg`; the paper's stride is 16.
        pooling: of :data:`POOLINGS`; "max" is the paper's.
        dropout: of fc6 and fc7, in training.
    """

    units: torch.Tensor

    def __init__(
        self,
        inputs: int = 3,
        widths: Sequence[int] = WIDTHS,
        hidden: int = HIDDEN,
        scales: Sequence[float] = SCALES,
        ratios: Sequence[float] = RATIOS,
        batch_norm: bool = False,
        stride: int = STRIDE,
        pooling: str = "max",
        dropout: float = 0.5,
    ):
        super().__init__()
        if not scales or not ratios or min(*scales, *ratios) <= 0 or hidden < 1 or pooling not in POOLINGS:
            raise ValueError(
                f"scales={tuple(scales)}, ratios={tuple(ratios)}, hidden={hidden}, pooling={pooling} make no detector"
            )
        self.inputs, self.scales, self.ratios = inputs, tuple(scales), tuple(ratios)
        self.stride, self.pooling = stride, POOLINGS[pooling]
        self.features = convolutions(inputs, widths, batch_norm, stride)
        self.classifier = fully_connected(widths[-1], hidden, dropout)
        own, count = min(widths[-1], _MOST_RPN), len(self.scales) * len(self.ratios)
        self.proposer = nn.ModuleDict(
            {
                "convolution": nn.Conv2d(widths[-1], own, 3, padding=1),
                "objectness": nn.Conv2d(own, count, 1),
                "deltas": nn.Conv2d(own, 4 * count, 1),
            }
        )
        self.score, self.deltas = nn.Linear(hidden, 2), nn.Linear(hidden, 4)
        self.register_buffer("units", torch.tensor(BOX_UNITS), persistent=False)

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        """conv5 of images (n, inputs, rows, columns): (n, c, rows / stride, columns / stride)."""
        return self.features(images)

    def anchors_on(self, features: torch.Tensor) -> torch.Tensor:
        """The anchors (a, 4) of a feature map, in the order of :meth:`proposal_scores`."""
        rows, columns = features.shape[2:]
        return anchors((rows, columns), self.stride, self.scales, self.ratios, features.device)

    def proposal_scores(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Each anchor's logit of holding an object (n, a), and its differences to it (n, a, 4), both float32.

        One logit instead of the paper's two: a softmax of two is the logistic function of their difference.
        """
        hidden = torch.relu(self.proposer["convolution"](features))
        logits = self.proposer["objectness"](hidden).permute(0, 2, 3, 1).flatten(1)
        deltas = self.proposer["deltas"](hidden).permute(0, 2, 3, 1).reshape(*logits.shape, 4)
        return logits.float(), deltas.float()

    def proposals(
        self,
        logits: torch.Tensor,
        deltas: torch.Tensor,
        places: torch.Tensor,
        size: tuple[int, int],
        settings: ProposalSettings = ProposalSettings(),
    ) -> list[torch.Tensor]:
        """Boxes (m, 4) of each image, the most likely first, without gradients (section 3.3).

        Args:
            logits, deltas: of :meth:`proposal_scores`.
            places: the anchors.
            size: rows and columns of the images.
        """
        found = []
        with torch.no_grad():
            for own, moves in zip(logits, deltas):
                best = own.topk(min(settings.before, len(own)))
                boxes = clip(decode(moves[best.indices], places[best.indices]), size)
                large = ((boxes[:, 2:] - boxes[:, :2]) >= settings.smallest).all(dim=1)
                boxes, scores = boxes[large], best.values[large]
                found.append(boxes[keep_best(boxes, scores, settings.overlap, settings.after)])
        return found

    def heads(
        self, features: torch.Tensor, boxes: torch.Tensor, images: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What fc7 says of boxes: logits (m, 2) of background and object, and differences (m, 4) in ``units``.

        Args:
            boxes: (m, 4).
            images: (m,), which image of the feature map each is of.
        """
        hidden = self.classifier(self.pooling(features, boxes, images, self.stride, POOLED).flatten(1))
        return self.score(hidden).float(), self.deltas(hidden).float()

    def forward(
        self,
        images: torch.Tensor,
        threshold: float = 0.05,
        overlap: float = 0.3,
        most: int = 20,
        settings: ProposalSettings = ProposalSettings(),
    ) -> list[Found]:
        """The objects in images (n, inputs, rows, columns), the sides best multiples of 16.

        Args:
            threshold: less likely boxes are dropped.
            overlap: of the last non-maximum suppression.
            most: at most so many of an image.
            settings: of the proposals.
        """
        size = (images.shape[2], images.shape[3])
        features = self.feature_map(images)
        places = self.anchors_on(features)
        boxes = self.proposals(*self.proposal_scores(features), places, size, settings)
        owners = torch.repeat_interleave(
            torch.arange(len(boxes), device=images.device),
            torch.tensor([len(own) for own in boxes], device=images.device),
        )
        joined = torch.cat(boxes)
        if not len(joined):
            return [Found(own, own.new_zeros(0)) for own in boxes]
        logits, deltas = self.heads(features, joined, owners)
        scores = torch.softmax(logits, dim=1)[:, 1]
        moved = clip(decode(deltas * self.units, joined), size)
        found = []
        for number in range(len(boxes)):
            own = (owners == number) & (scores >= threshold)
            kept = keep_best(moved[own], scores[own], overlap, most)
            found.append(Found(moved[own][kept], scores[own][kept]))
        return found


def initialise(network: FasterRCNN) -> FasterRCNN:
    """Random weights: convolutions and fc6, fc7 as He et al. (2015), the new layers as in the paper (section 3.1.3)."""
    for layer in (*network.features, *network.classifier):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.get_parameter("bias"))
    for layer, deviation in (
        (network.proposer["convolution"], 0.01),
        (network.proposer["objectness"], 0.01),
        (network.proposer["deltas"], 0.01),
        (network.score, 0.01),
        (network.deltas, 0.001),
    ):
        nn.init.normal_(layer.get_parameter("weight"), std=deviation)
        nn.init.zeros_(layer.get_parameter("bias"))
    return network
