"""The parts of a spine that a lesion's stability is judged by: canal, bodies and arches, by name and neighbours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from SpineLib.geometry.orientation import canonical
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like

#: What the parts are called, in any case: "Canal", "L3 body", "vertebra 2 arch"; of one vertebra alone "body", "arch".
CANAL = "canal"
_PART = re.compile(r"(?:(?P<vertebra>.+?)\s+)?(?P<part>body|arch)$", re.IGNORECASE)


@dataclass(frozen=True)
class OneVertebra:
    """Masks of a vertebra, and of the bodies above and below that are whole; None where there is none."""

    name: str
    body: Volume | None
    arch: Volume | None
    neighbours: tuple[Volume, ...] = ()


@dataclass(frozen=True, eq=False)
class SpineParts:
    """Parts as labels on one grid.

    Attributes:
        labels: whole numbers, 0 is none.
        names: number to name, as above; other names are left alone.
        by: id of the model that found them; "" where a person drew them.
        uncertain_mm: their borders are no more exact than this.
        notes: sentences for the user.
        level_note: how sure the names of vertebrae are, a sentence or "".
    """

    labels: Volume
    names: Mapping[int, str]
    by: str = ""
    uncertain_mm: float = 1.0
    notes: list[str] = field(default_factory=list)
    level_note: str = ""

    @cached_property
    def canal(self) -> Volume | None:
        """Mask of the spinal canal."""
        return self._mask([number for number, name in self.names.items() if CANAL in name.casefold()])

    def of(self, lesion: Volume, level: str = "") -> OneVertebra | None:
        """The vertebra that holds most of a lesion; of those that ``level`` ("L3", "L3/L4") names, where it does.

        None where the lesion touches no body and no arch.
        """
        at = resample_like(lesion.with_array((lesion.array != 0).astype(np.uint8)), self.labels, nearest=True).array
        shares = np.bincount(self.labels.array[at != 0].ravel(), minlength=int(max(self.names, default=0)) + 1)
        vertebrae = self._vertebrae
        named = [name for name in vertebrae if name in level.split("/")]
        taken = {name: sum(int(shares[n]) for n in vertebrae[name].values()) for name in named or vertebrae}
        best = max(taken, key=taken.__getitem__, default=None)
        if best is None or (not named and not taken[best]):
            return None
        own = vertebrae[best]
        body, arch = (self._mask([own[part]]) if part in own else None for part in ("body", "arch"))
        return OneVertebra(best, body, arch, self._neighbours(best))

    @cached_property
    def _vertebrae(self) -> dict[str, dict[str, int]]:
        """Name of a vertebra to its parts' numbers."""
        found: dict[str, dict[str, int]] = {}
        for number, name in self.names.items():
            if match := _PART.match(name.strip()):
                found.setdefault(match["vertebra"] or "", {})[match["part"].lower()] = number
        return found

    def _neighbours(self, name: str) -> tuple[Volume, ...]:
        """The next whole bodies above and below."""
        upright = canonical(self.labels)[0].array  # towards the left, down, back
        heights, cut = {}, set()
        for vertebra, own in self._vertebrae.items():
            places = np.argwhere(upright == own["body"]) if "body" in own else np.empty((0, 3))
            if len(places):
                heights[vertebra] = float(places[:, 1].mean())
                if places[:, 1].min() == 0 or places[:, 1].max() == upright.shape[1] - 1:
                    cut.add(vertebra)
        ordered = sorted(heights, key=heights.__getitem__)
        if name not in ordered:
            return ()
        at = ordered.index(name)
        near = [ordered[n] for n in (at - 1, at + 1) if 0 <= n < len(ordered) and ordered[n] not in cut]
        masks = (self._mask([self._vertebrae[one]["body"]]) for one in near)
        return tuple(mask for mask in masks if mask is not None)

    def _mask(self, numbers: list[int]) -> Volume | None:
        array = np.isin(self.labels.array, numbers)
        return self.labels.with_array(array.astype(np.uint8)) if array.any() else None
