"""The settings of a training, from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from SpineLab.training.augmentation import AugmentationSettings
from SpineLab.training.sampling import SamplingSettings
from SpineLib.cohort.layout import SESSIONS
from SpineLib.errors import SpineError
from SpineLib.networks.unet import WIDTHS
from SpineLib.preprocess import Preparation

PRESETS = Path(__file__).parent / "presets"
#: Task of the model by the label that is learned.
TASK_OF_LABEL = {
    "lesion": "metastasis-segmentation",
    "necrosis": "necrosis-segmentation",
    "vertebrae": "spine-segmentation",
}

_Config = TypeVar("_Config", bound="ConfigBase")


@dataclass(frozen=True)
class NetworkSettings:
    """The U-Net: 2 or 3 dimensions, channels at each level."""

    dimensions: int = 2
    widths: tuple[int, ...] = WIDTHS


@dataclass(frozen=True)
class OptimisationSettings:
    """Adam and its schedule; rate, alpha, beta are the paper's.

    Attributes:
        rate: learning rate at the start, or at the end of the warm-up.
        schedule: "constant", or "cosine" down to a hundredth at the end of steps or minutes, whichever comes first.
        warm_up: steps over which the rate rises linearly.
        alpha, beta, cross_entropy, by_sample: of ``losses.TverskyLoss``.
        steps: batches to train on.
        minutes: time to train, validation included; 0 is no limit. With a limit a cosine follows the clock, so that
            two runs are not the same to the last bit.
        average: decay of the exponential moving average of the weights, which is what is validated and exported;
            0 is none.
        precision: "auto" (bfloat16 where the processor or GPU computes in it), "bfloat16" or "float32".
        clip: largest norm of the gradient; 0 is none.
        compile: fuse the network's layers first (``torch.compile``), which wants a C++ compiler: on a processor a third
            less time a step, after a minute's wait; the same up to rounding.
    """

    rate: float = 1e-3
    schedule: str = "constant"
    warm_up: int = 0
    alpha: float = 0.3
    beta: float = 0.7
    cross_entropy: float = 0.0
    by_sample: float = 0.0
    steps: int = 126000
    minutes: float = 0.0
    average: float = 0.0
    precision: str = "auto"
    clip: float = 0.0
    compile: bool = False

    def __post_init__(self):
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"schedule is {self.schedule!r}; it must be 'constant' or 'cosine'")
        if self.precision not in ("auto", "bfloat16", "float32"):
            raise ValueError(f"precision is {self.precision!r}; it must be 'auto', 'bfloat16' or 'float32'")
        if self.steps < 1 or self.rate <= 0 or not 0 <= self.average < 1:
            raise ValueError("steps and rate must be above 0 and average from 0 to below 1")
        if not 0 <= self.by_sample <= 1:
            raise ValueError(f"by_sample is {self.by_sample}; it must be from 0 to 1")


@dataclass(frozen=True)
class ValidationSettings:
    """Cases held out and how often they are looked at.

    Attributes:
        cases: how many cases are held out when there are no folds.
        every: steps between validations and checkpoints; 0 is only at the end.
        slice_step: 2 looks at every other slice, to save time.
        folds, fold: stratified cross-validation; fold (0 to folds - 1) is held out. 0 folds is none.
    """

    cases: int = 8
    every: int = 500
    slice_step: int = 2
    folds: int = 0
    fold: int = 0

    def __post_init__(self):
        if self.folds and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            raise ValueError(f"fold is {self.fold} of {self.folds}; it must be from 0 to folds - 1")


class ConfigBase:
    """What the settings of every training can do: dataclasses, frozen, whose fields may be dataclasses themselves."""

    def to_dict(self) -> dict[str, Any]:
        """The settings as they stand in a TOML or JSON file."""
        return asdict(self)

    def changed(self: _Config, **sections: dict[str, Any] | Any) -> _Config:
        """A copy with other values: ``changed(inputs=("T1",), optimisation={"minutes": 5})``."""
        values = {
            key: replace(getattr(self, key), **value) if is_dataclass(getattr(self, key)) else value
            for key, value in sections.items()
        }
        return replace(self, **values)


@dataclass(frozen=True)
class TrainingConfig(ConfigBase):
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
    optimisation: OptimisationSettings = field(default_factory=OptimisationSettings)
    validation: ValidationSettings = field(default_factory=ValidationSettings)

    def __post_init__(self):
        if self.label not in TASK_OF_LABEL:
            raise ValueError(f"label is {self.label!r}; it must be one of {', '.join(TASK_OF_LABEL)}")
        if self.also and len(self.inputs) != 1:
            raise ValueError(f"also is {list(self.also)}, which needs a single sequence in inputs")
        if set(self.also) & set(self.inputs):
            raise ValueError(f"also is {list(self.also)}, of which {self.inputs[0]} is the input already")
        if self.session not in ("", *SESSIONS):
            raise ValueError(f"session is {self.session!r}; it must be empty, 'before' or 'after'")
        if len(self.sampling.patch) != self.network.dimensions:
            raise ValueError(f"patch has {len(self.sampling.patch)} sizes for {self.network.dimensions} dimensions")
        multiple = 2 ** (len(self.network.widths) - 1)
        if any(size % multiple for size in self.sampling.patch):
            raise ValueError(f"patch is {list(self.sampling.patch)}; each size must be a multiple of {multiple}")


def read_config(path_or_preset: str | Path) -> TrainingConfig:
    """Read a TOML file, or a preset by its name ("small-2d").

    Raises:
        SpineError: there is no such file, it is no TOML, or it holds an unknown key or a wrong value.
    """
    return config_from_dict(read_toml(path_or_preset))


def read_toml(path_or_preset: str | Path) -> dict[str, Any]:
    """The values of a TOML file, or of a preset by its name.

    Raises:
        SpineError: there is no such file, or it is no TOML.
    """
    path = PRESETS / f"{path_or_preset}.toml"
    if not path.is_file():
        path = Path(path_or_preset)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in PRESETS.glob("*.toml")))
        raise SpineError(
            f"There is no configuration '{path_or_preset}'; give a TOML file or one of: {known}."
        ) from error
    except ValueError as error:
        raise SpineError(f"'{path.name}' is not valid TOML: {error}.") from error


def config_from_dict(values: dict[str, Any]) -> TrainingConfig:
    """The inverse of :meth:`TrainingConfig.to_dict`.

    Raises:
        SpineError: an unknown key or a wrong value.
    """
    return settings_from_dict(TrainingConfig, values, "the configuration")


def settings_from_dict(kind: type, values: dict[str, Any], where: str) -> Any:
    """A dataclass of settings, which may hold others, of its JSON or TOML form; every field has a default.

    Raises:
        SpineError: an unknown key or a wrong value; ``where`` says of what.
    """
    known = {f.name: f for f in fields(kind)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise SpineError(f"'{unknown[0]}' is no setting of {where}; known: {', '.join(known)}.")
    made = {}
    for key, value in values.items():
        default = getattr(kind(), key)
        if is_dataclass(default):
            if not isinstance(value, dict):
                raise SpineError(f"'{key}' in {where} must be a table.")
            made[key] = settings_from_dict(type(default), value, f"[{key}]")
        else:
            made[key] = _value(value, default, f"'{key}' in {where}")
    try:
        return kind(**made)
    except (ValueError, TypeError) as error:
        raise SpineError(f"{where[0].upper() + where[1:]} has a wrong value: {error}.") from error


def _value(value: Any, default: Any, where: str) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if default is not None and type(value) is not type(default):
        raise SpineError(f"{where} is {value!r} but must be of the kind of {default!r}.")
    return value
