"""Segments on their way out of the scene: as labels of a file, with all that reports and DICOM say of them."""

from __future__ import annotations

from pathlib import Path

import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.results import segment_tag
from SpineLib.scene.review import kept_ids
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.tasks.segmentation.naming import PROBABILITY
from SpineLib.volume import write_volume


def outgoing_segments(segmentation, folder: Path, name: str, registration=None) -> dict:
    """All segments that were not rejected.

    Args:
        segmentation: its node.
        folder: gets the file of the labels.
        name: of that file, and for sentences ("metastases").
        registration: transform node that is left out of their place.

    Returns:
        ``{"labels": path, "segments": [{"label", "name", "colour", "terminology"}], "probability": {label: number}}``.

    Raises:
        SpineError: nothing is segmented.
    """
    inner, labels, segments, probability = segmentation.GetSegmentation(), None, [], {}
    for number, segment_id in enumerate(kept_ids(segmentation), start=1):
        try:
            mask = segments_volume(segmentation, [segment_id], name, registration)
        except SpineError:  # empty: there is nothing to tell of it
            continue
        labels = mask if labels is None else labels
        labels.array[mask.array > 0] = number
        segment = inner.GetSegment(segment_id)
        segments.append(
            {
                "label": number,
                "name": segment.GetName(),
                "colour": list(segment.GetColor()),
                "terminology": segment_tag(segment, slicer.vtkSegment.GetTerminologyEntryTagName()),
            }
        )
        if found := segment_tag(segment, PROBABILITY):
            probability[str(number)] = float(found)
    if labels is None:
        raise SpineError(f"Nothing is segmented as {name}, so there is no report or DICOM SEG to write.")
    path = folder / f"labels-{name}.nrrd"
    write_volume(labels, path, compress=False)
    return {"labels": str(path), "segments": segments, "probability": probability}
