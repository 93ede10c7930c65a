"""A model bundle: a folder with ``model.json``, ``weights.safetensors``, ``card.md``, some ``likeness.safetensors``."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.errors import SpineError
from SpineLib.models.card import CARD_FILE, LIKENESS_FILE, TEXT_FILE, WEIGHTS_FILE, ModelCard, read_card
from SpineLib.models.compact import compacted, expanded, halved
from SpineLib.models.likeness import Likeness, read_likeness, to_bytes
from SpineLib.models.networks import KINDS

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ModelBundle:
    """A bundle whose card and weights have been checked against each other.

    Attributes:
        folder: where it lies.
        card: its ``model.json``.
    """

    folder: Path
    card: ModelCard

    def network(self) -> torch.nn.Module:
        """The network with the bundle's weights, float32, in eval mode, on the CPU."""
        import torch

        network = build_network(self.card)
        with torch.no_grad():
            network.load_state_dict(_read_weights(self.folder / WEIGHTS_FILE))
        return network.eval()

    def likeness(self) -> Likeness | None:
        """What the scans of the training look like to the network; None where the bundle does not say.

        Raises:
            SpineError: the file is not what it was.
        """
        return read_likeness(self.folder / LIKENESS_FILE) if self.card.likeness_sha256 else None


def build_network(card: ModelCard) -> torch.nn.Module:
    """The card's network with random weights."""
    return KINDS[card.network["type"]].build(card.network)


def load_bundle(folder: str | Path) -> ModelBundle:
    """Check the bundle in ``folder``: card, SHA-256 of the weights, names and shapes of all tensors.

    Raises:
        SpineError: anything is wrong with it.
    """
    import torch

    folder = Path(folder)
    card = read_card(folder)
    try:
        found = file_sha256(folder / WEIGHTS_FILE)
    except OSError as error:
        raise SpineError(f"The model '{card.id}' has no readable weights.safetensors; get the model again.") from error
    if found != card.sha256:
        raise SpineError(
            f"The weights of the model '{card.id}' do not have the SHA-256 that its card promises; "
            "the file is damaged or was replaced, get the model again."
        )
    if card.likeness_sha256 and _sha256_or_none(folder / LIKENESS_FILE) != card.likeness_sha256:
        raise SpineError(
            f"The {LIKENESS_FILE} of the model '{card.id}' is missing or not the one that its card names; get the "
            "model again."
        )
    state = _read_weights(folder / WEIGHTS_FILE)
    with torch.device("meta"):
        wanted = build_network(card).state_dict()
    missing = sorted(wanted.keys() - state.keys()) + sorted(state.keys() - wanted.keys())
    if missing:
        raise SpineError(
            f"The weights of the model '{card.id}' do not belong to its network: '{missing[0]}' "
            f"{'is missing' if missing[0] in wanted else 'is too many'}; get the model again."
        )
    for name, tensor in wanted.items():
        if state[name].shape != tensor.shape:
            raise SpineError(
                f"The weights of the model '{card.id}' do not fit its network: '{name}' has shape "
                f"{tuple(state[name].shape)} instead of {tuple(tensor.shape)}; get the model again."
            )
    return ModelBundle(folder, card)


def save_bundle(
    folder: str | Path, network: torch.nn.Module, card: ModelCard, *, compact: bool = False, exact: bool = False
) -> ModelBundle:
    """Write a bundle, all buffers included; returns it with its SHA-256.

    Args:
        folder: of the bundle.
        network: with its weights.
        card: what it says about itself.
        compact: store weights in eight bits instead of half precision, see :mod:`SpineLib.models.compact`.
        exact: store them as they are, twice as large; for a network of another program.

    Raises:
        SpineError: a weight does not fit into half precision, or the folder cannot be written.
    """
    import torch
    from safetensors.torch import save

    folder = Path(folder)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    for name, tensor in (tensors if exact else halved(tensors)).items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise SpineError(f"'{name}' of the network does not fit into half precision; train with a lower rate.")
    state = compacted(tensors) if compact else tensors if exact else halved(tensors)
    weights = save(state)
    # Of other weights nobody knows what scans look like to them.
    card = replace(card, sha256=hashlib.sha256(weights).hexdigest(), likeness_sha256="")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / WEIGHTS_FILE, weights)
        _write(folder / TEXT_FILE, card.text.encode())
        _write(folder / CARD_FILE, (json.dumps(card.to_dict(), indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise SpineError(
            f"The model cannot be written to '{folder}': {error.strerror}; choose another folder."
        ) from error
    return ModelBundle(folder, card)


def save_likeness(folder: Path, likeness: Likeness) -> ModelBundle:
    """Put a likeness into a bundle, whose card then names it.

    Raises:
        SpineError: the folder is no bundle, or cannot be written.
    """
    content = to_bytes(likeness)
    card = replace(read_card(folder), likeness_sha256=hashlib.sha256(content).hexdigest())
    try:
        _write(folder / LIKENESS_FILE, content)
        _write(folder / CARD_FILE, (json.dumps(card.to_dict(), indent=2, ensure_ascii=False) + "\n").encode())
    except OSError as error:
        raise SpineError(
            f"The model cannot be written to '{folder}': {error.strerror}; choose another folder."
        ) from error
    return load_bundle(folder)


def _sha256_or_none(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with open(path, "rb") as file:
        return (
            hashlib.file_digest(file, "sha256").hexdigest()
            if hasattr(hashlib, "file_digest")
            else hashlib.sha256(file.read()).hexdigest()
        )


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = expanded(load_file(path))
    except (OSError, SafetensorError, ValueError) as error:
        raise SpineError(
            "The model's weights.safetensors is not a valid safetensors file; get the model again."
        ) from error
    for name, tensor in state.items():
        # One such weight makes every probability NaN, which no threshold passes: a silent "0 lesions".
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise SpineError(f"'{name}' of the model's weights holds a value that is no number; get the model again.")
    return state


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    os.replace(temporary, path)
