"""What a way of finding vertebrae says of a CT, whichever network it is by."""

from __future__ import annotations

from dataclasses import dataclass, field

from SpineLib.volume.volume import Volume


@dataclass(frozen=True, eq=False)
class Found:
    """On the CT's own grid.

    Attributes:
        labels: uint8, numbers of VerSe, or 101, 102, ... from cranial; 26 is the sacrum in both.
        probability: float32, of bone of a vertebra.
        named: whether numbers are VerSe's; those from 101 on only count all the same.
        device, precision: where and how it was computed.
        notes: sentences.
        agreement: by number, share of its voxels that agree on one centre, where the network says so.
        facts: more for the provenance; JSON-able.
    """

    labels: Volume
    probability: Volume
    named: bool
    device: str
    precision: str
    notes: list[str]
    agreement: dict[int, float] | None = None
    facts: dict = field(default_factory=dict)
