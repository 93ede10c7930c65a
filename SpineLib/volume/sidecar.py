"""The BIDS sidecar of an image file: what its scanner's header told, as JSON beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from SpineLib.volume.formats import suffix_of
from SpineLib.volume.json_object import json_object


def sidecar_of(image: str | Path) -> Path:
    """The BIDS sidecar beside an image file: its name with the ending ".json"."""
    image = Path(image)
    return image.with_name(image.name[: len(image.name) - len(suffix_of(image))] + ".json")


def read_sidecar(image: str | Path) -> dict[str, Any]:
    """What the sidecar of an image file holds; empty where there is none that can be read."""
    return json_object(sidecar_of(image))
