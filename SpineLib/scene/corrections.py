"""A corrected segmentation out of the scene: the images that it lies on, and its segments as one label map."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.scene.masks import segment_box, segment_ids
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import provenance_of, segment_tag, source_volume
from SpineLib.scene.runs import RunInputs, export_inputs
from SpineLib.scene.scans import SIMULATED
from SpineLib.tasks.segmentation.naming import PROVENANCE
from SpineLib.volume import write_volume


def export_correction(images: Mapping[str, Any], segmentation, folder: str | Path) -> RunInputs:
    """Write images and correction for the worker; the correction is the file "corrected".

    Args:
        images: sequence to volume node; those without a node are left out.
        segmentation: its segments are lesions; where they overlap, the later one counts.
        folder: private folder of the job.

    Raises:
        SpineError: an image cannot be used, or the segmentation was made of none of them.
    """
    source, chosen = source_volume(segmentation), [node for node in images.values() if node is not None]
    if source is not None and source not in chosen:
        raise SpineError(
            "The segmentation was made of another image than those that are chosen: choose the images of the same "
            "patient."
        )
    inputs = export_inputs(images, folder)
    first = chosen[0]
    ids = segment_ids(segmentation)
    array = np.zeros(first.GetImageData().GetDimensions()[::-1], np.uint8 if len(ids) < 256 else np.uint16)
    for number, segment_id in enumerate(ids, start=1):
        box, inside = segment_box(segmentation, segment_id, first)
        array[box][inside] = number
    file = Path(folder) / "corrected.nrrd"
    write_volume(volume_from_node(first, "corrected").with_array(array), file, compress=False)
    inputs.files["corrected"] = str(file)
    return inputs


def correction_provenance(segmentation) -> dict:
    """What is known of the model whose result this was; empty for one drawn by hand."""
    known = provenance_of(segmentation)
    if known:
        return known
    inner = segmentation.GetSegmentation()
    texts = (segment_tag(inner.GetSegment(one), PROVENANCE) for one in segment_ids(segmentation))
    return next((json.loads(text) for text in texts if text), {})


def any_simulated(images: Iterable) -> bool:
    """Whether one of the volume nodes says that it is simulated."""
    return any(
        node is not None
        and (node.GetAttribute(SIMULATED) is not None or node.GetName().lower().startswith("simulated"))
        for node in images
    )
