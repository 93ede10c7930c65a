"""The key pictures of a follow-up."""

from __future__ import annotations

from SpineLib.reports.followup import FollowUpReport, one_space
from SpineLib.reports.key_pictures import KeyPicture, key_picture
from SpineLib.tasks.segmentation.naming import metastasis_name


def followup_pictures(report: FollowUpReport) -> list[KeyPicture]:
    """One of each metastasis: before, after and with both outlines; of one not treated, the scan before alone."""
    found = []
    for part in report.parts:
        space = one_space(report, part)
        shown = space.pictures if part.comparison is not None else space.pictures[:1]
        title = f"{metastasis_name(part.lesion)}: {part.outcome}"
        if report.simulated:
            title += " (simulated data, not a patient)"
        found.append(key_picture(title, shown, space.own))
    return [picture for picture in found if picture is not None]
