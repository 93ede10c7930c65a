"""Whether a node has changed since it was looked at, and whoever wants to know of it at once.

What moves in Slicer when something is done: an edit of voxels moves the segment's labelmap, and neither the
segmentation nor its node; a transform moves nothing of the nodes under it; hardening moves node and labelmap; a name
moves its segment alone. So a segmentation's own time of change says nothing about its voxels.
"""

from __future__ import annotations

from collections.abc import Callable

import slicer
import vtk


def stamp_of(node) -> tuple:
    """A value that differs whenever voxels, segments, places or transforms of a node have changed.

    Args:
        node: segmentation, volume, transform or markups node; None has a stamp, too.
    """
    if node is None:
        return ()
    stamp = [node.GetID()]
    if node.IsA("vtkMRMLTransformableNode"):
        stamp.append(_transform_stamp(node.GetParentTransformNode()))
    if node.IsA("vtkMRMLSegmentationNode"):
        inner = node.GetSegmentation()
        source = inner.GetSourceRepresentationName()
        for number in range(inner.GetNumberOfSegments()):
            segment = inner.GetNthSegment(number)
            shape = segment.GetRepresentation(source)
            time = 0 if shape is None else shape.GetMTime()
            stamp.append((inner.GetNthSegmentID(number), segment.GetName(), time))
    elif node.IsA("vtkMRMLVolumeNode"):
        matrix, image = vtk.vtkMatrix4x4(), node.GetImageData()
        node.GetIJKToRASMatrix(matrix)
        stamp += [0 if image is None else image.GetMTime(), _values(matrix)]
    elif node.IsA("vtkMRMLTransformNode"):
        stamp.append(_transform_stamp(node))
    elif node.IsA("vtkMRMLMarkupsROINode"):
        stamp += [node.GetSize(), _values(node.GetObjectToNodeMatrix()), node.GetNumberOfControlPoints()]
    elif node.IsA("vtkMRMLMarkupsNode"):
        count = node.GetNumberOfControlPoints()
        stamp.append(tuple(tuple(node.GetNthControlPointPosition(number)) for number in range(count)))
    else:
        stamp.append(node.GetMTime())
    return tuple(stamp)


def watch(node, changed: Callable[[], None]) -> Callable[[], None]:
    """Call ``changed`` after each change that moves :func:`stamp_of`; returns what ends the watch.

    Strokes come fast: whoever watches should wait a moment before looking again.

    Args:
        node: as in :func:`stamp_of`; nothing happens with None.
    """
    if node is None:
        return lambda: None
    watched: list[tuple] = []

    def observe(object_, *events):
        watched.extend((object_, object_.AddObserver(event, lambda caller, name: changed())) for event in events)

    if node.IsA("vtkMRMLTransformableNode"):
        observe(node, slicer.vtkMRMLTransformableNode.TransformModifiedEvent)
    if node.IsA("vtkMRMLSegmentationNode"):
        segmentation = slicer.vtkSegmentation
        observe(
            node.GetSegmentation(),
            segmentation.SourceRepresentationModified,
            segmentation.SegmentAdded,
            segmentation.SegmentRemoved,
            segmentation.SegmentModified,
        )
    elif node.IsA("vtkMRMLVolumeNode"):
        observe(node, slicer.vtkMRMLVolumeNode.ImageDataModifiedEvent, vtk.vtkCommand.ModifiedEvent)
    elif node.IsA("vtkMRMLMarkupsNode"):
        events = node.PointModifiedEvent, node.PointAddedEvent, node.PointRemovedEvent, vtk.vtkCommand.ModifiedEvent
        observe(node, *events)

    def stop() -> None:
        while watched:
            object_, tag = watched.pop()
            object_.RemoveObserver(tag)

    return stop


def _transform_stamp(transform) -> tuple:
    """Of a transform with all above it: where it puts things in the world."""
    if transform is None:
        return ()
    matrix = vtk.vtkMatrix4x4()
    if transform.IsTransformToWorldLinear():
        transform.GetMatrixTransformToWorld(matrix)
        return (transform.GetID(), _values(matrix))
    own = transform.GetTransformToParent()
    time = 0 if own is None else own.GetMTime()
    return (transform.GetID(), time, _transform_stamp(transform.GetParentTransformNode()))


def _values(matrix) -> tuple[float, ...]:
    return tuple(matrix.GetElement(row, column) for row in range(4) for column in range(4))
