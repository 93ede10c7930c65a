"""The settings of a training that marks lesions on CT."""

from __future__ import annotations

from dataclasses import dataclass, field

from SpineLab.training.settings import ConfigBase, OptimisationSettings, ValidationSettings


@dataclass(frozen=True)
class MarkSampling:
    """How patches are drawn.

    Attributes:
        patch: voxels a side.
        batch: patches a step.
        lesions: share of the patches that show a lesion: of the case, or one that is painted in.
        painted: of these, the share that is painted in where the case has lesions of its own.
        real: share of the patches from real cases, where there are any.
        beyond: share of the painted lesions that lie in other bones than vertebrae.
        seed: of everything random.
    """

    patch: int = 64
    batch: int = 1
    lesions: float = 0.65
    painted: float = 0.5
    real: float = 0.45
    beyond: float = 0.25
    seed: int = 0

    def __post_init__(self):
        if self.patch < 32 or self.patch % 8 or self.batch < 1:
            raise ValueError("patch must be a multiple of 8 from 32 on and batch at least 1")
        if not all(0 <= share <= 1 for share in (self.lesions, self.painted, self.real, self.beyond)):
            raise ValueError("lesions, painted, real and beyond must be from 0 to 1")


@dataclass(frozen=True)
class MarkAugmentation:
    """Largest changes of a patch, drawn evenly: degrees about each axis, factor of the size, HU, share of HU, HU of
    noise, standard deviation of a blur in voxels."""

    rotation_degrees: float = 12.0
    scale: float = 1.2
    hu_offset: float = 30.0
    hu_gain: float = 1.15
    noise: float = 35.0
    blur: float = 0.6


@dataclass(frozen=True)
class MarkOptimisation(OptimisationSettings):
    """Adam on cross-entropy and Dice; ``lesion`` weighs voxels of lesions against background."""

    rate: float = 2e-3
    schedule: str = "cosine"
    warm_up: int = 30
    minutes: float = 40.0
    average: float = 0.99
    clip: float = 2.0
    lesion: float = 3.0


@dataclass(frozen=True)
class MarkValidation(ValidationSettings):
    """``cases`` simulated ones, each looked at in ``patches`` patches, choose the best weights."""

    every: int = 150
    cases: int = 6
    patches: int = 3


@dataclass(frozen=True)
class MarkConfig(ConfigBase):
    """All settings of one training; see ``presets/marks-ct.toml``."""

    name: str = ""
    widths: tuple[int, ...] = (16, 32, 48, 64)
    spacing_mm: float = 1.5
    threshold: float = 0.5
    sampling: MarkSampling = field(default_factory=MarkSampling)
    augmentation: MarkAugmentation = field(default_factory=MarkAugmentation)
    optimisation: MarkOptimisation = field(default_factory=MarkOptimisation)
    validation: MarkValidation = field(default_factory=MarkValidation)

    def __post_init__(self):
        if not 2 <= len(self.widths) <= 4 or min(self.widths) < 1:
            raise ValueError(f"widths is {list(self.widths)}; two to four are needed")
