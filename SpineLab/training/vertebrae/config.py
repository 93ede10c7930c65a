"""The settings of a training on vertebrae."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from SpineLab.training.segmentation.config import SegmentationOptimisation, SliceValidation
from SpineLab.training.settings import ConfigBase
from SpineLib.models.networks import KINDS
from SpineLib.networks.vnet import WIDTHS
from SpineLib.preprocess.ct import CtPreparation


@dataclass(frozen=True)
class VertebraNetwork:
    """ "vnet" (Miao; full widths 16, 32, 64, 128, 256) or "unet", both in 2D."""

    type: str = "vnet"
    widths: tuple[int, ...] = WIDTHS

    def __post_init__(self):
        if self.type not in ("vnet", "unet") or not KINDS[self.type].fits(self.card):
            raise ValueError(f"a network {self.type!r} of widths {list(self.widths)} cannot be made")

    @property
    def card(self) -> dict[str, Any]:
        """As it stands in a model's card."""
        more = {"dimensions": 2} if self.type == "unet" else {}
        return {"type": self.type, **more, "inputs": 1, "widths": list(self.widths)}


@dataclass(frozen=True)
class SliceSampling:
    """How patches of axial slices are drawn.

    Attributes:
        patch: (y, x), pixels; the paper has whole slices of (512, 512).
        batch: patches a step.
        background_fraction: share of patches centred anywhere in the slices, the others show the spine.
        seed: of everything random.
    """

    patch: tuple[int, int] = (512, 512)
    batch: int = 4
    background_fraction: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class SliceAugmentation:
    """Largest changes of a patch; each is drawn uniformly up to it. All are off in the paper.

    Attributes:
        mirror: right and left are swapped in half of the patches.
        rotation_degrees: either way.
        scale: size, from 1 / scale to scale.
        shift: of the patch's centre from the spine, pixels.
        hu_offset, hu_gain: HU are multiplied by up to this gain or divided by it, and moved either way.
        soft_gain: the same for what is below the density of bone alone (contrast medium, other energies).
        window: either end of the window is moved either way by this share of its width.
        noise: standard deviation, HU.
        blur: standard deviation of a Gaussian, pixels (soft kernels).
        sharpen: strength of an unsharp mask (bone kernels).
        low_resolution: pixels up to so many times as long along one axis (thick reformats).
    """

    mirror: bool = False
    rotation_degrees: float = 0.0
    scale: float = 1.0
    shift: float = 0.0
    hu_offset: float = 0.0
    hu_gain: float = 1.0
    soft_gain: float = 1.0
    window: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    sharpen: float = 0.0
    low_resolution: float = 1.0

    def __post_init__(self):
        if min(self.scale, self.hu_gain, self.soft_gain, self.low_resolution) < 1:
            raise ValueError("scale, hu_gain, soft_gain and low_resolution are 1 or more")


@dataclass(frozen=True)
class VertebraConfig(ConfigBase):
    """All settings of one training; see ``presets/vnet-*.toml`` and ``unet-ct.toml``.

    Attributes:
        name: of the preset.
        threshold: of the exported bundle.
        left_out: VerSe numbers that are background; 26 is the sacrum.
    """

    name: str = ""
    threshold: float = 0.5
    left_out: tuple[int, ...] = (26,)
    network: VertebraNetwork = field(default_factory=VertebraNetwork)
    preparation: CtPreparation = field(default_factory=CtPreparation)
    sampling: SliceSampling = field(default_factory=SliceSampling)
    augmentation: SliceAugmentation = field(default_factory=SliceAugmentation)
    optimisation: SegmentationOptimisation = field(default_factory=SegmentationOptimisation)
    validation: SliceValidation = field(default_factory=SliceValidation)

    def __post_init__(self):
        multiple = 2 ** (len(self.network.widths) - 1)
        if len(self.sampling.patch) != 2 or any(size % multiple for size in self.sampling.patch):
            raise ValueError(f"patch is {list(self.sampling.patch)}; it must be two multiples of {multiple}")
