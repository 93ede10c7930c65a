"""What a reader thinks of a lesion that was found: a tag of its segment, in Slicer's scene and in its files."""

from __future__ import annotations

#: The tag, and what it may say; a segment without it was not looked at.
REVIEW = "SpineOncology.Review"
ACCEPTED, REJECTED, UNSURE = "accepted", "rejected", "unsure"
REVIEWS = (ACCEPTED, REJECTED, UNSURE)
