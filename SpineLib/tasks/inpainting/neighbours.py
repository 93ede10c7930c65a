"""Whether a neighbouring vertebra is fit to say what another one may have been like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy import ndimage

from SpineLib.mesh.arch import arch_of
from SpineLib.mesh.wholeness import MOST_EDGE_MM2
from SpineLib.tasks.inpainting.site import TOUCHED_MM2, Site, border_contact_mm2, touched_mm2
from SpineLib.tasks.inpainting.templates import Neighbour
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import level_name

#: A neighbour that is cut or ill counts so much.
DOUBTED = 0.3
#: A neighbour of which so much (ml) lies in lesions that do not reach the vertebra to be repaired, or this share in
#: any, is ill, and so is one that has less than this share of the other one's volume: real vertebrae two levels apart
#: differ by a third at most. What is to be repaired may reach into healthy neighbours: a region 8 mm beyond the bone
#: does.
_SHARED_ML, _SHARED, _SMALLEST = 0.1, 0.3, 0.6


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
    pieces, _ = ndimage.label(site.lesion.array > 0, np.ones((3, 3, 3)))
    own = np.unique(pieces[site.box][site.region])
    result, notes = [], []
    for one in neighbours:
        number = numbers[one.name]
        assert number is not None
        box, mask = column.boxes[number], masks[one.name]
        inside = pieces[box][mask.array > 0]
        foreign = np.count_nonzero((inside > 0) & ~np.isin(inside, own)) * mask.voxel_volume_ml
        shared = np.count_nonzero(inside) * mask.voxel_volume_ml
        reasons = []
        if border_contact_mm2(mask.array > 0, box, column.labels) > MOST_EDGE_MM2:
            reasons.append("is cut off by the edge of the image")
        if foreign > _SHARED_ML or shared > _SHARED * volumes[one.name]:
            reasons.append(f"holds {shared:.1f} ml of the lesion")
        elif shared <= _SHARED_ML and touched_mm2(site, number) > TOUCHED_MM2:
            reasons.append("is touched by the lesion as a vertebra whose labels leave out what it took")
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
