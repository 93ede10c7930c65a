"""Canal, bodies and arches as a segmentation: in from a job, and out to be measured with."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SpineLib.errors import SpineError
from SpineLib.scene.masks import segment_ids
from SpineLib.scene.results import Entry, add_labels, segment_tag
from SpineLib.scene.segmentvolumes import segments_labels, segments_volume
from SpineLib.tasks.ct.vertebra_naming import ANATOMICAL_STRUCTURE, vertebra_terminology
from SpineLib.tasks.segmentation.naming import Code, terminology_entry
from SpineLib.tasks.stability.output import read_parts
from SpineLib.tasks.stability.parts import CANAL, SpineParts
from SpineLib.volume import Volume

#: Segment tags: which model found it, and how uncertain its borders are, mm.
FOUND_BY, UNCERTAIN = "SpineOncology.FoundBy", "SpineOncology.UncertainMm"
_CANAL_COLOUR = (0.25, 0.55, 0.95)
_CANAL_TERMINOLOGY = terminology_entry(ANATOMICAL_STRUCTURE, Code("61853006", "Spinal canal structure"))


def add_parts(folder: str | Path, told: Mapping[str, Any], source_node):
    """The parts that a job found, as a segmentation that is there and not shown.

    Args:
        folder: where the job wrote its files.
        told: :func:`SpineLib.tasks.stability.output.write_parts`.
        source_node: volume node they were found in; None: it was deleted.

    Raises:
        SpineError: the file cannot be read, or does not fit the source any more. The scene is then as it was.
    """
    parts = read_parts(told, Path(folder))
    tags = {FOUND_BY: parts.by, UNCERTAIN: f"{parts.uncertain_mm:g}"}
    entries = [_entry(number, name, tags) for number, name in sorted(parts.names.items())]
    of = f"{source_node.GetName().replace(':', '')} " if source_node is not None else ""
    provenance = {"task": "column", "model": {"id": parts.by}}
    node, _ = add_labels(
        [(parts.labels, entries)], source_node, name=f"{of}spine parts ({parts.by})", provenance=provenance
    )
    node.GetDisplayNode().SetVisibility(False)
    return node


def import_parts(folder: str | Path, result: Mapping, inputs):
    """The result of job "column" as :func:`add_parts` makes it; None when the scene was closed meanwhile.

    Args:
        inputs: :class:`SpineLib.scene.runs.RunInputs` of the image.
    """
    if inputs.scene_closed:
        return None
    try:
        return add_parts(folder, result["parts"], inputs.node(next(iter(inputs.files))))
    finally:
        inputs.release()


def canal_segment(segmentation) -> str:
    """Id of the segment that is called canal; of the only segment whatever it is called; "" where neither is there."""
    ids = segment_ids(segmentation)
    names = {one: (segmentation.GetSegmentation().GetSegment(one).GetName() or "").casefold() for one in ids}
    return next((one for one in ids if CANAL in names[one]), ids[0] if len(ids) == 1 else "")


def canal_volume(segmentation, chosen: str = "", registration=None) -> tuple[Volume, str] | None:
    """Mask of the canal, and id of the model that found it ("" of a drawn one); None where none is marked.

    Args:
        segmentation: its node, or None.
        chosen: id of its segment; "": the one that is called so.
        registration: transform node that is left out of its place.
    """
    if segmentation is None or not (segment_id := chosen or canal_segment(segmentation)):
        return None
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    if segment is None:
        return None
    return segments_volume(segmentation, [segment_id], "canal", registration), segment_tag(segment, FOUND_BY)


def spine_parts(segmentation, chosen: str = "") -> SpineParts:
    """All parts that a segmentation holds; ``chosen`` is the canal's segment, whatever it is called.

    Raises:
        SpineError: there are no parts, or the segments are empty.
    """
    canal = chosen or canal_segment(segmentation)
    if not canal:
        raise SpineError("The segmentation of the canal holds several segments: choose the canal's.")
    names, numbers = {}, {}
    inner = segmentation.GetSegmentation()
    for number, segment_id in enumerate(segment_ids(segmentation)[:255], start=1):
        name = inner.GetSegment(segment_id).GetName() or segment_id
        if segment_id == canal or CANAL not in name.casefold():
            names[number], numbers[segment_id] = CANAL if segment_id == canal else name, number
    if canal not in numbers:
        raise SpineError("The segment of the canal is gone: choose another one.")
    labels, _ = segments_labels(segmentation, numbers, "canal")
    segment = inner.GetSegment(canal)
    by, told = segment_tag(segment, FOUND_BY), segment_tag(segment, UNCERTAIN)
    return SpineParts(labels, names, by, float(told) if told else max(labels.spacing) / 2)


def _entry(number: int, name: str, tags: Mapping[str, str]) -> Entry:
    if name.casefold() == CANAL:
        return Entry(number, "Canal", name, _CANAL_COLOUR, _CANAL_TERMINOLOGY, tags)
    level, _, part = name.rpartition(" ")
    hue = (number // 2) * 0.38197 % 1.0
    colour = colorsys.hsv_to_rgb(hue, 0.45, 0.92 if part == "body" else 0.65)
    return Entry(number, name.replace(" ", "_"), name, colour, vertebra_terminology(level), tags)
