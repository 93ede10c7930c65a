"""Whether a neighbouring vertebra is fit to say what another one may have been like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SpineLib.mesh.arch import arch_of
from SpineLib.mesh.wholeness import MOST_EDGE_MM2
from SpineLib.tasks.inpainting.site import Site, border_contact_mm2
from SpineLib.tasks.inpainting.templates import Neighbour
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import level_name

#: A neighbour that is cut or ill counts so much.
DOUBTED = 0.3
#: A neighbour that shares so much (ml) with the lesion is ill, and so is one that has less than this share of the other
#: one's volume: real vertebrae two levels apart differ by a third at most.
_SHARED_ML, _SMALLEST = 0.1, 0.6


def judged(site: Site, neighbours: Sequence[Neighbour]) -> tuple[list[Neighbour], list[str]]:
    """The neighbours, those that are cut or ill with less trust, and sentences that say which and why.

    Args:
        site: where is repaired.
        neighbours: of its vertebra.
    """
    column = site.column
    numbers = dict(zip(("above", "below"), column.neighbours(site.label)))
    masks = {}
    for one in neighbours:
        number = numbers[one.name]
        assert number is not None
        part = crop(column.labels, column.boxes[number])
        masks[one.name] = part.with_array((part.array == number).astype(np.uint8))
    volumes = {name: np.count_nonzero(mask.array) * mask.voxel_volume_ml for name, mask in masks.items()}
    result, notes = [], []
    for one in neighbours:
        number = numbers[one.name]
        assert number is not None
        box, mask = column.boxes[number], masks[one.name]
        shared = np.count_nonzero(site.lesion.array[box] & mask.array) * mask.voxel_volume_ml
        reasons = []
        if border_contact_mm2(mask.array > 0, box, column.labels) > MOST_EDGE_MM2:
            reasons.append("is cut off by the edge of the image")
        if shared > _SHARED_ML:
            reasons.append(f"holds {shared:.1f} ml of the lesion")
        if volumes[one.name] < _SMALLEST * max(volumes.values()):
            reasons.append(
                f"has {volumes[one.name]:.0f} ml where the other neighbour has {max(volumes.values()):.0f} ml"
            )
        if not arch_of(mask).closed:
            reasons.append("has no closed arch")
        if reasons:
            one = replace(one, trust=DOUBTED)
            notes.append(
                f"The neighbour {level_name(number)} {' and '.join(reasons)}: it counts less in this repair; look at "
                "the result with care."
            )
        result.append(one)
    return result, notes
