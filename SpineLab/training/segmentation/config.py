"""The settings of a segmentation's training."""

from __future__ import annotations

from dataclasses import dataclass, field

from SpineLab.training.segmentation.augmentation import AugmentationSettings
from SpineLab.training.segmentation.sampling import SamplingSettings
from SpineLab.training.settings import ConfigBase, FoldValidation, OptimisationSettings
from SpineLib.cohort.layout import SESSIONS
from SpineLib.networks.channels import InputChannels
from SpineLib.networks.unet import WIDTHS, UNet
from SpineLib.preprocess import Preparation

#: Task of the model by the label that is learned.
TASK_OF_LABEL = {
    "lesion": "metastasis-segmentation",
    "necrosis": "necrosis-segmentation",
    "vertebrae": "spine-segmentation",
}


@dataclass(frozen=True)
class NetworkSettings:
    """The U-Net.

    Attributes:
        dimensions: 2 or 3.
        widths: channels at each level.
        neighbours, neighbours_mm, presence: of :class:`SpineLib.networks.channels.InputChannels`; with ``presence`` the
            inputs are dropped at random (``sampling.kept``), and any of them will do.
    """

    dimensions: int = 2
    widths: tuple[int, ...] = WIDTHS
    neighbours: int = 0
    neighbours_mm: float = 4.0
    presence: bool = False


@dataclass(frozen=True)
class SegmentationOptimisation(OptimisationSettings):
    """Adam on the Tversky loss; rate and steps are the papers', alpha and beta those of Salehi et al. (2017): the
    papers name none.

    Attributes:
        alpha, beta, cross_entropy, by_sample: of ``losses.TverskyLoss``.
        compile: fuse the network's layers first (``torch.compile``), which wants a C++ compiler: on a processor a third
            less time a step, after a minute's wait; the same up to rounding.
    """

    steps: int = 126000
    alpha: float = 0.3
    beta: float = 0.7
    cross_entropy: float = 0.0
    by_sample: float = 0.0
    compile: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.by_sample <= 1:
            raise ValueError(f"by_sample is {self.by_sample}; it must be from 0 to 1")


@dataclass(frozen=True)
class SliceValidation(FoldValidation):
    """Cases held out, which choose the best weights. In cross-validation they are those of the fold, stratified by
    volume, and choose nothing: the weights are the last ones, or the mean over the last ones (``average``).

    Attributes:
        cases: how many there are without folds.
        slice_step: 2 looks at every other slice, to save time.
        training_cases: of vertebrae on CT: so many cases that are trained on are looked at too, for curves of both.
    """

    cases: int = 8
    slice_step: int = 2
    training_cases: int = 0


@dataclass(frozen=True)
class SegmentationConfig(ConfigBase):
    """All settings of one training; see ``presets`` for examples.

    Attributes:
        name: of the preset.
        inputs: sequences in the order of the channels.
        also: sequences of the same cases that are learned as well, each as the only input in place of ``inputs``, for a
            network that shall take any of them.
        label: what is learned, a key of :data:`TASK_OF_LABEL`.
        session: "before" or "after" of a cohort with sessions; empty for one without.
        init_from: id or folder of the bundle whose weights are taken at the start; empty is random weights.
        workers: background processes that draw the samples; 0 draws them in the training's own process.
        smallest_lesion_ml, threshold: of the exported bundle.
    """

    name: str = ""
    inputs: tuple[str, ...] = ("T1", "T2")
    also: tuple[str, ...] = ()
    label: str = "lesion"
    session: str = ""
    init_from: str = ""
    workers: int = 1
    threshold: float = 0.5
    smallest_lesion_ml: float = 0.0
    network: NetworkSettings = field(default_factory=NetworkSettings)
    preparation: Preparation = field(default_factory=Preparation)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    optimisation: SegmentationOptimisation = field(default_factory=SegmentationOptimisation)
    validation: SliceValidation = field(default_factory=SliceValidation)

    def __post_init__(self):
        if self.label not in TASK_OF_LABEL:
            raise ValueError(f"label is {self.label!r}; it must be one of {', '.join(TASK_OF_LABEL)}")
        if self.also and len(self.inputs) != 1:
            raise ValueError(f"also is {list(self.also)}, which needs a single sequence in inputs")
        if set(self.also) & set(self.inputs):
            raise ValueError(f"also is {list(self.also)}, of which {self.inputs[0]} is the input already")
        if self.network.neighbours and self.network.dimensions != 2:
            raise ValueError("neighbours are for a network of 2 dimensions")
        if self.network.presence and len(self.sampling.kept) not in (0, len(self.inputs)):
            raise ValueError(f"kept is {list(self.sampling.kept)}; it must hold a number for each input")
        if self.session not in ("", *SESSIONS):
            raise ValueError(f"session is {self.session!r}; it must be empty, 'before' or 'after'")
        if len(self.sampling.patch) != self.network.dimensions:
            raise ValueError(f"patch has {len(self.sampling.patch)} sizes for {self.network.dimensions} dimensions")
        multiple = 2 ** (len(self.network.widths) - 1)
        if any(size % multiple for size in self.sampling.patch):
            raise ValueError(f"patch is {list(self.sampling.patch)}; each size must be a multiple of {multiple}")

    @property
    def channels(self) -> InputChannels:
        """How the inputs become the network's channels."""
        network = self.network
        return InputChannels(len(self.inputs), network.neighbours, network.neighbours_mm, network.presence)

    def new_network(self) -> UNet:
        """With random weights."""
        return UNet(self.network.dimensions, self.channels.count, self.network.widths)
