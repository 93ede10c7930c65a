"""Tissues of the simulated patient and what relaxes in them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np


class Tissue(IntEnum):
    """Labels of the tissue map."""

    AIR = 0
    SUBCUTANEOUS_FAT = 1
    MUSCLE = 2
    VISCERAL_FAT = 3
    ORGAN = 4
    BOWEL = 5
    FLUID = 6
    BLOOD = 7
    CORTEX = 8
    MARROW = 9
    ANNULUS = 10
    NUCLEUS = 11
    CSF = 12
    CORD = 13
    NERVE = 14
    EPIDURAL_FAT = 15
    LIGAMENT = 16
    VEIN = 17
    LUNG = 18
    FIBROSIS = 19


@dataclass(frozen=True)
class TissueProperties:
    """Relaxation of the water in a tissue (PD relative to water; T1, T2 in ms at 1.5 T and 3 T) and its fat fraction.

    ``uptake`` is the gadolinium concentration (mmol/l) some minutes after a usual dose; ``texture`` the relative
    standard deviation of the signal within the tissue.
    """

    pd: float
    t1: tuple[float, float]
    t2: tuple[float, float]
    fat: float = 0.0
    uptake: float = 0.0
    texture: float = 0.05


#: Muscle, cord, blood, liver (organ): Stanisz et al., Magn Reson Med 2005;54:507-512. Subcutaneous fat, marrow:
#: de Bazelaire et al., Radiology 2004;230:652-659 (fat's T2 is longer in a turbo spin echo, where J-coupling is
#: suppressed: 100 ms here). Discs, CSF, cortex, ligament, bowel, uptake: rounded assumptions that give the usual
#: look.
TABLE: dict[Tissue, TissueProperties] = {
    Tissue.AIR: TissueProperties(0.0, (1000, 1000), (50, 50), texture=0.0),
    Tissue.SUBCUTANEOUS_FAT: TissueProperties(0.80, (900, 1100), (45, 45), fat=0.93, uptake=0.02, texture=0.05),
    Tissue.MUSCLE: TissueProperties(0.80, (1008, 1412), (44, 50), fat=0.04, uptake=0.10, texture=0.08),
    Tissue.VISCERAL_FAT: TissueProperties(0.80, (900, 1100), (45, 45), fat=0.88, uptake=0.03, texture=0.10),
    Tissue.ORGAN: TissueProperties(0.75, (576, 812), (46, 42), fat=0.05, uptake=0.35, texture=0.07),
    Tissue.BOWEL: TissueProperties(0.85, (1100, 1400), (80, 75), fat=0.05, uptake=0.25, texture=0.25),
    Tissue.FLUID: TissueProperties(1.00, (2800, 3200), (700, 600), texture=0.06),
    Tissue.BLOOD: TissueProperties(0.30, (1441, 1932), (120, 100), uptake=1.0, texture=0.30),
    Tissue.CORTEX: TissueProperties(0.10, (500, 550), (8, 6), texture=0.10),
    Tissue.MARROW: TissueProperties(0.75, (900, 1050), (50, 45), fat=0.45, uptake=0.10, texture=0.07),
    Tissue.ANNULUS: TissueProperties(0.72, (900, 1050), (38, 32), uptake=0.02, texture=0.08),
    Tissue.NUCLEUS: TissueProperties(0.90, (1200, 1400), (120, 100), texture=0.10),
    Tissue.CSF: TissueProperties(1.00, (4000, 4200), (1800, 1500), texture=0.06),
    Tissue.CORD: TissueProperties(0.75, (745, 993), (74, 78), uptake=0.0, texture=0.04),
    Tissue.NERVE: TissueProperties(0.75, (900, 1100), (75, 75), texture=0.05),
    Tissue.EPIDURAL_FAT: TissueProperties(0.80, (900, 1100), (45, 45), fat=0.88, uptake=0.05, texture=0.08),
    Tissue.LIGAMENT: TissueProperties(0.35, (800, 900), (18, 15), uptake=0.02, texture=0.10),
    Tissue.VEIN: TissueProperties(0.80, (1441, 1932), (150, 120), uptake=1.0, texture=0.15),
    Tissue.LUNG: TissueProperties(0.08, (1200, 1300), (30, 20), uptake=0.10, texture=0.35),
    Tissue.FIBROSIS: TissueProperties(0.35, (900, 1000), (30, 25), uptake=0.10, texture=0.12),
}

#: Fat itself: de Bazelaire et al. 2004 for T1; T2 as seen by a turbo spin echo.
FAT_T1_MS = (343.0, 382.0)
FAT_T2_MS = (100.0, 95.0)


@dataclass(frozen=True)
class TissueMaps:
    """Properties drawn for one patient: arrays over tissue labels, and the fat's own relaxation."""

    pd: np.ndarray
    t1: np.ndarray
    t2: np.ndarray
    fat: np.ndarray
    uptake: np.ndarray
    texture: np.ndarray
    fat_t1: float
    fat_t2: float
    field_t: float


def draw_tissues(rng: np.random.Generator, field_t: float, spread: float) -> TissueMaps:
    """Draw one patient's tissues.

    Args:
        rng: source of randomness.
        field_t: 1.5 or 3.0 tesla.
        spread: standard deviation of the logarithm of PD, T1 and T2 (0.06 for patients of flesh and blood, about 0.35
            for the domain-randomised mode).
    """
    column = 0 if field_t < 2.2 else 1
    rows = [TABLE[t] for t in Tissue]
    vary = lambda values, s: np.asarray(values, float) * np.exp(rng.normal(0, s, len(values)))  # noqa: E731
    pd = np.clip(vary([r.pd for r in rows], spread * 0.5), 0, 1.1)
    t1 = vary([r.t1[column] for r in rows], spread)
    t2 = vary([r.t2[column] for r in rows], spread)
    fat = np.array([r.fat for r in rows])
    t1[Tissue.CSF] = max(t1[Tissue.CSF], 2500)
    return TissueMaps(
        pd,
        t1,
        t2,
        fat,
        vary([r.uptake for r in rows], 0.2),
        np.array([r.texture for r in rows]),
        FAT_T1_MS[column] * np.exp(rng.normal(0, spread * 0.4)),
        FAT_T2_MS[column] * np.exp(rng.normal(0, 0.15 + spread * 0.4)),
        field_t,
    )
