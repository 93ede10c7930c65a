"""What a slice picture needs to be read alone: letters of its edges, a scale bar, and where it lies."""

from __future__ import annotations

import numpy as np

from SpineLib.geometry.orientation import canonical
from SpineLib.volume import Volume

#: Order of the canonical array's axes (towards the left, down, back), slices first, by plane.
PLANES = {"sagittal": (0, 1, 2), "axial": (1, 2, 0), "coronal": (2, 1, 0)}
#: The patient's side at the picture's left, right, top and bottom: H head, F feet, as in DICOM.
EDGES = {"sagittal": tuple("APHF"), "axial": tuple("RLAP"), "coronal": tuple("RLHF")}
#: LPS component of a slice's place by plane, and what its negative and positive values are called.
_PLACES = {"sagittal": (0, "RL"), "axial": (2, "FH"), "coronal": (1, "AP")}
_LENGTHS = (1, 2, 5, 10, 20, 50, 100)


def bar_mm(width_mm: float) -> int:
    """Length of the scale bar of a picture, mm: the longest round one that is no longer than a third of it."""
    return max((length for length in _LENGTHS if length <= width_mm / 3), default=_LENGTHS[0])


def slice_place(volume: Volume, plane: str, n: int) -> str:
    """ "L 12 mm": where the middle of slice ``n`` of a plane lies in the scanner's coordinates, and on which side."""
    turned = canonical(volume)[0]
    middle = [(size - 1) / 2 for size in turned.shape]
    middle[PLANES[plane][0]] = n
    component, letters = _PLACES[plane]
    place = float((turned.ijk_to_lps @ np.array([*middle[::-1], 1.0]))[component])
    shown = f"{abs(place):.0f}"
    return f"{letters[place > 0]} {shown} mm" if shown != "0" else "0 mm"


def marks_svg(width_mm: float, height_mm: float, plane: str) -> str:
    """Letters and bar as SVG, in a picture whose unit is the millimetre."""
    size = max(width_mm, height_mm) / 20
    left, right, top, bottom = EDGES[plane]
    places = (
        (left, 0.3 * size, height_mm / 2 + 0.35 * size, "start"),
        (right, width_mm - 0.3 * size, height_mm / 2 + 0.35 * size, "end"),
        (top, width_mm / 2, size, "middle"),
        (bottom, width_mm / 2, height_mm - 0.35 * size, "middle"),
    )
    length = bar_mm(width_mm)
    end, y = width_mm - 0.5 * size, height_mm - 0.6 * size
    letters = "".join(
        f'<text x="{x:.2f}" y="{place:.2f}" text-anchor="{anchor}">{letter}</text>'
        for letter, x, place, anchor in places
    )
    return (
        f'<g class="marks" font-size="{size:.2f}" stroke-width="{size / 5:.2f}">{letters}'
        f'<text x="{end:.2f}" y="{y - 0.4 * size:.2f}" text-anchor="end">{length} mm</text>'
        f'<path class="bar" d="M{end - length:.2f} {y:.2f}H{end:.2f}M{end - length:.2f} {y - 0.25 * size:.2f}'
        f'v{0.5 * size:.2f}M{end:.2f} {y - 0.25 * size:.2f}v{0.5 * size:.2f}"/></g>'
    )
