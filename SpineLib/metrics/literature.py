"""Figures other people published, to stand beside this project's own. They were measured on real patients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Mean and standard deviation over patients, in per cent.

    Attributes:
        what: what was compared.
        on: on what.
        source: where it stands.
        dice, sensitivity, specificity: (mean, standard deviation).
    """

    what: str
    on: str
    source: str
    dice: tuple[float, float]
    sensitivity: tuple[float, float]
    specificity: tuple[float, float]


_HILLE, _ALL = "Hille et al. 2020, Table 1", "40 real metastases"

#: By input sequences and dimensions of the network.
METASTASES = {
    (("T1",), 2): Published("Paper, 2D, T1", _ALL, _HILLE, (77.4, 12.4), (76.2, 17.4), (98.5, 2.0)),
    (("T2",), 2): Published("Paper, 2D, T2", _ALL, _HILLE, (65.4, 21.7), (71.9, 21.6), (97.5, 3.3)),
    (("T1", "T2"), 2): Published("Paper, 2D, T1 + T2", _ALL, _HILLE, (77.6, 10.8), (78.9, 15.8), (98.4, 1.9)),
    (("T1",), 3): Published("Paper, 3D, T1", _ALL, _HILLE, (73.7, 15.6), (71.9, 20.2), (98.4, 2.1)),
    (("T2",), 3): Published("Paper, 3D, T2", _ALL, _HILLE, (64.7, 20.8), (65.2, 24.51), (97.85, 2.7)),
    (("T1", "T2"), 3): Published("Paper, 3D, T1 + T2", _ALL, _HILLE, (74.8, 13.6), (73.7, 18.6), (98.33, 2.1)),
}

#: Two human readers against each other.
METASTASES_READERS = Published(
    "Paper, two human readers", "15 real metastases", _HILLE, (79.4, 6.2), (80.0, 11.9), (98.2, 2.1)
)
