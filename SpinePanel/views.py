"""What a result wants to be seen in: the fitting layout, the 3-D view on what was made, and the former layout again."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import slicer
import vtk

#: What a result may need, as the classes of views that a layout's description names.
SLICES, SPACE, CHART = "vtkMRMLSliceNode", "vtkMRMLViewNode", "vtkMRMLPlotViewNode"


class Views:
    """The window's layout for one panel.

    Args:
        button: puts the former layout back; it is there while there is one.
    """

    def __init__(self, button):
        self._button, self._former = button, None
        button.connect("clicked(bool)", self.restore)
        self._show()

    def close(self):
        """Let go of the button; the layout stays."""
        self._button.disconnect("clicked(bool)", self.restore)

    def need(self, *kinds):
        """Have a layout with these kinds of views; the one that is there stays where it has them.

        Args:
            kinds: of :data:`SLICES`, :data:`SPACE` and :data:`CHART`.
        """
        node = _layoutNode()
        if node is None or set(kinds) <= _kinds(node):
            return
        former = node.GetViewArrangement()
        node.SetViewArrangement(node.SlicerLayoutFourUpPlotView if CHART in kinds else node.SlicerLayoutFourUpView)
        self._former = former if self._former is None else self._former
        self._show()

    def restore(self, checked=False):
        """Put the layout back that the user had before the first result changed it."""
        former, self._former = self._former, None
        if former is not None and _layoutNode() is not None:
            _layoutNode().SetViewArrangement(former)
        self._show()

    def forget(self):
        """The scene is being closed: the layout is the user's again."""
        self._former = None
        self._show()

    def lookAt(self, *nodes):
        """Let the 3-D view show these nodes as large as they fit into it.

        Slicer's own "reset" turns to the middle of all that is shown and keeps its distance, or fits all of it, slices
        and boxes too.
        """
        self.need(SPACE)
        from SpineLib.scene.views import bounds_in_space

        manager, box = slicer.app.layoutManager(), vtk.vtkBoundingBox()
        for node in nodes:
            if (bounds := bounds_in_space(node)) is not None:
                box.AddBounds(bounds)
        widget = manager.threeDWidget(0) if manager is not None else None
        if widget is None or not box.IsValid():
            return
        bounds = [0.0] * 6
        box.GetBounds(bounds)
        renderer = widget.threeDView().renderWindow().GetRenderers().GetFirstRenderer()
        renderer.ResetCamera(bounds)
        renderer.ResetCameraClippingRange()
        widget.threeDView().scheduleRender()

    def _show(self):
        self._button.visible = self._former is not None


def _layoutNode():
    """The node that says which layout the window has; None without a window."""
    manager = slicer.app.layoutManager()
    return manager.layoutLogic().GetLayoutNode() if manager is not None else None


def _kinds(node):
    """Classes of the views that the layout has."""
    description = node.GetCurrentLayoutDescription()
    return {view.get("class") for view in ElementTree.fromstring(description).iter("view")} if description else set()
