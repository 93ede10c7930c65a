"""A volume on another one's grid."""

import numpy as np

from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like


def test_labels_on_a_coarser_grid_are_the_nearest_ones_and_0_where_they_do_not_reach():
    labels = np.zeros((6, 8, 8), np.uint8)
    labels[2:5, 2:6, 3:7] = 7
    label = Volume(labels, (1.0, 1.0, 3.0))
    coarse = Volume(np.zeros((7, 4, 4), np.float32), (2.0, 2.0, 3.0))
    moved = resample_like(label, coarse, nearest=True)
    assert moved.shape == (7, 4, 4) and moved.array.dtype == np.uint8
    assert (moved.array[:6] == labels[:, ::2, ::2]).all() and not moved.array[6].any()
