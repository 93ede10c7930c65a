"""A click on a lesion brings it into every slice view."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.scene.views import jump_to  # noqa: E402
from Testing.scene.grids import add_transform, add_volume, rotation  # noqa: E402


def centres():
    nodes = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return [[node.GetSliceToRAS().GetElement(row, 3) for row in range(3)] for node in nodes]


def test_all_slice_views_centre_on_the_point(scene):
    jump_to((10.0, -20.0, 33.5))
    assert len(centres()) == 3
    for centre in centres():
        assert centre == pytest.approx([10.0, -20.0, 33.5])


def test_a_point_of_a_transformed_node_is_jumped_to_where_it_lies(scene):
    node = add_volume()
    node.SetAndObserveTransformNodeID(add_transform(rotation()).GetID())
    jump_to((10.0, -20.0, 33.5), node)
    expected = (rotation() @ np.array([10.0, -20.0, 33.5, 1.0]))[:3]
    for centre in centres():
        assert centre == pytest.approx(expected.tolist())
