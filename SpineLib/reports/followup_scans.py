"""The scans of a follow-up, brought into one space around a metastasis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.reports.viewer import Layer
from SpineLib.tasks.colours import METASTASIS, NECROSIS, hexadecimal
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like


@dataclass(frozen=True, eq=False)
class OneSpace:
    """All of a metastasis on the grid of the scan before.

    Attributes:
        names: of the scans.
        images: before and after.
        layers: outlines of all metastases and of all necroses.
        own: mask of the metastasis itself.
    """

    names: tuple[str, str]
    images: tuple[Volume, Volume]
    layers: tuple[Layer, Layer]
    own: Volume

    @property
    def pictures(self) -> list[tuple[str, Volume, Sequence[Layer]]]:
        """The scan before with the metastases, the one after with the necroses, and with both."""
        (one, other), (before, after), (first, second) = self.names, self.images, self.layers
        return [(one, before, [first]), (other, after, [second]), ("Both outlines", after, [first, second])]


def in_one_space(
    images: tuple[Volume, Volume],
    names: tuple[str, str],
    masks: tuple[Volume, Volume],
    lesion: int,
    after_to_before: np.ndarray | None,
) -> OneSpace:
    """Before and after, metastases and necroses, around the metastasis with the id ``lesion``; matrix: LPS mm, 4 x 4,
    None where both scans are in one space."""
    to_after = np.eye(4) if after_to_before is None else np.linalg.inv(np.asarray(after_to_before, float))
    (before, after), (metastases, necroses) = images, masks
    marked = resample_like(metastases, before, nearest=True)
    own = resample_like(metastases.with_array((metastases.array == lesion).astype(np.uint8)), before, nearest=True)
    return OneSpace(
        (names[0], f"{names[1]}, registered"),
        (before, resample_like(after, before, to_after)),
        (
            Layer("Metastasis before", marked, hexadecimal(METASTASIS)),
            Layer(
                "Necrosis after",
                resample_like(necroses, before, to_after, nearest=True),
                hexadecimal(NECROSIS),
                dashed=True,
            ),
        ),
        own if own.array.any() else marked,
    )
