"""The models that are measured: those that are installed, or random weights of a fixed seed, which are as fast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle, ModelCard, find_bundle, list_bundles, save_bundle


def bundle_or_random(
    model: str,
    suits: Callable[[ModelCard], bool],
    wrong: str,
    make: Callable[[], nn.Module],
    folder: Path,
    **card: Any,
) -> tuple[ModelBundle, str]:
    """A bundle, and a note where it is none that can do anything.

    Args:
        model: id or folder that was asked for; empty: the first installed one that suits.
        suits: whether a model can be measured.
        wrong: why one cannot: "cannot run over whole slices".
        make: the network with random weights, where no installed model suits.
        folder: gets it.
        card: of it: "id", "task", "network", "inputs", "preparation", "patch".

    Raises:
        SpineError: the model that was asked for is not there or does not suit.
    """
    installed = [one.id for _, one in list_bundles() if suits(one)]
    if model or installed:
        bundle = find_bundle(model or installed[0])
        if not suits(bundle.card):
            raise SpineError(f"The model '{bundle.card.id}' {wrong}; choose another one.")
        return bundle, ""
    torch.manual_seed(0)
    made = ModelCard(
        title="Random weights",
        licence="none",
        training_data={"simulated": True, "description": "none: random weights"},
        **card,
    )
    return save_bundle(folder / made.id, make(), made), "random weights"
