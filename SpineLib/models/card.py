"""``model.json``: what a model bundle says about itself."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from SpineLib import NOTICE
from SpineLib.errors import SpineError
from SpineLib.models.networks import KINDS, ONE_CHANNEL_EACH, TASK_NETWORKS, are_channels, are_sizes
from SpineLib.sequences import SEQUENCES

FORMAT = 1
TASKS = tuple(TASK_NETWORKS)
#: What a network that does not look at MR is shown: a CT in HU, or masks of vertebrae.
TASK_INPUTS = {
    "vertebra-segmentation": ("CT",),
    "ct-lesion-detection": ("CT",),
    "vertebra-inpainting": ("mask",),
    "vertebra-completion": ("mask",),
    "column-segmentation": ("CT", *SEQUENCES),
}
#: Tasks whose network is shown one image, which may be any of the card's inputs.
ANY_ONE = ("column-segmentation",)
CARD_FILE, WEIGHTS_FILE, TEXT_FILE = "model.json", "weights.safetensors", "card.md"
#: What the scans of the training look like to the model, which not every bundle has (SpineLib.models.likeness).
LIKENESS_FILE = "likeness.safetensors"
#: Keys that the first bundles do not have.
_MAY_LACK = (
    "smoothing_mm",
    "calibration",
    "likeness_sha256",
)
_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_LARGEST_CARD_BYTES = 1_000_000


@dataclass(frozen=True)
class ModelCard:
    """The keys of ``model.json``; checked when made.

    Attributes:
        id: short name in lower case, digits, dot, dash, underscore; the name of the bundle's folder.
        version, title, licence, command, notice: text for people; ``command`` is what trained the weights.
        task: one of :data:`TASKS`.
        network: ``{"type": "unet", "dimensions": 2, "inputs": 2, "widths": [...]}``, or another of
            :data:`SpineLib.models.networks.KINDS` that does the task.
        inputs: sequence names in the order of the input channels, or what :data:`TASK_INPUTS` says. All are needed,
            unless the network has ``"presence": true``: then any of them (``SpineLib.networks.channels``).
        preparation: the arguments of ``SpineLib.preprocess.Preparation``; for detection ``{"normalisation": "local",
            "smallest_area_cm2": 5.0}``.
        patch: size in voxels the network was trained on, (y, x) or (s, y, x).
        threshold: probability from which a voxel is lesion.
        smallest_lesion_ml: lesions smaller than this are dropped unless the user says otherwise.
        smoothing_mm: sigma of the Gaussian along the slices that probabilities are smoothed with before the threshold,
            so that what one slice alone shows weighs less; 0, or no such key, is none.
        calibration: slope and shift of the logit that make the probabilities mean what they say; applied after the
            smoothing. (1, 0), or no such key, is none.
        training_data: ``{"simulated": bool, "description": text}``; simulated is what learned from any simulated
            patient.
        figures: measured figures, free of form.
        sha256: of ``weights.safetensors``, hexadecimal.
        likeness_sha256: of ``likeness.safetensors``; "" where there is none, which ``model.json`` then does not name.
        text: ``card.md``, for people; not part of ``model.json``.
    """

    id: str
    title: str
    task: str
    network: dict[str, Any]
    inputs: tuple[str, ...]
    preparation: dict[str, Any]
    patch: tuple[int, ...]
    licence: str
    training_data: dict[str, Any]
    version: str = "1"
    threshold: float = 0.5
    smallest_lesion_ml: float = 0.0
    smoothing_mm: float = 0.0
    calibration: tuple[float, float] = (1.0, 0.0)
    figures: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    sha256: str = ""
    likeness_sha256: str = ""
    notice: str = NOTICE
    text: str = field(default="", compare=False)

    def __post_init__(self):
        object.__setattr__(self, "inputs", tuple(self.inputs))
        object.__setattr__(self, "patch", tuple(self.patch))
        object.__setattr__(self, "calibration", tuple(self.calibration))
        _check(self)

    @property
    def takes_any(self) -> bool:
        """Whether any of the inputs will do, instead of all."""
        return bool(self.network.get("presence"))

    def inputs_of(self, given: Iterable[str]) -> tuple[str, ...]:
        """Which of the inputs given the model looks at, in its order; () where it cannot do with them."""
        there = set(given)
        used = tuple(name for name in self.inputs if name in there)
        return used if self.takes_any or len(used) == len(self.inputs) else ()

    @property
    def target(self) -> str:
        """What the model looks at: "metastasis", "necrosis", "spine" (vertebrae on MR), "vertebra" (on CT),
        "ct-lesion" or "column"."""
        return self.task.rpartition("-")[0]

    @property
    def local_number(self) -> int:
        """How many models a user's own training set had made when this one was trained, itself included; else 0."""
        number = self.training_data.get("local_number", 0)
        return number if isinstance(number, int) and number > 0 else 0

    def to_dict(self) -> dict[str, Any]:
        """What stands in ``model.json``."""
        values = asdict(self)
        del values["text"]
        if not self.likeness_sha256:
            del values["likeness_sha256"]
        return {"format": FORMAT, **values}

    @classmethod
    def from_dict(cls, values: Any, text: str = "") -> ModelCard:
        """The inverse of :meth:`to_dict`; keys it does not know are left out.

        Raises:
            SpineError: a key is missing or has no usable value.
        """
        if not isinstance(values, dict):
            raise SpineError("The model's model.json does not hold a JSON object; get the model again from its source.")
        if values.get("format") != FORMAT:
            raise SpineError(
                f"The model has format {values.get('format')!r} and this version reads format {FORMAT}; "
                "get a model made for this version."
            )
        known = [f.name for f in fields(cls) if f.name != "text"]
        missing = [key for key in known if key not in values and key not in _MAY_LACK]
        if missing:
            raise SpineError(f"The model's model.json lacks {', '.join(missing)}; get the model again from its source.")
        try:
            return cls(**{key: values[key] for key in known if key in values}, text=text)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
            raise SpineError("A value of the model's model.json is of the wrong kind; get the model again.") from error


def is_id(text: str) -> bool:
    """Whether ``text`` may be a model's id, and so a folder's name."""
    return bool(_ID.fullmatch(text)) and ".." not in text


def read_card(folder: str | Path) -> ModelCard:
    """The card of the bundle in ``folder``; the weights are not looked at.

    Raises:
        SpineError: there is no card, or it is not a valid one.
    """
    folder = Path(folder)
    try:
        if (folder / CARD_FILE).stat().st_size > _LARGEST_CARD_BYTES:
            raise SpineError("The model's model.json is larger than 1 MB; get the model again from its source.")
        values = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        text = (folder / TEXT_FILE).read_text(encoding="utf-8") if (folder / TEXT_FILE).is_file() else ""
    except OSError as error:
        raise SpineError(f"There is no readable model.json in '{folder.name}'; choose a model folder.") from error
    except (ValueError, RecursionError) as error:
        raise SpineError("The model's model.json is not valid JSON; get the model again from its source.") from error
    return ModelCard.from_dict(values, text)


def _check(card: ModelCard) -> None:
    def refuse(key: str, wish: str) -> None:
        raise SpineError(f"The model's {key} is {getattr(card, key)!r} but must be {wish}; get a model that fits.")

    if not isinstance(card.id, str) or not is_id(card.id):
        refuse("id", "lower-case letters, digits, '.', '-' or '_'")
    if card.task not in TASKS:
        refuse("task", "one of " + ", ".join(TASKS))
    names = TASK_INPUTS.get(card.task, SEQUENCES)
    if not card.inputs or any(name not in names for name in card.inputs) or len(set(card.inputs)) != len(card.inputs):
        refuse("inputs", "different names out of " + ", ".join(names))
    _check_network(card, refuse)
    if not isinstance(card.threshold, (int, float)) or not 0 < card.threshold < 1:
        refuse("threshold", "between 0 and 1")
    if not isinstance(card.smallest_lesion_ml, (int, float)) or not 0 <= card.smallest_lesion_ml < 1e6:
        refuse("smallest_lesion_ml", "0 or more")
    if not isinstance(card.smoothing_mm, (int, float)) or not 0 <= card.smoothing_mm <= 50:
        refuse("smoothing_mm", "from 0 to 50")
    slope_and_shift = card.calibration
    if (
        len(slope_and_shift) != 2
        or not all(isinstance(value, (int, float)) and abs(value) <= 50 for value in slope_and_shift)
        or slope_and_shift[0] <= 0
    ):
        refuse("calibration", "a slope above 0 and a shift")
    if not isinstance(card.preparation, dict):
        refuse("preparation", "a JSON object")
    if not isinstance(card.training_data, dict) or not isinstance(card.training_data.get("simulated"), bool):
        refuse("training_data", "an object with 'simulated' true or false")
    for key in ("title", "licence", "version", "command", "sha256", "likeness_sha256", "notice"):
        if not isinstance(getattr(card, key), str):
            refuse(key, "text")


def _check_network(card: ModelCard, refuse: Callable[[str, str], None]) -> None:
    """Network and patch: of a type that does the task, with settings that make one."""
    network, possible = card.network, TASK_NETWORKS[card.task]
    if not isinstance(network, dict) or network.get("type") not in possible:
        refuse("network", " or ".join(KINDS[name].wish for name in possible))
    kind = KINDS[network["type"]]
    each = card.task in ONE_CHANNEL_EACH
    if (
        not kind.fits(network)
        or (each and not are_channels(network, len(card.inputs)))
        or (not each and card.task not in ANY_ONE and len(card.inputs) > 1)
    ):
        refuse("network", kind.wish)
    dimensions = kind.dimensions(network)
    if not are_sizes(card.patch, dimensions, dimensions, 4096):
        refuse("patch", f"{dimensions} sizes")
