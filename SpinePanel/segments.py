"""A segmentation's segments: in a combo box, chosen, and in the Segment Editor."""

from __future__ import annotations

import logging

import slicer

from SpinePanel.runs import sourceVolume

#: What a parameter holds where all segments are meant together.
ALL = "*"
#: Property of a combo box: the id of the segmentation whose segments it offers.
_OF = "SpineOncologySegmentation"


def fillSegments(combo, segmentation, first=()):
    """Offer the segments of a segmentation; keeps the choice while it is the same one, else shows the first entry.

    Args:
        combo: ``QComboBox``; its entries hold the segments' ids.
        segmentation: segmentation node, or None.
        first: (text, data) of entries that stand before the segments.
    """
    entries = list(first)
    if segmentation is not None:
        inner = segmentation.GetSegmentation()
        for number in range(inner.GetNumberOfSegments()):
            entries.append((inner.GetNthSegment(number).GetName(), inner.GetNthSegmentID(number)))
    # Slicer counts ids alike in all segmentations, so that an id alone is no choice in another one.
    of = segmentation.GetID() if segmentation is not None else ""
    same = combo.property(_OF) == of
    if same and entries == [(combo.itemText(index), combo.itemData(index)) for index in range(combo.count)]:
        return
    combo.setProperty(_OF, of)
    ids = [segmentId for _, segmentId in entries]
    chosen = combo.itemData(combo.currentIndex) if combo.count and same else None
    blocked = combo.blockSignals(True)
    combo.clear()
    for name, segmentId in entries:
        combo.addItem(name, segmentId)
    if entries:
        combo.currentIndex = ids.index(chosen) if chosen in ids else 0
    combo.enabled = len(entries) > 1
    combo.blockSignals(blocked)


def chosenSegment(combo):
    """Data of the chosen entry; None for an empty one."""
    return (combo.itemData(combo.currentIndex) or None) if combo.count else None


def segmentIds(segmentation):
    """Ids of the segments of a segmentation node; none of None."""
    if segmentation is None:
        return []
    inner = segmentation.GetSegmentation()
    return [inner.GetNthSegmentID(number) for number in range(inner.GetNumberOfSegments())]


class SegmentChoice:
    """Which segment of a segmentation is meant: its id alone does not tell, as Slicer counts alike in all of them."""

    def __init__(self):
        self._last = (None, "")

    def forget(self):
        """What comes next is as it was chosen: the module is left, or a scene is closed or read."""
        self._last = (None, "")

    def wanted(self, segmentation, chosen):
        """The segment's id, :data:`ALL`, or "" where the user has to choose.

        Args:
            segmentation: segmentation node, or None.
            chosen: what the parameter holds.
        """
        ids, (former, formerly) = segmentIds(segmentation), self._last
        if former not in (None, segmentation) and chosen == formerly != ALL:
            chosen = ""  # a segment of the other segmentation
        wanted = chosen if chosen in ids or (chosen == ALL and ids) else ids[0] if len(ids) == 1 else ""
        self._last = (segmentation, wanted)
        return wanted


def openInEditor(segmentation, segmentId=None, volume=None):
    """Open the Segment Editor on a segmentation, one of its segments and an image (default: that it was made from)."""
    try:
        slicer.util.selectModule("SegmentEditor")
    except RuntimeError:  # There is no main window to show it in: the editor itself works all the same.
        logging.info("The Segment Editor is set up but not shown: there is no main window.")
    editor = slicer.modules.segmenteditor.widgetRepresentation().self().editor
    _uncover(segmentation, segmentId)
    editor.setSegmentationNode(segmentation)
    volume = volume or sourceVolume(segmentation)
    if volume is not None:
        editor.setSourceVolumeNode(volume)
    if segmentId:
        editor.setCurrentSegmentID(segmentId)


def _uncover(segmentation, segmentId):
    """Show what is to be edited: the editor's effects stop with a question at a segment that is hidden."""
    if segmentation is None:
        return
    segmentation.SetDisplayVisibility(True)
    if segmentId and segmentation.GetDisplayNode() is not None:
        segmentation.GetDisplayNode().SetSegmentVisibility(segmentId, True)
