"""The settings of the completion's training."""

from __future__ import annotations

from dataclasses import dataclass, field

from SpineLab.training.settings import ConfigBase, OptimisationSettings, ShareValidation


@dataclass(frozen=True)
class CompletionSampling:
    """What is learned from.

    Attributes:
        batch: crops a step.
        crop: their size in voxels along w, v, u; multiples of 8.
        damages: kinds of damage cut from each vertebra.
        masses: share of the crops whose region reaches far beyond the bone, as with a soft-tissue mass.
        repeats: how often each real vertebra is deformed, beside once as it is.
        real: share of the crops from label files of patients, where there are both such and a simulated cohort.
        seed: of everything random.
    """

    batch: int = 2
    crop: tuple[int, ...] = (48, 48, 48)
    damages: int = 3
    masses: float = 0.0
    repeats: int = 1
    real: float = 0.7
    seed: int = 0

    def __post_init__(self):
        if (
            self.batch < 1
            or self.damages < 1
            or self.repeats < 0
            or not 0 <= self.real <= 1
            or not 0 <= self.masses <= 1
        ):
            raise ValueError("batch and damages must be at least 1, repeats from 0, real and masses from 0 to 1")
        if len(self.crop) != 3 or any(size < 16 or size % 8 for size in self.crop):
            raise ValueError(f"crop is {list(self.crop)}; three multiples of 8 from 16 are needed")


@dataclass(frozen=True)
class CompletionAugmentation:
    """Deviations to draw from, the same for all channels.

    Attributes:
        mirror: left and right are exchanged with probability 1/2.
        turn_degrees: about each axis.
        scale: of the size along each axis, as the logarithm.
        wave_voxels: of a smooth displacement.
        alone: probability that one neighbour stands in for the other.
    """

    mirror: bool = True
    turn_degrees: float = 5.0
    scale: float = 0.07
    wave_voxels: float = 1.0
    alone: float = 0.15


@dataclass(frozen=True)
class CompletionOptimisation(OptimisationSettings):
    """Adam on the distance's error.

    Attributes:
        dice: weight of 1 - soft Dice beside the distance's mean error (mm).
    """

    schedule: str = "cosine"
    warm_up: int = 20
    minutes: float = 20.0
    average: float = 0.99
    clip: float = 1.0
    dice: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.dice < 0:
            raise ValueError("dice must be 0 or more")


@dataclass(frozen=True)
class CompletionValidation(ShareValidation):
    """Vertebrae that are not trained on: whole ones, with all their damages and deformations."""

    share: float = 0.12
    every: int = 100


@dataclass(frozen=True)
class CompletionConfig(ConfigBase):
    """All settings of one training; see ``presets/completion.toml`` and ``presets/refine-completion.toml``.

    Attributes:
        name: of the preset.
        widths: of :class:`SpineLib.networks.unet.UNet`.
        init_from: id or folder of a completion to start from; random weights if empty.
    """

    name: str = ""
    init_from: str = ""
    widths: tuple[int, ...] = (16, 32, 48, 64)
    sampling: CompletionSampling = field(default_factory=CompletionSampling)
    augmentation: CompletionAugmentation = field(default_factory=CompletionAugmentation)
    optimisation: CompletionOptimisation = field(default_factory=CompletionOptimisation)
    validation: CompletionValidation = field(default_factory=CompletionValidation)

    def __post_init__(self):
        if not 2 <= len(self.widths) <= 4 or min(self.widths) < 1:
            raise ValueError(f"widths is {list(self.widths)}; two to four are needed")
