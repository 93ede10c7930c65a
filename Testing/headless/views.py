"""A 3-D view that draws, off screen, by Slicer's own displayable managers: what a user sees, as pixels."""

from __future__ import annotations

import ctypes.util
import sys

import numpy as np
import slicer
import vtk
from vtk.util import numpy_support

_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLMarkupsDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLColorLegendDisplayableManager",
)
#: The 3-D view of the four-up layout on a screen of 1366 x 768.
WIDTH, HEIGHT = 480, 310


def can_draw() -> bool:
    """Whether there is a graphics library to draw with."""
    return sys.platform != "linux" or any(ctypes.util.find_library(name) for name in ("EGL", "OSMesa"))


class DrawnView:
    """The scene's 3-D view. Make it before the nodes, as Slicer does: legends are heard of only when they come."""

    def __init__(self, size=(WIDTH, HEIGHT)):
        self._renderer, self._window = vtk.vtkRenderer(), vtk.vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._window.SetSize(*size)
        self._window.AddRenderer(self._renderer)
        self._interactor = vtk.vtkGenericRenderWindowInteractor()
        self._interactor.SetRenderWindow(self._window)
        factory = slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        factory.SetMRMLApplicationLogic(slicer.app.applicationLogic())
        for name in _MANAGERS:
            if not factory.IsDisplayableManagerRegistered(name):
                factory.RegisterDisplayableManager(name)
        self._group = slicer.vtkMRMLDisplayableManagerGroup()
        self._group.Initialize(factory, self._renderer)
        self._view = slicer.mrmlScene.GetSingletonNode("1", "vtkMRMLViewNode")
        self._view.SetBoxVisible(False)
        self._view.SetAxisLabelsVisible(False)
        self._group.SetMRMLDisplayableNode(self._view)

    def picture(self, look_at_all=True) -> np.ndarray:
        """Pixels (rows from the top, columns, RGB), uint8."""
        if look_at_all:
            self._renderer.ResetCamera()
        self._window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self._window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        columns, rows, _ = image.GetDimensions()
        pixels = numpy_support.vtk_to_numpy(image.GetPointData().GetScalars()).reshape(rows, columns, 3)
        return pixels[::-1].copy()

    def close(self) -> None:
        """Let go of the scene."""
        self._group.SetMRMLDisplayableNode(None)
        self._window.Finalize()


def box_of(pixels: np.ndarray) -> tuple[int, int]:
    """(height, width) of the box around what is True in a mask (rows, columns); (0, 0) of an empty one."""
    rows, columns = np.nonzero(pixels)
    return (int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0)
