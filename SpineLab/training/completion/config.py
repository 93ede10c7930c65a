"""The settings of the completion's training."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from SpineLab.training.config import ConfigBase, read_toml, settings_from_dict


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
class CompletionOptimisation:
    """Adam on the distance's error.

    Attributes:
        rate: of Adam.
        schedule: "constant", or "cosine" down to a hundredth at the end of steps or minutes, whichever comes first.
        warm_up: steps over which the rate rises linearly.
        steps: to train.
        minutes: time to train, validation included; 0 is no limit.
        average: decay of the moving average of the weights, which is what is validated and exported; 0 is none.
        precision: "auto" (bfloat16 where the processor or GPU computes in it), "bfloat16" or "float32".
        clip: largest norm of the gradient; 0 is none.
        dice: weight of 1 - soft Dice beside the distance's mean error (mm).
    """

    rate: float = 1e-3
    schedule: str = "cosine"
    warm_up: int = 20
    steps: int = 100000
    minutes: float = 20.0
    average: float = 0.99
    precision: str = "auto"
    clip: float = 1.0
    dice: float = 0.5

    def __post_init__(self):
        if self.schedule not in ("constant", "cosine") or self.precision not in ("auto", "bfloat16", "float32"):
            raise ValueError("schedule is 'constant' or 'cosine', precision 'auto', 'bfloat16' or 'float32'")
        if self.steps < 1 or self.rate <= 0 or not 0 <= self.average < 1 or self.dice < 0:
            raise ValueError("steps and rate must be above 0, average from 0 to below 1, dice from 0")


@dataclass(frozen=True)
class CompletionValidation:
    """Vertebrae that are not trained on.

    Attributes:
        share: of the vertebrae; whole ones, with all their damages and deformations.
        every: steps between looks; 0 is only at the end.
    """

    share: float = 0.12
    every: int = 100

    def __post_init__(self):
        if not 0 < self.share < 1 or self.every < 0:
            raise ValueError("share must be between 0 and 1, every from 0")


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


def read_completion_config(path_or_preset: str | Path) -> CompletionConfig:
    """Read a TOML file, or a preset by its name ("completion", "refine-completion").

    Raises:
        SpineError: there is no such file, it is no TOML, or it holds an unknown key or a wrong value.
    """
    return completion_config_from_dict(read_toml(path_or_preset))


def completion_config_from_dict(values: dict[str, Any]) -> CompletionConfig:
    """The inverse of :meth:`CompletionConfig.to_dict`.

    Raises:
        SpineError: an unknown key or a wrong value.
    """
    return settings_from_dict(CompletionConfig, values, "the configuration")
