"""Whether a scan is like those that a model was trained on, by what the model's network sees in its vertebrae."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from SpineLib.inference.features import Features
from SpineLib.models.bundle import ModelBundle
from SpineLib.models.likeness import LEVELS

#: What a result's provenance calls it.
UNLIKENESS = "scan_unlikeness"
#: Above it a scan is called unlike the training: one in a hundred of the simulated scans is.
_LIMIT = 1.0
_UNLIKE = (
    "This scan is unlike what the model was trained on ({unlikeness:.1f}, where up to 1 is usual): look at every mark "
    "yourself, and at the vertebrae without one."
)


def features_for(bundle: ModelBundle, vertebrae: np.ndarray | None) -> Features | None:
    """What takes the features of a scan; None where nothing could be said of them.

    Args:
        bundle: of the model.
        vertebrae: bool (s, y, x), in the image as the network is given it; None where they are not known.
    """
    if vertebrae is None or not vertebrae.any() or not bundle.card.likeness_sha256:
        return None
    return Features(vertebrae, LEVELS, len(bundle.card.network["widths"]))


def unlikeness(bundle: ModelBundle, features: Features | None) -> float | None:
    """How unlike the training a scan is, 1 being what one simulated scan in a hundred reaches; None: not known."""
    rows = features.of_scan() if features is not None else []
    likeness = bundle.likeness() if rows else None
    return None if likeness is None else round(likeness.unlikeness(rows), 2)


def unlike_note(provenance: Mapping[str, Any]) -> list[str]:
    """The sentence for the user on a segmentation with this provenance, where there is something to say."""
    value = provenance.get(UNLIKENESS)
    return [_UNLIKE.format(unlikeness=value)] if isinstance(value, (int, float)) and value > _LIMIT else []
