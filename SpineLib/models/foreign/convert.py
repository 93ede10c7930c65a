"""A folder of nnU-Net v2, or a MONAI bundle, as a bundle of this project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle, save_bundle
from SpineLib.models.card import ModelCard
from SpineLib.models.foreign.mapping import Mapped, map_dynunet, map_nnunet, with_axes
from SpineLib.models.foreign.unpickled import read_foreign_weights
from SpineLib.models.networks import KINDS
from SpineLib.volume.json_object import json_object

#: Axes of prepared images, slowest first: right to left, superior to inferior, anterior to posterior.
_AXES = {"R": "s", "L": "s", "S": "y", "I": "y", "A": "x", "P": "x"}


@dataclass(frozen=True)
class Wish:
    """What the user says of a foreign network, since its files do not.

    Attributes:
        identifier: id of the bundle.
        inputs: sequences in the order of the channels.
        task: "metastasis-segmentation" and so on.
        axes: letters of the axes of the images that it learned from, slowest first: "RSA" is sagittal slices, rows from
            top to bottom, columns from front to back; in 2D two letters. A letter may be its opposite: networks are
            trained on mirrored images.
        licence, simulated: of the weights; whether they learned from simulated images.
        fold: of nnU-Net, "0".
        configuration: of nnU-Net, "2d" or "3d_fullres"; empty takes the only one whose folder this is.
        slices, in_plane_spacing: of the preparation, see :class:`SpineLib.preprocess.Preparation`.
        title: of the model.
    """

    identifier: str
    inputs: tuple[str, ...]
    task: str = "metastasis-segmentation"
    axes: str = ""
    licence: str = "unknown"
    simulated: bool = False
    fold: str = "0"
    configuration: str = ""
    slices: int = 64
    in_plane_spacing: float | None = None
    title: str = ""


def convert(source: Path, target: Path, wish: Wish) -> tuple[ModelBundle, list[str]]:
    """Write a bundle; its output is the foreign network's to rounding.

    Args:
        source: nnU-Net's folder with ``plans.json`` and ``fold_0``, or a MONAI bundle with ``configs`` and ``models``.
        target: the bundle's folder.
        wish: what the files do not tell.

    Returns:
        The bundle, and sentences on what differs from the other program around the network.

    Raises:
        SpineError: it is neither, or a layer has no counterpart; it is named.
    """
    if (source / "plans.json").is_file():
        mapped, patch, spacing, notes = _of_nnunet(source, wish)
    elif (source / "configs").is_dir():
        mapped, patch, spacing, notes = _of_monai(source, wish)
    else:
        raise SpineError(
            f"'{source.name}' is neither a folder of nnU-Net v2 (plans.json, fold_0) nor a MONAI bundle (configs, "
            "models)."
        )
    order = _order(wish.axes, mapped.settings["dimensions"])
    mapped = with_axes(mapped, order)
    patch = [patch[axis] for axis in order]
    spacing = [spacing[axis] for axis in order] if spacing else []
    if len(wish.inputs) != mapped.settings["inputs"]:
        raise SpineError(
            f"The network has {mapped.settings['inputs']} inputs and {len(wish.inputs)} sequences were named; give one "
            "for each, in their order."
        )
    in_plane = wish.in_plane_spacing or (float(spacing[-1]) if spacing else None)
    notes.append(f"Images are prepared as this project does it: {wish.slices} sagittal slices over the whole image.")
    if spacing and len(spacing) == 3:
        notes.append(f"The network learned at slices {spacing[0]:.2f} mm apart; check what that does to its results.")
    if not KINDS["plain-unet"].fits(mapped.settings):
        raise SpineError(f"The network's settings have no counterpart here: it must be {KINDS['plain-unet'].wish}.")
    card = ModelCard(
        id=wish.identifier,
        title=wish.title or f"{wish.identifier} (converted)",
        task=wish.task,
        network=mapped.settings,
        inputs=wish.inputs,
        preparation={"slices": wish.slices, "in_plane_spacing": in_plane, "whitening": "volume"},
        patch=tuple(patch),
        licence=wish.licence,
        training_data={"simulated": wish.simulated, "description": "Trained by another program; not known here."},
        command="spine models convert",
        text=f"# {wish.title or wish.identifier}\n\nConverted from another program. {' '.join(notes)}\n",
    )
    network = KINDS["plain-unet"].build(mapped.settings)
    wanted = network.state_dict()
    for name in sorted(wanted.keys() - mapped.state.keys()):
        raise SpineError(f"The weights lack '{name}' (by the name that it has here); they belong to another network.")
    try:
        network.load_state_dict(mapped.state)
    except RuntimeError as error:
        raise SpineError(
            "The weights do not fit the network that the settings describe; get the model again."
        ) from error
    return save_bundle(target, network, card, exact=True), notes


def _of_nnunet(source: Path, wish: Wish) -> tuple[Mapped, list[int], list[float], list[str]]:
    plans = json_object(source / "plans.json")
    known = plans.get("configurations") or {}
    named = wish.configuration or source.name.rpartition("__")[2]
    if named not in known:
        raise SpineError(f"plans.json has no configuration '{named}'; name one of {', '.join(known) or 'none'}.")
    chosen = known[named]
    while "inherits_from" in chosen and "architecture" not in chosen:
        chosen = {**known[chosen["inherits_from"]], **{k: v for k, v in chosen.items() if k != "inherits_from"}}
    if "architecture" not in chosen:
        raise SpineError(
            "plans.json is of an older nnU-Net that does not name the network; plan again with version 2.4."
        )
    channels = json_object(source / "dataset.json").get("channel_names") or {}
    folder = source / f"fold_{wish.fold}"
    weights = next(
        (
            path
            for name in ("checkpoint_final.safetensors", "checkpoint_final.pth", "checkpoint_best.pth")
            if (path := folder / name).is_file()
        ),
        None,
    )
    if weights is None:
        raise SpineError(f"'{folder.name}' holds no checkpoint_final.pth; choose another fold.")
    mapped = map_nnunet(chosen["architecture"], len(channels) or len(wish.inputs), read_foreign_weights(weights))
    notes = [f"Channel names there: {', '.join(map(str, channels.values()))}."] if channels else []
    schemes = set(chosen.get("normalization_schemes") or ["ZScoreNormalization"])
    if schemes != {"ZScoreNormalization"}:
        raise SpineError(f"nnU-Net prepared images by {', '.join(sorted(schemes))}, which has no counterpart here.")
    if any(chosen.get("use_mask_for_norm") or []):
        notes.append("There, grey values were normalised within the body alone; here over the whole image.")
    return mapped, [int(v) for v in chosen["patch_size"]], [float(v) for v in chosen.get("spacing") or []], notes


def _of_monai(source: Path, wish: Wish) -> tuple[Mapped, list[int], list[float], list[str]]:
    files = ("inference.json", "evaluate.json", "train.json")
    config: dict[str, Any] = next((known for name in files if (known := json_object(source / "configs" / name))), {})
    given = config.get("network_def") or config.get("network")
    if not isinstance(given, dict):
        raise SpineError("The MONAI bundle's configuration (configs/inference.json) names no network_def.")
    name = str(given.get("_target_", "")).rpartition(".")[2]
    if name != "DynUNet":
        raise SpineError(f"The network is a '{name}'; of MONAI's, DynUNet without residual blocks can be converted.")
    given = {key: _value(value, config, key) for key, value in given.items() if key != "_target_"}
    models = source / "models"
    weights = next((path for name in ("model.safetensors", "model.pt") if (path := models / name).is_file()), None)
    if weights is None:
        raise SpineError("The MONAI bundle holds no models/model.pt.")
    mapped = map_dynunet(given, read_foreign_weights(weights))
    dimensions = mapped.settings["dimensions"]
    return mapped, [128] * dimensions, [], []


def _value(value: Any, config: dict[str, Any], key: str) -> Any:
    """A literal, or a reference to one ("@name"); expressions are not run."""
    if isinstance(value, str) and value.startswith("@"):
        return _value(config.get(value[1:].replace("::", "#")), config, key)
    if isinstance(value, str) and value.startswith("$"):
        raise SpineError(f"'{key}' of the network is the expression '{value[:60]}', which is not run; write its value.")
    return value


def _order(axes: str, dimensions: int) -> tuple[int, ...]:
    """Where each axis of prepared images stands among the network's own."""
    wanted = ("s", "y", "x")[3 - dimensions :]
    if not axes:
        raise SpineError(
            "Say how the images that it learned from were turned: --axes RSA for sagittal slices with rows from top to "
            "bottom and columns from front to back (2D: SA); the files do not tell."
        )
    known = [_AXES.get(letter) for letter in axes.upper()]
    if sorted(map(str, known)) != sorted(wanted):
        letters = " ".join(("RL", "SI", "AP")[3 - dimensions :])
        raise SpineError(f"--axes is '{axes}'; give {dimensions} letters, one each of {letters}.")
    return tuple(known.index(axis) for axis in wanted)
