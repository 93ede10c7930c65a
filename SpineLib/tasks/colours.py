"""The colours of outlines and surfaces, one list for panels, views and reports.

From the palette of Okabe and Ito (2008), whose colours readers without red or green cones can tell apart as well. What
may lie over one another in a view is far apart in it: the metastasis before and the necrosis after, a lesion and the
vertebrae, a vertebra before and repaired, a result and the truth.
"""

from __future__ import annotations

Colour = tuple[float, float, float]


def _of(red: int, green: int, blue: int) -> Colour:
    return red / 255, green / 255, blue / 255


ORANGE, SKY, GREEN, YELLOW = _of(230, 159, 0), _of(86, 180, 233), _of(0, 158, 115), _of(240, 228, 66)
BLUE, VERMILLION, PURPLE = _of(0, 114, 178), _of(213, 94, 0), _of(204, 121, 167)

#: Of what a model marks, by its target: the first segment's colour, and those of further ones.
TARGETS: dict[str, tuple[Colour, ...]] = {
    "metastasis": (VERMILLION, YELLOW, PURPLE),
    "necrosis": (SKY, GREEN, BLUE),
}
METASTASIS, NECROSIS = TARGETS["metastasis"][0], TARGETS["necrosis"][0]
#: A lesion on CT; a vertebra before its repair and after it; what a simulation or a reader says is there.
LESION, BEFORE, REPAIRED, TRUTH = VERMILLION, YELLOW, GREEN, SKY
#: What a check complains about.
BAD = _of(217, 26, 26)
#: Landmarks in the scan before and in the scan after.
LANDMARKS_BEFORE, LANDMARKS_AFTER = METASTASIS, NECROSIS


def nth_colour(number: int, target: str = "metastasis") -> Colour:
    """Of the n-th segment (from 1) of a target; when the list is through, it begins again in paler colours."""
    colours = TARGETS.get(target, TARGETS["metastasis"])
    turn, index = divmod(max(number, 1) - 1, len(colours))
    white = 1.0 - 0.65**turn
    red, green, blue = (part + white * (1.0 - part) for part in colours[index])
    return red, green, blue


def hexadecimal(colour: Colour) -> str:
    """ "#d55e00", as pages want it."""
    return "#" + "".join(f"{round(255 * part):02x}" for part in colour)
