"""The measures of a lesion in two examinations, and the classes of response that follow from its size.

Size is the product of the longest diameter in a slice and the longest one across it. The thresholds are the WHO's (WHO
handbook for reporting results of cancer treatment, 1979; Miller 1981; as tabulated in PMC2755245, Table 3): a decrease
of the sum of products by half or more is partial response, an increase of one lesion by a quarter or more, or a new
lesion, is progressive disease. The MD Anderson criteria for bone (Hamaoka et al., as tabulated by Hayashi et al., Clin
Breast Cancer 2013;13(1):24-30, Table 1) name the same classes on MR without a number: the tumour's signal disappears, a
measurable lesion regresses, does not change, increases, or is new. A lesion can be measured on MR when it is at least
10 mm long and twice the slice thickness (RECIST 1.1: Eisenhauer et al., Eur J Cancer 2009;45(2)).
"""

from __future__ import annotations

from SpineLib.metrics.measure import Figure

COMPLETE, PARTIAL, STABLE, PROGRESSIVE = "CR", "PR", "SD", "PD"
NOT_MEASURABLE, NOT_SEEN, NOT_TO_BE_TOLD = "not measurable", "not seen", "not to be told"
#: What people read.
RESPONSES = {
    COMPLETE: "Complete response",
    PARTIAL: "Partial response",
    STABLE: "Stable disease",
    PROGRESSIVE: "Progressive disease",
    NOT_MEASURABLE: "Not measurable",
    NOT_SEEN: "Not on both scans",
    NOT_TO_BE_TOLD: "Not to be told",
}
#: Change of the product of diameters, as a part of the earlier one.
PARTIAL_CHANGE, PROGRESSIVE_CHANGE = -0.5, 0.25
#: Shortest lesion that is measured, mm, and in slices.
SHORTEST_MM, SHORTEST_SLICES = 10.0, 2.0
SOURCE = (
    "WHO 1979 thresholds (product of diameters: -50 % partial response, +25 % or a new lesion progression) in the "
    "classes of the MD Anderson bone criteria (Hamaoka et al.); measurable from 10 mm and two slices (RECIST 1.1)"
)

#: Of a line of the table, by key.
RESPONSE_FIGURES: dict[str, Figure] = {
    one.key: one
    for one in (
        Figure("earlier_ml", "Volume earlier", "ml", 2, stored=4),
        Figure("later_ml", "Volume later", "ml", 2, stored=4),
        Figure("volume_change", "Change of volume", "%", 0, stored=4),
        Figure("earlier_mm", "Longest diameter earlier", "mm", 1, stored=2),
        Figure("later_mm", "Longest diameter later", "mm", 1, stored=2),
        Figure("earlier_mm2", "Product of diameters earlier", "mm²", 0, stored=2),
        Figure("later_mm2", "Product of diameters later", "mm²", 0, stored=2),
        Figure("product_change", "Change of the product", "%", 0, stored=4),
    )
}


def class_of(earlier_mm2: float, later_mm2: float) -> str:
    """The class of a measurable lesion, or of the sum of all, that was there earlier."""
    if later_mm2 == 0:
        return COMPLETE
    change = later_mm2 / earlier_mm2 - 1
    if change <= PARTIAL_CHANGE + 1e-9:
        return PARTIAL
    return PROGRESSIVE if change >= PROGRESSIVE_CHANGE - 1e-9 else STABLE


def change_words(change: float, sign: str = "-") -> str:
    """A change as a percentage ("25"), with as many decimals as keep it on its side of the thresholds ("24.9").

    Args:
        change: as a part of the earlier size.
        sign: "+": of an increase, too.
    """
    percent = 100 * change
    kinds = [percent <= 100 * PARTIAL_CHANGE + 1e-7, percent >= 100 * PROGRESSIVE_CHANGE - 1e-7]
    for digits in range(4):
        told = round(percent, digits)
        if [told <= 100 * PARTIAL_CHANGE, told >= 100 * PROGRESSIVE_CHANGE] == kinds:
            break
    return f"{told + 0.0:{sign}.{digits}f}" if told else "0"
