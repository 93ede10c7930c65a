"""What a model does on real scans of healthy spines: false positives, and lesions painted into them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from SpineLib.metrics.overlap import lesion_matches, overlap
from SpineLib.models import ModelBundle
from SpineLib.phantom.paint import paint_lesions
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.segmentation.placed import segment_placed
from SpineLib.tasks.segmentation.segment import SegmentSettings
from SpineLib.volume import Volume

#: A painted lesion counts as found when the result covers this share of it.
FOUND_SHARE = 0.1


def evaluate_healthy(
    bundle: ModelBundle,
    images: Mapping[str, Volume],
    bodies: Volume,
    *,
    repeats: int = 4,
    count: int = 3,
    seed: int = 1,
    whole: bool = False,
    settings: SegmentSettings = SegmentSettings(),
    progress: Progress = silent,
) -> dict:
    """False positives on a healthy scan, and what is found of lesions painted into it ``repeats`` times: all as users
    have it, with the column's levels and without what is no lesion of a vertebra.

    Args:
        bundle: the model; it is given those of ``images`` it wants.
        images: sequences of one healthy person.
        bodies: labels of the vertebral bodies, on the same grid.
        repeats, count, seed: paintings, lesions in each, randomness.
        whole: replace whole bodies evenly instead of painting lesions into them.

    Returns:
        JSON-able: ``false_positives`` (volumes in ml, largest first, ``ml`` in all, ``count_half_ml`` of 0.5 ml or
        more), ``painted`` (a row a lesion: kind, volume_ml, found, share covered), ``dice`` (one a painting) and
        ``outside_ml`` (volume found outside painted lesions, one a painting).
    """
    wanted = {name: images[name] for name in bundle.card.inputs_of(images)}
    plain = segment_placed(wanted, bundle, settings, part(progress, 0, 1 / (repeats + 1)))
    volumes = sorted((lesion.volume_ml for lesion in plain.lesions), reverse=True)
    rows, dices, outside = [], [], []
    for n in range(repeats):
        painted, truth, facts = paint_lesions(wanted, bodies, seed * 1000 + n, count, whole=whole)
        result = segment_placed(
            painted, bundle, settings, part(progress, (n + 1) / (repeats + 1), (n + 2) / (repeats + 1))
        )
        mask = result.mask.array > 0
        found = set(lesion_matches(truth.array, mask, least_share=FOUND_SHARE).found)
        for fact in facts:
            own = truth.array == fact["number"]
            rows.append(
                {
                    "painting": n + 1,
                    **fact,
                    "found": fact["number"] in found,
                    "covered": round(float(mask[own].mean()), 3),
                }
            )
        dices.append(round(float(overlap(truth.array, mask).dice), 4))
        outside.append(round(float((mask & (truth.array == 0)).sum()) * bodies.voxel_volume_ml, 3))
    return {
        "model": bundle.card.id,
        "inputs": list(wanted),
        "false_positives": {
            "volumes_ml": [round(v, 3) for v in volumes],
            "ml": round(float(np.sum(volumes)), 3),
            "count": len(volumes),
            "count_half_ml": sum(v >= 0.5 for v in volumes),
        },
        "painted": rows,
        "dice": dices,
        "outside_ml": outside,
    }
