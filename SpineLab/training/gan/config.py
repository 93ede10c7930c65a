"""The settings of a GAN's training."""

from __future__ import annotations

from dataclasses import dataclass, field

from SpineLab.training.settings import ConfigBase, OptimisationSettings, ShareValidation
from SpineLib.networks.gan import KINDS, LATENT, WIDTHS


@dataclass(frozen=True)
class GanSampling:
    """What a batch holds.

    Attributes:
        batch: images.
        real: share of them from label files of patients, where there are both such and a simulated cohort.
        smallest_cm2: slices that show less of the vertebra are left out.
        seed: of everything random.
    """

    batch: int = 64
    real: float = 0.35
    smallest_cm2: float = 1.0
    seed: int = 0

    def __post_init__(self):
        if self.batch < 2 or not 0 <= self.real <= 1 or self.smallest_cm2 < 0:
            raise ValueError("batch must be at least 2, real from 0 to 1, smallest_cm2 from 0")


@dataclass(frozen=True)
class GanAugmentation:
    """Deviations to draw from; the paper has none.

    Attributes:
        mirror: left and right are exchanged with probability 1/2.
        turn_degrees, shift_mm: of the vertebra in its slice.
        scale: of its size, as the logarithm.
        stretch: of its width beside its depth, likewise.
        thicken_mm: by how much its border is moved out or in.
    """

    mirror: bool = True
    turn_degrees: float = 4.0
    shift_mm: float = 2.0
    scale: float = 0.08
    stretch: float = 0.06
    thicken_mm: float = 0.3


@dataclass(frozen=True)
class GanOptimisation(OptimisationSettings):
    """Adam on both losses; the defaults are those of Gulrajani et al. (2017), algorithm 1, with beta_1 of 0.5.

    Steps and the gradient's clipping are the generator's; the rate is both networks'.

    Attributes:
        beta1, beta2: of Adam, for generator and critic alike.
        critic_steps: steps of the critic for each step of the generator.
        penalty: lambda of the gradient penalty (equation 1); DCGAN has none.
    """

    rate: float = 1e-4
    beta1: float = 0.5
    beta2: float = 0.9
    critic_steps: int = 5
    penalty: float = 10.0

    def __post_init__(self):
        super().__post_init__()
        if self.critic_steps < 1 or self.penalty < 0:
            raise ValueError("critic_steps must be above 0, penalty from 0")
        if not 0 <= self.beta1 < 1 or not 0 <= self.beta2 < 1:
            raise ValueError("beta1 and beta2 must be from 0 to below 1")


@dataclass(frozen=True)
class GanPretraining:
    """The generator as the decoder of a variational autoencoder; ours (see ``pretraining``).

    Attributes:
        share: of the whole training that it takes at the start; 0 is none, as in the paper.
        batch: images.
        rate: of Adam; it falls to a tenth.
        weight: of the divergence of the noise.
    """

    share: float = 0.0
    batch: int = 32
    rate: float = 2e-3
    weight: float = 1.0

    def __post_init__(self):
        if not 0 <= self.share < 1 or self.batch < 1 or self.rate <= 0 or self.weight < 0:
            raise ValueError("share must be from 0 to below 1, batch and rate above 0, weight from 0")


@dataclass(frozen=True)
class GanValidation(ShareValidation):
    """Patients who are not trained on: holes of 16 x 16 pixels in their slices are filled (the paper's figure 6).

    Attributes:
        slices: so many slices of them are looked at.
        steps: of the descent.
    """

    share: float = 0.1
    every: int = 400
    slices: int = 64
    steps: int = 80

    def __post_init__(self):
        super().__post_init__()
        if self.slices < 2 or self.steps < 1:
            raise ValueError("slices must be at least 2, steps at least 1")


@dataclass(frozen=True)
class GanConfig(ConfigBase):
    """All settings of one training; see ``presets/*wgan-gp.toml`` and ``presets/*dcgan.toml``.

    Attributes:
        name: of the preset.
        kind: "wgan-gp" or "dcgan".
        latent, widths: of :class:`SpineLib.networks.gan.Generator`.
    """

    name: str = ""
    kind: str = "wgan-gp"
    latent: int = LATENT
    widths: tuple[int, ...] = WIDTHS
    sampling: GanSampling = field(default_factory=GanSampling)
    augmentation: GanAugmentation = field(default_factory=GanAugmentation)
    optimisation: GanOptimisation = field(default_factory=GanOptimisation)
    pretraining: GanPretraining = field(default_factory=GanPretraining)
    validation: GanValidation = field(default_factory=GanValidation)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; it must be one of {', '.join(KINDS)}")
        if len(self.widths) != 4 or min(self.widths) < 1 or self.latent < 1:
            raise ValueError(f"widths is {list(self.widths)}; four are needed, and latent of at least 1")
