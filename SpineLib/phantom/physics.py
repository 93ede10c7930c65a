"""Signal of a voxel: spin echo, inversion recovery, and what gadolinium does to both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from SpineLib.phantom.tissues import FAT_T1_MS

#: Relaxivity of gadopentetate in plasma at 37 degrees, l/(mmol s), at 1.5 T and 3 T: Rohrer et al., Invest Radiol
#: 2005;40:715-724.
R1 = (4.1, 3.7)
R2 = (4.6, 5.2)
#: Draws a time between the two, ms.
_Draw = Callable[[float, float], float]


@dataclass(frozen=True)
class Sequence:
    """One pulse sequence; times in ms. ``ti`` makes it an inversion recovery; ``gadolinium`` means after contrast."""

    name: str
    tr: float
    te: float
    ti: float | None = None
    gadolinium: bool = False
    #: Share of the fat's signal that is left (1 without fat saturation).
    fat_left: float = 1.0


def signal(sequence: Sequence, pd, t1, t2, uptake=0.0, field_t: float = 1.5) -> np.ndarray:
    """Magnitude signal of a (turbo) spin echo.

    ``PD (1 - exp(-TR/T1)) exp(-TE/T2)``; with an inversion ``PD |1 - 2 exp(-TI/T1) + exp(-TR/T1)| exp(-TE/T2)``
    (Bernstein, King, Zhou: Handbook of MRI Pulse Sequences, 2004, ch. 14). With contrast medium, 1/T = 1/T0 + r C.

    Args:
        sequence: times.
        pd, t1, t2: proton density (relative), relaxation times (ms); scalars or arrays.
        uptake: concentration of gadolinium, mmol/l.
        field_t: field strength, tesla.
    """
    pd, t1, t2 = (np.asarray(v, dtype=np.float64) for v in (pd, t1, t2))
    if sequence.gadolinium:
        column = 0 if field_t < 2.2 else 1
        t1 = 1.0 / (1.0 / t1 + R1[column] * np.asarray(uptake) / 1000.0)
        t2 = 1.0 / (1.0 / t2 + R2[column] * np.asarray(uptake) / 1000.0)
    recovery = 1.0 - np.exp(-sequence.tr / t1)
    if sequence.ti is not None:
        recovery = np.abs(1.0 - 2.0 * np.exp(-sequence.ti / t1) + np.exp(-sequence.tr / t1))
    return pd * recovery * np.exp(-sequence.te / t2)


def _t1(name: str, u: _Draw, rng: np.random.Generator, field_t: float) -> Sequence:
    return Sequence(name, u(400, 750), u(8, 15))


def _enhanced_t1(name: str, u: _Draw, rng: np.random.Generator, field_t: float) -> Sequence:
    fat_left = float(rng.uniform(0.05, 0.3)) if rng.random() < 0.3 else 1.0
    return Sequence(name, u(400, 750), u(8, 15), gadolinium=True, fat_left=fat_left)


def _t2(name: str, u: _Draw, rng: np.random.Generator, field_t: float) -> Sequence:
    return Sequence(name, u(2500, 5000), u(80, 125))


def _stir(name: str, u: _Draw, rng: np.random.Generator, field_t: float) -> Sequence:
    # A scanner's TI nulls its fat; ours has the T1 of the tissue table, so TI lies near ln 2 times that.
    null = np.log(2) * FAT_T1_MS[0 if field_t < 2.2 else 1]
    return Sequence(name, u(3000, 5500), u(30, 70), ti=float(null * rng.uniform(0.88, 1.06)))


#: How the settings of each of :data:`SpineLib.sequences.SEQUENCES` are drawn.
PROTOCOLS: dict[str, Callable[[str, _Draw, np.random.Generator, float], Sequence]] = {
    "T1": _t1,
    "T2": _t2,
    "STIR": _stir,
    "ceT1": _enhanced_t1,
}


def draw_sequence(rng: np.random.Generator, name: str, field_t: float, wide: bool, everyday: bool = False) -> Sequence:
    """Draw a scanner's settings for one of :data:`PROTOCOLS`; ``wide`` goes beyond what protocols use.

    ``everyday`` also takes T2 with fat suppressed by its frequency, or the water image of Dixon, in place of STIR.
    """
    if name not in PROTOCOLS:
        raise ValueError(f"unknown sequence {name!r}; {', '.join(PROTOCOLS)}")
    if everyday and name == "STIR" and rng.random() < 0.3:
        return Sequence(
            name, float(rng.uniform(2500, 5000)), float(rng.uniform(45, 100)), fat_left=float(rng.uniform(0.02, 0.2))
        )
    low, high = (0.8, 1.25) if wide else (1.0, 1.0)
    return PROTOCOLS[name](name, lambda a, b: float(rng.uniform(a * low, b * high)), rng, field_t)
