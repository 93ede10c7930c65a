"""Bone that the counterparts have and a vertebra lacks is a lesion only where it is gone from the image, too."""

import numpy as np
import pytest

from SpineLib.tasks.ct.counterparts import Compared, Counterpart
from SpineLib.tasks.ct.missing_bone import missing_bone

APART = 40  # voxels of 1 mm from one vertebra to the next
HOLE = np.s_[16:28, 20:32, 22:34]


@pytest.fixture
def spine():
    """Labels of two vertebrae alike, of which the lower one lacks a cube, and 200 HU of bone in 30 HU."""
    labels = np.zeros((100, 60, 60), np.uint8)
    labels[12:34, 15:45, 15:45] = 20
    labels[12 + APART : 34 + APART, 15:45, 15:45] = 21
    hu = np.where(labels > 0, 200.0, 30.0).astype(np.float32)
    labels[HOLE] = 0
    return labels, hu


def compared(labels):
    index = np.nonzero(labels == 20)
    places = np.stack(index).astype(np.float32)
    centre = np.array([22.0, 30.0, 30.0])
    like = Counterpart(
        False, 21, centre, np.eye(3), centre + [APART, 0, 0], places, np.ones(places.shape[1], bool), 0.5
    )
    depth = np.ones(places.shape[1], np.float32)
    return [Compared(20, index, depth, depth, [like])]


def test_bone_that_is_gone_from_labels_and_image_is_marked_where_it_was(spine):
    labels, hu = spine
    hu[HOLE] = 45.0
    ((mask, share),) = missing_bone(hu, labels, compared(labels))
    hole = np.zeros(labels.shape, bool)
    hole[HOLE] = True
    assert 2 * (hole & (mask > 0)).sum() / (hole.sum() + (mask > 0).sum()) > 0.8  # its corners are rounded off
    assert share == 1.0


def test_bone_that_only_the_labels_leave_out_is_no_lesion(spine):
    labels, hu = spine
    hu[labels > 0] = hu[HOLE] = 130.0  # marrow as thin as in the old, less than what counts as bone by itself
    assert missing_bone(hu, labels, compared(labels)) == []
