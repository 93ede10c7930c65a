"""The settings of a detector's training."""

from __future__ import annotations

from dataclasses import dataclass, field

from SpineLab.training.settings import ConfigBase, HoldOutValidation, OptimisationSettings
from SpineLib.networks.siamese import CONTEXTS, SCALES
from SpineLib.preprocess.pyramid import NORMALISATIONS

FLIPS = ("anterior-posterior", "superior-inferior")


@dataclass(frozen=True)
class DetectorSampling:
    """What a batch holds; the defaults are the paper's (sections 2.4 and 3.2).

    Attributes:
        kind: "patches": places drawn one by one, each with its own patches. "strips" (ours): lattices of places that
            share most of what the convolutions compute, about fifteen times as many places for the same work; only with
            the context "margin". Their classes are balanced by weights as those of "patches" are by drawing.
        batch: patches, or strips, of a batch.
        positives: share of the patches that are metastasis, and of the strips that are centred on one.
        vertebra: share of the normal ones that lie in a vertebra, the others in the background.
        rows, columns, spacing: of a strip's lattice; mm.
        hard: a normal place weighs as its likelihood to this power; 0 weighs all alike.
        hard_lesions: a metastasis's place weighs as one less its likelihood to this power; 0 weighs all alike.
        whole_slice: normal places lie anywhere in a slice, as in the paper; else in the middle half that is searched.
        anywhere: ours, of "patches": draw metastases equally often whatever their size and normal places of all slices,
            as strips are drawn. Without it, larger ones oftener and normal places of the same slices, as in the paper.
        seed: of everything random.
    """

    kind: str = "patches"
    batch: int = 128
    positives: float = 0.5
    vertebra: float = 0.7
    rows: int = 20
    columns: int = 8
    spacing: float = 8.0
    hard: float = 0.0
    hard_lesions: float = 0.0
    whole_slice: bool = False
    anywhere: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.kind not in ("patches", "strips"):
            raise ValueError(f"kind is {self.kind!r}; it must be 'patches' or 'strips'")
        if (
            not 0 < self.positives < 1
            or not 0 <= self.vertebra <= 1
            or self.batch < 1
            or min(self.hard, self.hard_lesions) < 0
        ):
            raise ValueError(
                "positives must be between 0 and 1, vertebra from 0 to 1, batch from 1, hard and hard_lesions from 0"
            )


@dataclass(frozen=True)
class DetectorAugmentation:
    """Ranges to draw from; the flips are the paper's, everything else is ours and off.

    Attributes:
        flips: directions turned round, each with probability 1/2.
        gain: normalised intensities are multiplied by up to this factor or divided by it.
        shift: and shifted by at most this, in deviations.
        curve: largest strength of a smooth monotonous change of the contrast, 0 to below 1.
        noise: largest deviation of Gaussian noise.
    """

    flips: tuple[str, ...] = FLIPS
    gain: float = 1.0
    shift: float = 0.0
    curve: float = 0.0
    noise: float = 0.0

    def __post_init__(self):
        if set(self.flips) - set(FLIPS) or self.gain < 1 or not 0 <= self.curve < 1:
            raise ValueError(f"flips are of {', '.join(FLIPS)}, gain is 1 or more, curve from 0 to below 1")


@dataclass(frozen=True)
class DetectorOptimisation(OptimisationSettings):
    """Descent on the cross entropy; the defaults are the paper's (sections 2.3 and 3.2).

    Attributes:
        optimizer: "sgd" (the paper), or "adam", which needs far fewer steps.
        momentum: of the descent; Adam's first beta.
        decay: lambda of equation 3, beside the sum of the losses of a batch; the paper tried 0.001, 0.01 and 0.1. With
            Adam its decoupled decay.
        dropout: share of the hidden values that are left out (section 2.2: a half).
        frozen_norms: ours, for a training that starts from another detector (``init_from``): normalise by the
            statistics that it has, as afterwards, instead of by each batch's; half the time a step.
    """

    optimizer: str = "sgd"
    rate: float = 0.06
    momentum: float = 0.9
    decay: float = 0.01
    steps: int = 6700
    dropout: float = 0.5
    frozen_norms: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.optimizer not in ("sgd", "adam"):
            raise ValueError(f"optimizer is {self.optimizer!r}; it must be 'sgd' or 'adam'")
        if self.decay < 0 or not 0 <= self.dropout < 1:
            raise ValueError("decay must be 0 or more and dropout from 0 to below 1")


@dataclass(frozen=True)
class DetectorValidation(HoldOutValidation):
    """Cases that are not trained on (section 3.2).

    Attributes:
        spacing: mm between the places looked at.
    """

    share: float = 0.25
    spacing: float = 4.0


@dataclass(frozen=True)
class DetectorConfig(ConfigBase):
    """All settings of one training; see ``presets/siamese-*.toml``.

    Attributes:
        name: of the preset.
        sequence: the paper's is a fat-suppressed T2, "STIR".
        scales: mm a pixel of the sub-networks.
        context: of :class:`SpineLib.networks.siamese.Siamese`.
        normalisation: of ``SpineLib.preprocess.pyramid``.
        init_from: id or folder of the detector whose weights are taken at the start; empty is random weights.
        threshold, smallest_area_cm2: of the exported bundle.
    """

    name: str = ""
    sequence: str = "STIR"
    scales: tuple[float, ...] = SCALES
    context: str = "zeros"
    normalisation: str = "patch"
    init_from: str = ""
    threshold: float = 0.5
    smallest_area_cm2: float = 5.0
    sampling: DetectorSampling = field(default_factory=DetectorSampling)
    augmentation: DetectorAugmentation = field(default_factory=DetectorAugmentation)
    optimisation: DetectorOptimisation = field(default_factory=DetectorOptimisation)
    validation: DetectorValidation = field(default_factory=DetectorValidation)

    def __post_init__(self):
        if self.context not in CONTEXTS or self.normalisation not in NORMALISATIONS:
            raise ValueError(f"context is of {', '.join(CONTEXTS)}, normalisation of {', '.join(NORMALISATIONS)}")
        if self.sampling.kind == "strips" and (self.context != "margin" or self.normalisation == "patch"):
            raise ValueError("strips need the context 'margin' and a normalisation that is not the patch's")
