"""What a simulated trunk is made of."""

from __future__ import annotations

from enum import IntEnum


class Stuff(IntEnum):
    """Labels of the map; those of :class:`SpineLib.phantom.tissues.Tissue` and more."""

    AIR = 0
    SUBCUTANEOUS_FAT = 1
    MUSCLE = 2
    VISCERAL_FAT = 3
    LIVER = 4
    BOWEL_WALL = 5
    BLADDER = 6
    FLOW_VOID = 7
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
    KIDNEY = 19
    SPLEEN = 20
    STOOL = 21
    BOWEL_FLUID = 22
    GAS = 23
    UTERUS = 24
    UTERUS_INSIDE = 25
    PROSTATE = 26
    BLOOD = 27
    ARCH_MARROW = 28
    SACRAL_MARROW = 29
    OTHER_MARROW = 30
    LESION_A = 31
    LESION_B = 32
    HAEMANGIOMA = 33
    MODIC_A = 34
    MODIC_B = 35
    FACET = 36
    CYST = 37
    BRAIN = 38
    FATTY_MUSCLE = 39
    BOWEL_MIXED = 40


#: The marrow of bones, where foci may lie.
MARROWS = (Stuff.MARROW, Stuff.ARCH_MARROW, Stuff.SACRAL_MARROW)
