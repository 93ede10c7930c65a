"""Two scans in the slice views at once: faded into each other, or as a checkerboard; and the views as they were."""

from __future__ import annotations

import numpy as np
import slicer

from SpineLib.scene.nodes import volume_from_node, volume_to_node
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like

#: Side of a checkerboard's field.
FIELD_MM = 15.0
_KEPT = ("BackgroundVolumeID", "ForegroundVolumeID", "ForegroundOpacity")


class SliceBlend:
    """Shows two volumes in all slice views, and gives back what was there before.

    While it is on, a view that the user gives another volume keeps that.
    """

    def __init__(self):
        self._before: dict[str, tuple] = {}
        self._shown: tuple = ()
        self._board = None

    @property
    def on(self) -> bool:
        return bool(self._before)

    @property
    def checkerboard(self) -> bool:
        return self._board is not None

    def fade(self, before, after, opacity: float) -> None:
        """The scan before, and over it the scan after with an opacity of 0 to 1, each where it lies."""
        self._remember()
        self._drop_board()
        self._show(before, after, opacity)

    def check(self, before, after) -> None:
        """A checkerboard of both on the grid of the scan before: a volume that is there only while it is shown.

        Raises:
            SpineError: one of them cannot be used.
        """
        board = checkerboard(volume_from_node(before, "scan before"), volume_from_node(after, "scan after"))
        self._remember()
        self._drop_board()
        parent = before.GetParentTransformNode()
        node = volume_to_node(board, "Checkerboard (temporary)", parent_transform=parent)
        node.SetHideFromEditors(True)
        node.SetSaveWithScene(False)
        self._board = node
        self._show(node, None, 0.0)

    def off(self) -> None:
        """Restore each view that still shows what this put there."""
        before, self._before = self._before, {}
        shown, self._shown = self._shown, ()
        for composite_id, values in before.items():
            composite = slicer.mrmlScene.GetNodeByID(composite_id)
            if composite is None or composite.GetBackgroundVolumeID() not in shown:
                continue
            background, foreground, opacity = values
            ids = [one if one and slicer.mrmlScene.GetNodeByID(one) else None for one in (background, foreground)]
            _set(composite, ids[0], ids[1], opacity)
        self._drop_board()

    def forget(self) -> None:
        """The scene is being closed: nothing to restore."""
        self._before, self._board, self._shown = {}, None, ()

    def _remember(self):
        if self.on:
            return
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self._before[composite.GetID()] = tuple(getattr(composite, f"Get{name}")() for name in _KEPT)

    def _show(self, background, foreground, opacity):
        ids = [node.GetID() if node is not None else None for node in (background, foreground)]
        ours = {*self._shown, ids[0]}
        for composite_id, _values in self._before.items():
            composite = slicer.mrmlScene.GetNodeByID(composite_id)
            if composite is not None and (composite.GetBackgroundVolumeID() in ours or not self._shown):
                _set(composite, ids[0], ids[1], opacity)
        self._shown = (ids[0],)

    def _drop_board(self):
        board, self._board = self._board, None
        if board is not None and board.GetScene() is slicer.mrmlScene:
            slicer.mrmlScene.RemoveNode(board)


def checkerboard(before: Volume, after: Volume) -> Volume:
    """Both images in turn in fields of 15 mm, on the grid of the first, each from 0 (1st) to 1 (99th percentile).

    Where the second does not reach, the first shows through.
    """
    seen = after.with_array(np.ones(after.shape, np.uint8))
    moved = resample_like(after.with_array(np.asarray(after.array, np.float32)), before)
    there = resample_like(seen, before, nearest=True).array > 0
    fields = np.zeros(before.shape, bool)
    for axis, (size, spacing) in enumerate(zip(before.shape, reversed(before.spacing), strict=True)):
        odd = (np.arange(size) * spacing // FIELD_MM).astype(int) % 2 == 1
        fields ^= odd.reshape([-1 if n == axis else 1 for n in range(3)])
    grey = np.where(fields & there, _normed(moved.array, there), _normed(before.array))
    return before.with_array(grey.astype(np.float32), "checkerboard")


def _normed(array, where=True):
    values = np.asarray(array, np.float32)
    inside = values[where] if where is not True else values
    low, high = np.percentile(inside, (1, 99)) if inside.size else (0.0, 1.0)
    return np.clip((values - low) / max(float(high - low), 1e-6), 0, 1)


def _set(composite, background, foreground, opacity):
    modifying = composite.StartModify()
    composite.SetBackgroundVolumeID(background)
    composite.SetForegroundVolumeID(foreground)
    composite.SetForegroundOpacity(opacity)
    composite.EndModify(modifying)
