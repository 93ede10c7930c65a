"""What the module runs on, and where its results went. No Qt here."""

from __future__ import annotations

#: Sequences the module offers; the first one chosen gives the grid of the result.
SEQUENCES = ("T1", "T2")


def tablesOf(segmentation):
    """The scene's lesion tables of a segmentation."""
    import slicer

    from SpineLib.scene.tables import SEGMENTATION_ROLE

    return [
        table
        for table in slicer.util.getNodesByClass("vtkMRMLTableNode")
        if table.GetNodeReferenceID(SEGMENTATION_ROLE) == segmentation.GetID()
    ]
