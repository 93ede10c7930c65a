"""What every result says about how it was made."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import metadata
from time import perf_counter
from typing import Any

import SpineLib
from SpineLib.models.card import ModelCard


def provenance(
    task: str,
    started: float,
    parameters: Mapping[str, Any],
    *,
    libraries: Iterable[str] = (),
    card: ModelCard | None = None,
    device: str = "",
    precision: str = "",
    **more: Any,
) -> dict[str, Any]:
    """What is needed to make the same result again, JSON-able; nothing of the patient.

    Args:
        task: "segment", "compare".
        started: ``perf_counter()`` when the work began.
        parameters: settings as they were applied.
        libraries: names of the packages that the result rests on.
        card: of the model.
        device, precision: what the network ran on and in; "" where there is none.
        more: what this task alone has to say.
    """
    return {
        "program": "SpineOncology",
        "version": SpineLib.__version__,
        "task": task,
        **({"model": model_facts(card)} if card is not None else {}),
        **more,
        "parameters": dict(parameters),
        **({"device": device, "precision": precision} if device else {}),
        "libraries": library_versions(libraries),
        "time": datetime.now().astimezone().isoformat(timespec="seconds"),
        "seconds": round(perf_counter() - started, 2),
        "notice": card.notice if card is not None else SpineLib.NOTICE,
    }


def model_facts(card: ModelCard) -> dict[str, Any]:
    """Which model it was."""
    return {
        "id": card.id,
        "version": card.version,
        "title": card.title,
        "sha256": card.sha256,
        "simulated_training_data": card.training_data["simulated"],
    }


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of installed libraries, by name."""
    return {"python": platform.python_version()} | {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # Slicer's own libraries have no package metadata
        module = __import__(name)
        return str(getattr(module, "__version__", None) or getattr(module, "VTK_VERSION", "unknown"))
