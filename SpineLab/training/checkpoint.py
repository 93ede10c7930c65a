"""State of a training on disk: one safetensors file, replaced in one go, so that a kill always leaves a whole one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from SpineLib.errors import SpineError

LAST, BEST = "last.safetensors", "best.safetensors"


def save_checkpoint(path: Path, tensors: dict[str, dict[str, torch.Tensor]], state: dict[str, Any]) -> None:
    """Write groups of tensors ("network", "average", "optimizer") and a JSON-able state.

    Raises:
        SpineError: the file cannot be written.
    """
    flat = {
        f"{group}/{name}": value.detach().cpu().contiguous()
        for group, values in tensors.items()
        for name, value in values.items()
    }
    temporary = path.with_name(path.name + ".part")
    try:
        with open(temporary, "wb") as file:
            file.write(save(flat, metadata={"state": json.dumps(state)}))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise SpineError(
            f"The training's state cannot be written: {error.strerror}; make room and start again, "
            "it goes on where it was saved last."
        ) from error


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, torch.Tensor]], dict[str, Any]]:
    """The inverse of :func:`save_checkpoint`.

    Raises:
        SpineError: the file cannot be read.
    """
    groups: dict[str, dict[str, torch.Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads(file.metadata()["state"])
            for key in file.keys():  # noqa: SIM118 - safetensors files cannot be iterated
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = file.get_tensor(key)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SpineError(f"'{path.name}' is not a readable state of a training; start in another folder.") from error
    return groups, state


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Adam's moments and step counts, "3.exp_avg" for parameter 3."""
    return {
        f"{number}.{name}": value
        for number, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """The inverse of :func:`optimizer_tensors`; rates are the loop's own business."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        state.setdefault(int(number), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
