"""The module Segment Editor as other modules reach it, with effects that change a segment as the real ones do."""

from __future__ import annotations

import enum
import types

import numpy as np
from PySide6 import QtCore, QtWidgets

from . import objects
from .objects import custom


@custom("slicer")
class qSlicerSegmentEditorAbstractEffect(QtCore.QObject):
    """The base of the real effects; here for what a labelmap does to a segment."""

    class ModificationMode(enum.Enum):
        ModificationModeSet = 0
        ModificationModeAdd = 1
        ModificationModeRemove = 2
        ModificationModeRemoveAll = 3

    ModificationModeSet = ModificationMode.ModificationModeSet
    ModificationModeAdd = ModificationMode.ModificationModeAdd
    ModificationModeRemove = ModificationMode.ModificationModeRemove


@custom("slicer")
class qMRMLSegmentEditorWidget(QtWidgets.QWidget):
    """The editor's choice of segmentation, source volume, segment and effect, kept in a real segment editor node."""

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node = self._effect = None

    def setMRMLSegmentEditorNode(self, node):
        self._node = node

    def mrmlSegmentEditorNode(self):
        return self._node

    def setMRMLScene(self, scene):
        """Nothing to follow here."""

    def segmentationNode(self):
        return self._node.GetSegmentationNode()

    def setSegmentationNode(self, node):
        self._node.SetAndObserveSegmentationNode(node)

    def sourceVolumeNode(self):
        return self._node.GetSourceVolumeNode()

    def setSourceVolumeNode(self, node):
        self._node.SetAndObserveSourceVolumeNode(node)

    def currentSegmentID(self):
        return self._node.GetSelectedSegmentID()

    def setCurrentSegmentID(self, segment_id):
        self._node.SetSelectedSegmentID(segment_id)

    def setActiveEffectByName(self, name):
        """Without a source volume no effect can be chosen: "Select source volume to enable editing"."""
        known = name and self.segmentationNode() is not None and self.sourceVolumeNode() is not None
        self._effect = Effect(name, self) if known else None

    def activeEffect(self):
        return self._effect


class Effect:
    """An effect of the editor, on the segment that is chosen there."""

    def __init__(self, name, editor):
        self.name, self._editor, self._parameters = name, editor, {}

    def setParameter(self, name, value):
        self._parameters[name] = value

    def parameter(self, name):
        return str(self._parameters.get(name, ""))

    def self(self):
        """The Python half of a scripted effect; "Margin" is the one that is stood in for."""
        if self.name != "Margin":
            raise NotImplementedError(f"The stand-in has no effect {self.name}")
        return types.SimpleNamespace(onApply=self._margin)

    def modifySelectedSegmentByLabelmap(self, labelmap, mode):
        """Add (mode 1) or remove (2) a labelmap, or put it in the segment's place (0), as a stroke of the brush does.

        Args:
            labelmap: ``vtkOrientedImageData`` on the grid of the source volume.
        """
        from vtk.util import numpy_support

        segmentation, volume = self._editor.segmentationNode(), self._editor.sourceVolumeNode()
        stroke = numpy_support.vtk_to_numpy(labelmap.GetPointData().GetScalars()) > 0
        before = self._mask()
        stroke = stroke.reshape(before.shape)
        after = (stroke, before | stroke, before & ~stroke)[int(mode)]
        edit(segmentation, self._editor.currentSegmentID(), after, volume)

    def _mask(self):
        import slicer

        segmentation, volume = self._editor.segmentationNode(), self._editor.sourceVolumeNode()
        segment = self._editor.currentSegmentID()
        array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, volume)
        return np.zeros(slicer.util.arrayFromVolume(volume).shape, bool) if array is None else array > 0

    def _margin(self):
        """Grow (a positive margin, mm) or shrink the segment."""
        import slicer
        from scipy import ndimage

        margin, volume = float(self._parameters.get("MarginSizeMm", 3.0)), self._editor.sourceVolumeNode()
        mask, spacing = self._mask(), volume.GetSpacing()[::-1]
        if margin > 0:
            mask = ndimage.distance_transform_edt(~mask, sampling=spacing) <= margin
        else:
            mask = ndimage.distance_transform_edt(mask, sampling=spacing) > -margin
        edit(self._editor.segmentationNode(), self._editor.currentSegmentID(), mask, volume)
        slicer.app.processEvents()


def edit(segmentation, segment_id, mask, volume):
    """Give a segment other voxels, as an effect or a stroke does: the segment and its labelmap have a new time of
    change, the segmentation (``vtkSegmentation``) and its node have not.

    Args:
        mask: array (k, j, i) on the grid of ``volume``.
    """
    import slicer

    slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), segmentation, segment_id, volume)


def install(slicer) -> None:
    """``slicer.modules.segmenteditor.widgetRepresentation().self().editor``."""
    node = slicer.mrmlScene.GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode")
    if node is None:
        node = slicer.vtkMRMLSegmentEditorNode()
        node.SetSingletonTag("SegmentEditor")
        node = slicer.mrmlScene.AddNode(node)
    editor = objects.find_class("slicer", "qMRMLSegmentEditorWidget")()
    editor.setMRMLSegmentEditorNode(node)
    script = types.SimpleNamespace(editor=editor)
    representation = types.SimpleNamespace(self=lambda: script)
    slicer.modules.segmenteditor = types.SimpleNamespace(
        name="SegmentEditor", widgetRepresentation=lambda: representation
    )
