"""The settings of a training of Faster R-CNN."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from SpineLab.training.detection.config import DetectorOptimisation
from SpineLab.training.settings import ConfigBase, HoldOutValidation
from SpineLib.networks.faster_rcnn import POOLINGS, RATIOS, SCALES, STRIDE
from SpineLib.networks.vgg import HIDDEN, WIDTHS
from SpineLib.preprocess.ct_slices import SlicePreparation

FLIPS = ("right-left", "anterior-posterior")


@dataclass(frozen=True)
class RcnnSettings:
    """The network; the defaults are VGG-16 in full.

    Attributes:
        widths, hidden, batch_norm, scales, ratios, stride, pooling, dropout: of
            :class:`SpineLib.networks.faster_rcnn.FasterRCNN`.
        weights: safetensors file of torchvision's VGG-16 to start from; empty is random weights.
    """

    widths: tuple[int, ...] = WIDTHS
    hidden: int = HIDDEN
    batch_norm: bool = False
    scales: tuple[float, ...] = SCALES
    ratios: tuple[float, ...] = RATIOS
    stride: int = STRIDE
    pooling: str = "max"
    dropout: float = 0.5
    weights: str = ""

    def __post_init__(self):
        if self.stride not in (8, 16) or self.pooling not in POOLINGS or not 0 <= self.dropout < 1:
            raise ValueError(f"stride is 8 or 16, pooling of {', '.join(POOLINGS)}, dropout from 0 to below 1")

    def to_card(self) -> dict[str, Any]:
        """As a model card names it."""
        return {
            "type": "faster-rcnn",
            "inputs": 3,
            "widths": list(self.widths),
            "hidden": self.hidden,
            "scales": list(self.scales),
            "ratios": list(self.ratios),
            "batch_norm": self.batch_norm,
            "stride": self.stride,
            "pooling": self.pooling,
        }


@dataclass(frozen=True)
class CtSampling:
    """What a batch holds.

    Attributes:
        images: crops of slices.
        size: their rows and columns, pixels; multiples of 16.
        positives: share of the crops that show a lesion.
        spine: share of the others that lie on a vertebra; the rest lie anywhere in the body.
        seed: of everything random.
    """

    images: int = 4
    size: tuple[int, int] = (256, 256)
    positives: float = 0.7
    spine: float = 0.7
    seed: int = 0

    def __post_init__(self):
        if len(self.size) != 2 or any(side % 16 or side < 32 for side in self.size) or self.images < 1:
            raise ValueError(f"size is {list(self.size)}; it must be two multiples of 16, and images from 1 on")
        if not 0 < self.positives <= 1 or not 0 <= self.spine <= 1:
            raise ValueError("positives must be above 0 and at most 1, spine from 0 to 1")


@dataclass(frozen=True)
class CtAugmentation:
    """Ranges to draw from: the paper's rotation, flip, crop and noise (section III.B), and brightness and blur of ours.

    Attributes:
        flips: directions turned round, each with probability 1/2.
        rotation_degrees: largest angle.
        scale: factors of size.
        noise: largest deviation of Gaussian noise, as a share of the window.
        brightness: largest shift of all values, as a share of the window.
        gain: values are multiplied by up to this factor or divided by it.
        blur: half of the crops are blended with their mean over 3 x 3 pixels, by at most this share of it.
        apart: share of the crops whose neighbouring slices are replaced by the slice itself, as at a scan's end.
    """

    flips: tuple[str, ...] = FLIPS
    rotation_degrees: float = 15.0
    scale: tuple[float, float] = (0.85, 1.2)
    noise: float = 0.03
    brightness: float = 0.03
    gain: float = 1.1
    blur: float = 0.8
    apart: float = 0.05

    def __post_init__(self):
        if set(self.flips) - set(FLIPS) or self.gain < 1 or not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"flips are of {', '.join(FLIPS)}, gain is 1 or more, scale two rising factors")


@dataclass(frozen=True)
class RcnnLosses:
    """Which anchors and proposals are learned from; the defaults are the papers' (Ren 2017, section 3.1.2; Girshick,
    Fast R-CNN, 2015, section 2.3).

    Attributes:
        anchors: of an image, and at most which share of them positive.
        anchor_positives: see there.
        high: an anchor of at least this overlap with a lesion is positive, and each lesion's best one.
        low: one below this overlap with all is negative.
        boxes: of an image that the heads see, and at most which share of them lesions.
        box_positives: see there.
        overlap: from which a proposal is a lesion.
        before, after: of :class:`SpineLib.networks.faster_rcnn.ProposalSettings`, in training.
        hard: share of the negative anchors and boxes drawn that are those most taken for lesions; the others are
            drawn at random, as all of them in the papers.
    """

    anchors: int = 256
    anchor_positives: float = 0.5
    high: float = 0.7
    low: float = 0.3
    boxes: int = 128
    box_positives: float = 0.25
    overlap: float = 0.5
    before: int = 12000
    after: int = 2000
    hard: float = 0.0

    def __post_init__(self):
        if not 0 <= self.hard <= 1:
            raise ValueError("hard must be from 0 to 1")


@dataclass(frozen=True)
class CtLesionConfig(ConfigBase):
    """All settings of one training; see ``presets/faster-rcnn-vgg16.toml`` and ``presets/lesions-ct.toml``.

    Attributes:
        name: of the preset.
        threshold: of the exported bundle.
        as_given: of DeepLesion: each slice through its own window, and the data set's own boxes, the diameters with
            5 pixels around, as in the paper (section II.A); else one window for all, and boxes around the diameters,
            which are nearer to the lesions.
        preparation: of the slices.
    """

    name: str = ""
    threshold: float = 0.5
    as_given: bool = False
    preparation: SlicePreparation = field(default_factory=SlicePreparation)
    network: RcnnSettings = field(default_factory=RcnnSettings)
    sampling: CtSampling = field(default_factory=CtSampling)
    augmentation: CtAugmentation = field(default_factory=CtAugmentation)
    losses: RcnnLosses = field(default_factory=RcnnLosses)
    optimisation: DetectorOptimisation = field(default_factory=DetectorOptimisation)
    validation: HoldOutValidation = field(default_factory=HoldOutValidation)
