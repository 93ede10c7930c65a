"""How the sequences of a patient become the channels of a slice: neighbouring slices, and which sequences are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class InputChannels:
    """The input of a network that looks at slices.

    For each sequence in turn its slice between ``neighbours`` slices on each side; then, with ``presence``, a plane for
    each sequence that is 1 where it was given and 0 where not. A sequence that was not given is 0 everywhere.

    Attributes:
        sequences: how many the network knows.
        neighbours: slices on each side.
        neighbours_mm: distance between them, rounded to whole slices, at least one.
        presence: whether sequences may be missing.
    """

    sequences: int
    neighbours: int = 0
    neighbours_mm: float = 4.0
    presence: bool = False

    @classmethod
    def of(cls, network: Mapping[str, Any], sequences: int) -> InputChannels:
        """Of a card's ``network``."""
        given = {key: network[key] for key in ("neighbours", "neighbours_mm", "presence") if key in network}
        return cls(sequences, **given)

    def to_dict(self) -> dict[str, Any]:
        """What a card's ``network`` says of it: nothing where each sequence is one channel."""
        if self.is_plain:
            return {}
        return {"neighbours": self.neighbours, "neighbours_mm": self.neighbours_mm, "presence": self.presence}

    @property
    def is_plain(self) -> bool:
        return not self.neighbours and not self.presence

    @property
    def planes(self) -> int:
        """Slices of a sequence."""
        return 2 * self.neighbours + 1

    @property
    def count(self) -> int:
        """Channels in all."""
        return self.sequences * (self.planes + int(self.presence))

    def middle(self, sequence: int) -> int:
        """The channel of the slice itself of a sequence."""
        return sequence * self.planes + self.neighbours

    def channels_of(self, sequence: int) -> slice:
        """The channels of the slices of a sequence."""
        return slice(sequence * self.planes, (sequence + 1) * self.planes)

    def offsets(self, slice_mm: float) -> list[int]:
        """Where the slices of a sequence lie, counted in slices from the one itself."""
        step = max(1, round(self.neighbours_mm / slice_mm))
        return [n * step for n in range(-self.neighbours, self.neighbours + 1)]

    def filled(self, planes: Any, there: Sequence[int], into: T) -> T:
        """Write the sequences that are there to their channels.

        Args:
            planes: (sequences given, :attr:`planes`, ...).
            there: which of the network's sequences each is.
            into: (:attr:`count`, ...), all 0; an array or a tensor.

        Returns:
            ``into``.
        """
        channels = cast(Any, into)
        for number, sequence in enumerate(there):
            channels[self.channels_of(sequence)] = planes[number]
            if self.presence:
                channels[self.sequences * self.planes + sequence] = 1
        return into

    def slices(self, volume: np.ndarray, there: Sequence[int], wanted: slice, slice_mm: float) -> np.ndarray:
        """The network's input for some slices of a prepared volume; beyond its ends the last slice is repeated.

        Args:
            volume: (sequences given, s, y, x).
            there: which of the network's sequences each is.
            wanted: slices along s.
            slice_mm: distance between slices.

        Returns:
            (:attr:`count`, slices wanted, y, x), float32.
        """
        count = volume.shape[1]
        places = np.arange(*wanted.indices(count))
        index = [np.clip(places + offset, 0, count - 1) for offset in self.offsets(slice_mm)]
        planes = np.stack([volume[:, n] for n in index], axis=1)
        return self.filled(planes, there, np.zeros((self.count, len(places), *volume.shape[2:]), np.float32))
