"""A combo box of a segmentation's segments."""

from __future__ import annotations


def fillSegments(combo, segmentation, first=()):
    """Offer the segments of a segmentation; keeps the choice where it can, and shows the first entry otherwise.

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
    if entries == [(combo.itemText(index), combo.itemData(index)) for index in range(combo.count)]:
        return
    ids = [segmentId for _, segmentId in entries]
    chosen = combo.itemData(combo.currentIndex) if combo.count else None
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
