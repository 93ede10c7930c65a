"""The settings of a training on the column."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from SpineLab.training.settings import ConfigBase, OptimisationSettings, ValidationSettings
from SpineLib.models.networks import KINDS
from SpineLib.tasks.column.find import ColumnPreparation
from SpineLib.tasks.column.parts import PART_NAMES


@dataclass(frozen=True)
class ColumnNetwork:
    """Widths from the finest level on, and the strides (z, y, x) between levels."""

    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    strides: tuple[tuple[int, int, int], ...] = ((2, 2, 2), (2, 2, 2), (2, 2, 2), (2, 2, 2))

    def __post_init__(self):
        object.__setattr__(self, "strides", tuple(tuple(stride) for stride in self.strides))
        if not KINDS["column"].fits(self.card):
            raise ValueError(f"widths {list(self.widths)} and strides {list(self.strides)} make no network")

    @property
    def card(self) -> dict[str, Any]:
        """As it stands in a model's card."""
        strides = [list(stride) for stride in self.strides]
        return {
            "type": "column", "inputs": 1, "parts": len(PART_NAMES), "widths": list(self.widths), "strides": strides,
        }  # fmt: skip


@dataclass(frozen=True)
class ColumnSampling:
    """How patches are drawn.

    Attributes:
        patch: (z, y, x), voxels.
        batch: patches a step.
        anywhere: share of patches centred anywhere; the others are centred on a vertebra or the sacrum.
        real: share of patches from real cases, where there are any.
        seed: of everything random.
    """

    patch: tuple[int, int, int] = (96, 80, 80)
    batch: int = 1
    anywhere: float = 0.15
    real: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class ColumnAugmentation:
    """Largest changes of a patch; each is drawn uniformly up to it.

    Attributes:
        mirror: right and left are swapped in half of the patches.
        rotation_degrees: about each axis, either way.
        scale: size, from 1 / scale to scale.
        cut: share of patches beyond an edge of which the image seems to end.
        hu_offset, hu_gain, noise: of a CT, HU, factor, HU.
        blur: standard deviation of a Gaussian, voxels.
        low_resolution: voxels up to so many times as long along one axis.
        gamma: of an MR's grey values, from 1 / gamma to gamma.
        bias: strength of a smooth field over an MR.
    """

    mirror: bool = True
    rotation_degrees: float = 15.0
    scale: float = 1.2
    cut: float = 0.2
    hu_offset: float = 40.0
    hu_gain: float = 1.25
    noise: float = 50.0
    blur: float = 0.7
    low_resolution: float = 3.0
    gamma: float = 1.5
    bias: float = 0.5


@dataclass(frozen=True)
class ColumnOptimisation(OptimisationSettings):
    """``offset`` weighs the way to the centre (mean absolute error in units of 20 mm) against the parts' loss."""

    rate: float = 1.5e-3
    schedule: str = "cosine"
    warm_up: int = 50
    average: float = 0.995
    clip: float = 5.0
    offset: float = 1.0


@dataclass(frozen=True)
class ColumnValidation(ValidationSettings):
    """``cases`` simulated ones choose the best weights."""

    every: int = 400
    cases: int = 6


@dataclass(frozen=True)
class ColumnConfig(ConfigBase):
    """All settings of one training; see ``presets/column-*.toml``."""

    name: str = ""
    inputs: tuple[str, ...] = ("CT",)
    network: ColumnNetwork = field(default_factory=ColumnNetwork)
    preparation: ColumnPreparation = field(default_factory=ColumnPreparation)
    sampling: ColumnSampling = field(default_factory=ColumnSampling)
    augmentation: ColumnAugmentation = field(default_factory=ColumnAugmentation)
    optimisation: ColumnOptimisation = field(default_factory=ColumnOptimisation)
    validation: ColumnValidation = field(default_factory=ColumnValidation)
