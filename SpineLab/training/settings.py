"""What the settings of all trainings share: their sections, and how they are read from TOML."""

from __future__ import annotations

import tomllib
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self

from SpineLib.errors import SpineError

PRESETS = Path(__file__).parent / "presets"


class ConfigBase:
    """What the settings of every training can do: dataclasses, frozen, whose fields may be dataclasses themselves."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @classmethod
    def read(cls, path_or_preset: str | Path) -> Self:
        """The settings of a TOML file, or of a preset by its name ("small-2d").

        Raises:
            SpineError: there is no such file, it is no TOML, or it holds an unknown key or a wrong value.
        """
        return cls.from_dict(_read_toml(path_or_preset))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`; what is left out has its default.

        Raises:
            SpineError: an unknown key or a wrong value.
        """
        return _from_dict(cls, values, "the configuration")

    def to_dict(self) -> dict[str, Any]:
        """The settings as they stand in a TOML or JSON file."""
        return asdict(self)

    def changed(self, **sections: dict[str, Any] | Any) -> Self:
        """A copy with other values: ``changed(inputs=("T1",), optimisation={"minutes": 5})``."""
        values = {
            key: replace(getattr(self, key), **value) if is_dataclass(getattr(self, key)) else value
            for key, value in sections.items()
        }
        return replace(self, **values)


@dataclass(frozen=True)
class OptimisationSettings:
    """The descent of any training; each task has its own defaults and further fields.

    Attributes:
        rate: learning rate at the start, or at the end of the warm-up.
        schedule: "constant", or "cosine" down to a hundredth at the end of steps or minutes, whichever comes first.
        warm_up: steps over which the rate rises linearly.
        steps: batches to train on.
        minutes: time to train, validation included; 0 is no limit. With a limit a cosine follows the clock, so that
            two runs are not the same to the last bit.
        average: decay of the exponential moving average of the weights, which is what is validated and exported;
            0 is none.
        precision: "auto" (bfloat16 where the processor or GPU computes in it), "bfloat16" or "float32".
        clip: largest norm of the gradient; 0 is none.
    """

    rate: float = 1e-3
    schedule: str = "constant"
    warm_up: int = 0
    steps: int = 100000
    minutes: float = 0.0
    average: float = 0.0
    precision: str = "auto"
    clip: float = 0.0

    def __post_init__(self):
        if self.schedule not in ("constant", "cosine"):
            raise ValueError(f"schedule is {self.schedule!r}; it must be 'constant' or 'cosine'")
        if self.precision not in ("auto", "bfloat16", "float32"):
            raise ValueError(f"precision is {self.precision!r}; it must be 'auto', 'bfloat16' or 'float32'")
        if self.steps < 1 or self.rate <= 0 or not 0 <= self.average < 1:
            raise ValueError("steps and rate must be above 0 and average from 0 to below 1")


@dataclass(frozen=True)
class ValidationSettings:
    """Cases that are not trained on and choose the best weights.

    Attributes:
        every: steps between looks at them; 0 is only at the end.
    """

    every: int = 500

    def __post_init__(self):
        if self.every < 0:
            raise ValueError("every must be 0 or more")


@dataclass(frozen=True)
class ShareValidation(ValidationSettings):
    """They are a share of all that are not held out by a cross-validation.

    Attributes:
        share: of them, above 0 and below 1.
        most: at most so many, to save time; 0 is no limit.
    """

    share: float = 0.2
    most: int = 0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.share < 1 or self.most < 0:
            raise ValueError("share must be between 0 and 1, most 0 or more")


@dataclass(frozen=True)
class FoldValidation(ValidationSettings):
    """Cross-validation by cases.

    Attributes:
        folds, fold: the cases of ``fold`` (0 to folds - 1) are held out. 0 folds is none.
    """

    folds: int = 0
    fold: int = 0

    def __post_init__(self):
        super().__post_init__()
        if self.folds and not (self.folds >= 2 and 0 <= self.fold < self.folds):
            raise ValueError(f"fold is {self.fold} of {self.folds}; it must be from 0 to folds - 1")


@dataclass(frozen=True)
class HoldOutValidation(ShareValidation, FoldValidation):
    """The cases of a fold are held out for the test, and a share of the others chooses the best weights."""


def _read_toml(path_or_preset: str | Path) -> dict[str, Any]:
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


def _from_dict(kind: type, values: dict[str, Any], where: str) -> Any:
    """A dataclass of settings, which may hold others, of its JSON or TOML form; ``where`` is for the error."""
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
            made[key] = _from_dict(type(default), value, f"[{key}]")
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
