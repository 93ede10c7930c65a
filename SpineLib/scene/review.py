"""Lesions that a reader accepted, rejected or was not sure of: tags of segments, and whether they are seen."""

from __future__ import annotations

from SpineLib.scene.masks import segment_ids
from SpineLib.scene.results import segment_tag
from SpineLib.volume.review import REJECTED, REVIEW, REVIEWS


def review_of(segmentation, segment_id: str) -> str:
    """ "accepted", "rejected" or "unsure"; "" of a segment that was not looked at, or is gone."""
    segment = segmentation.GetSegmentation().GetSegment(segment_id)
    text = "" if segment is None else segment_tag(segment, REVIEW)
    return text if text in REVIEWS else ""


def set_review(segmentation, segment_id: str, review: str) -> None:
    """Note what the reader thinks; a rejected lesion is hidden, one that is no longer rejected is seen again.

    Args:
        review: one of :data:`SpineLib.volume.review.REVIEWS`; "": not looked at.
    """
    segment, former = segmentation.GetSegmentation().GetSegment(segment_id), review_of(segmentation, segment_id)
    if segment is None or review == former:
        return
    if review:
        segment.SetTag(REVIEW, review)
    else:
        segment.RemoveTag(REVIEW)
    if REJECTED in (review, former):
        show_segment(segmentation, segment_id, review != REJECTED)


def kept_ids(segmentation) -> list[str]:
    """Ids of the segments that were not rejected, in their order: what is measured, compared and exported."""
    return [one for one in segment_ids(segmentation) if review_of(segmentation, one) != REJECTED]


def is_shown(segmentation, segment_id: str) -> bool:
    """Whether a segment is seen in the views, where its segmentation is."""
    display = segmentation.GetDisplayNode()
    return display is None or bool(display.GetSegmentVisibility(segment_id))


def show_segment(segmentation, segment_id: str, shown: bool) -> None:
    """Let a segment be seen, or hide it."""
    if segmentation.GetDisplayNode() is None:
        segmentation.CreateDefaultDisplayNodes()
    segmentation.GetDisplayNode().SetSegmentVisibility(segment_id, shown)
