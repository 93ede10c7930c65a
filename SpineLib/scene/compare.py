"""How far two segments agree, wherever they are."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from SpineLib.scene.masks import segment_ids, segment_mask


def compare_segments(reference, result, volume_node):
    """Overlap of a result with a reference (Dice, TPR, TNR) on the grid of a volume.

    Args:
        reference: (segmentation node, segment id, several ids, or None for all its segments taken together): the truth.
        result: the same, what is judged.
        volume_node: the volume whose voxels are counted, normally the one the result was made from.

    Returns:
        :class:`SpineLib.metrics.overlap.Overlap`.

    Raises:
        SpineError: a segment that is gone, a warping transform.
    """
    from SpineLib.metrics.overlap import overlap

    first, second = (union_mask(node, ids, volume_node) for node, ids in (reference, result))
    return overlap(first, second)


def union_mask(segmentation_node, ids: str | Iterable[str] | None, volume_node) -> np.ndarray:
    """bool array (k, j, i): voxels of ``volume_node`` in any of the segments (None: all of them)."""
    if ids is None:
        ids = segment_ids(segmentation_node)
    elif isinstance(ids, str):
        ids = [ids]
    image = volume_node.GetImageData()
    union = np.zeros(image.GetDimensions()[::-1], bool)
    for segment_id in ids:
        union |= segment_mask(segmentation_node, segment_id, volume_node)
    return union
