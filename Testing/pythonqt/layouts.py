"""``slicer.app.layoutManager()`` on a real layout node: which views a layout has, and what the 3-D view looks at."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import vtk

from . import api


class _Real:
    """Only names that the application's class has can be asked for; what is not stood in for raises."""

    _listed = ""

    def __getattr__(self, name):
        known = api.members(self._listed)
        missing = known is not None and not api.allows(self._listed, name)
        raise AttributeError(f"{self._listed} {'has' if missing else 'stands in without'} {'no ' * missing}{name}")


class LayoutManager(_Real):
    """The views of the current layout, read from Slicer's own descriptions of its layouts."""

    _listed = "slicer.qSlicerLayoutManager"

    def __init__(self, slicer):
        self._slicer, self._logic = slicer, slicer.vtkMRMLLayoutLogic()
        self._logic.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        self._logic.SetMRMLScene(slicer.mrmlScene)
        self._node = self._logic.GetLayoutNode()
        self._node.SetViewArrangement(self._node.SlicerLayoutFourUpView)  # as Slicer 5.12 starts
        self._threeD = ThreeDWidget(slicer)

    def close(self):
        """Let go of the scene."""
        self._logic.SetMRMLScene(None)
        if self._node.GetScene() is not None:
            self._node.GetScene().RemoveNode(self._node)

    @property
    def layout(self):
        return self._node.GetViewArrangement()

    def setLayout(self, layout):
        self._node.SetViewArrangement(layout)

    def layoutLogic(self):
        return self._logic

    def _count(self, class_name):
        description = self._node.GetCurrentLayoutDescription()
        views = ElementTree.fromstring(description).iter("view") if description else ()
        return sum(view.get("class") == class_name for view in views)

    threeDViewCount = property(lambda self: self._count("vtkMRMLViewNode"))
    plotViewCount = property(lambda self: self._count("vtkMRMLPlotViewNode"))
    tableViewCount = property(lambda self: self._count("vtkMRMLTableViewNode"))

    def sliceViewNames(self):
        return tuple(node.GetLayoutName() for node in self._slicer.util.getNodesByClass("vtkMRMLSliceNode"))

    def sliceWidget(self, name):
        return SliceWidget(self._slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLSliceNode"))

    def mrmlSliceLogics(self):
        return vtk.vtkCollection()  # No slice is rendered: there is nothing to fit.

    def threeDWidget(self, index):
        return self._threeD if 0 <= index < self.threeDViewCount else None

    def resetThreeDViews(self):
        self._threeD.threeDView().resetFocalPoint()

    def resetSliceViews(self):
        """Nothing is rendered here."""


class SliceWidget(_Real):
    _listed = "slicer.qMRMLSliceWidget"

    def __init__(self, node):
        self._node = node

    def mrmlSliceNode(self):
        return self._node


class ThreeDWidget(_Real):
    _listed = "slicer.qMRMLThreeDWidget"

    def __init__(self, slicer):
        self._view = ThreeDView(slicer)

    def threeDView(self):
        return self._view

    def mrmlViewNode(self):
        return self._view.mrmlViewNode()


class ThreeDView(_Real):
    """A camera that looks at what is shown in 3-D, as the real view's does; nothing is drawn."""

    _listed = "slicer.qMRMLThreeDView"

    def __init__(self, slicer):
        self._slicer, self._renderer = slicer, vtk.vtkRenderer()
        self._camera().SetPosition(0, 500, 0)
        self._camera().SetViewUp(0, 0, 1)

    def mrmlViewNode(self):
        return self._slicer.mrmlScene.GetSingletonNode("1", "vtkMRMLViewNode")

    def resetFocalPoint(self):
        """Turns to the middle of what is shown; the distance stays, so that a small thing stays small."""
        bounds = self._bounds()
        if bounds is not None:
            camera = self._camera()
            middle = [(bounds[2 * n] + bounds[2 * n + 1]) / 2 for n in range(3)]
            moved = [m - f for m, f in zip(middle, camera.GetFocalPoint(), strict=True)]
            camera.SetPosition(*[p + m for p, m in zip(camera.GetPosition(), moved, strict=True)])
            camera.SetFocalPoint(*middle)

    def resetCamera(self, *options):
        """Goes as near as lets everything be seen."""
        bounds = self._bounds()
        if bounds is not None:
            self._renderer.ResetCamera(bounds)

    def setFocalPoint(self, r, a, s):
        self._camera().SetFocalPoint(r, a, s)

    def cameraNode(self):
        logic = self._slicer.modules.cameras.logic()
        return logic.GetViewActiveCameraNode(self.mrmlViewNode())

    def renderWindow(self):
        window = vtk.vtkRenderWindow()
        window.AddRenderer(self._renderer)
        return window

    def zoomIn(self):
        self._camera().Dolly(1.2)

    def zoomOut(self):
        self._camera().Dolly(1 / 1.2)

    def lookFromAxis(self, axis, resetCamera=True):
        if resetCamera:
            self.resetCamera()

    lookFromViewAxis = lookFromAxis

    def forceRender(self):
        """Nothing is drawn here."""

    scheduleRender = forceRender

    def _camera(self):
        return self._renderer.GetActiveCamera()

    def _bounds(self):
        """Of all that is shown in 3-D, RAS mm; None where nothing is."""
        box = vtk.vtkBoundingBox()
        for node in self._slicer.util.getNodesByClass("vtkMRMLDisplayableNode"):
            display = node.GetDisplayNode()
            if display is None or not display.GetVisibility() or not display.GetVisibility3D():
                continue
            bounds = [0.0, -1.0] * 3
            if isinstance(node, (self._slicer.vtkMRMLModelNode, self._slicer.vtkMRMLMarkupsNode)):
                node.GetRASBounds(bounds)
            if bounds[0] <= bounds[1] and all(abs(edge) < 1e9 for edge in bounds):
                box.AddBounds(bounds)
        if not box.IsValid():
            return None
        bounds = [0.0] * 6
        box.GetBounds(bounds)
        return bounds
