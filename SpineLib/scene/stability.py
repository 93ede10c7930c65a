"""A lesion's distance from the spinal canal, and the form of its stability, kept as a tag of its segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import segment_tag
from SpineLib.scene.review import kept_ids
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.scene.spineparts import spine_parts
from SpineLib.tasks.stability.canal import bilsky_proposal, canal_distance
from SpineLib.tasks.stability.form import STABILITY, StabilityForm, distance_words
from SpineLib.tasks.stability.proposals import Proposal, answers, sins_proposals
from SpineLib.volume.levels import VERSE_NUMBERS

_LEVEL = "SpineOncology.Level"


@dataclass(frozen=True)
class Proposed:
    """What can be proposed of a lesion.

    Attributes:
        form: prefilled, not confirmed.
        reasons: component's key to why; "bilsky" too.
        sentence: the distance in words; "" without a canal.
    """

    form: StabilityForm
    reasons: Mapping[str, str]
    sentence: str


def form_of(segmentation, segment_id: str) -> StabilityForm:
    """The form that a segment holds; an empty one where it holds none."""
    segment = segmentation.GetSegmentation().GetSegment(segment_id) if segmentation is not None else None
    return StabilityForm() if segment is None else StabilityForm.from_text(segment_tag(segment, STABILITY))


def keep_form(segmentation, segment_id: str, form: StabilityForm) -> None:
    """Keep a form with its segment; it is saved with the segmentation."""
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    if segment is not None:
        segment.SetTag(STABILITY, form.text())


def spine_lines(segmentation, ids=None, unconfirmed: bool = False) -> list[str]:
    """What a report says of the stability of segments (None: all that were not rejected).

    Scores only where they were confirmed; with ``unconfirmed`` measured distances of the others, too.
    """
    lines = []
    for segment_id in kept_ids(segmentation) if ids is None else ids:
        form = form_of(segmentation, segment_id)
        measured = form.distances.get("lesion", {}).get("measured_ml")
        if measured is not None and abs(_ml(segments_volume(segmentation, [segment_id], "lesion")) - measured) > 1e-3:
            form = replace(form, distances={})  # the lesion was edited since: its distance is another one
        told = form.lines() or (form.distance_lines() if unconfirmed else [])
        if told:
            segment = segmentation.GetSegmentation().GetSegment(segment_id)
            lines.append(f"{segment.GetName() or segment_id}: {' '.join(told)}")
    return lines


def _ml(mask) -> float:
    return round(float(np.count_nonzero(mask.array)) * mask.voxel_volume_ml, 4)


def propose(segmentation, segment_id: str, canal=None, canal_segment: str = "", ct=None) -> Proposed:
    """Measure a lesion's distance from the canal and propose what can be seen.

    Args:
        segmentation, segment_id: the lesion.
        canal, canal_segment: segmentation node and segment of the spinal canal, or None; its segments called "L3 body",
            "L3 arch" and so on (of one vertebra alone "body" and "arch") are used, too.
        ct: CT volume node in the same space, or None.

    Raises:
        SpineError: the lesion is empty, or the canal is.
    """
    lesion = segments_volume(segmentation, [segment_id], "lesion")
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    distances, reasons, grade, sentence, own = {}, {}, "", "", None
    level = segment_tag(segment, _LEVEL)
    if canal is not None:
        parts = spine_parts(canal, canal_segment)
        if parts.canal is None:
            raise SpineError("The segment of the canal is empty: draw it, or choose another one.")
        near = canal_distance(lesion, parts.canal, canal_by=parts.by)
        distances["lesion"] = {**near.to_dict(), "measured_ml": _ml(lesion)}
        grade, reasons["bilsky"] = bilsky_proposal(near, parts.uncertain_mm)
        sentence = distance_words("lesion", distances["lesion"])
        own = parts.of(lesion, level)
        if own is not None and not level and own.name in VERSE_NUMBERS:
            level = own.name
    scan = volume_from_node(ct, "CT") if ct is not None else None
    found: dict[str, Proposal] = (
        sins_proposals(level, lesion, scan, own.body, own.arch, own.neighbours)
        if own is not None
        else sins_proposals(level, lesion, scan)
    )
    reasons |= {key: one.reason for key, one in found.items()}
    return Proposed(StabilityForm(answers(found), grade, False, distances), reasons, sentence)
