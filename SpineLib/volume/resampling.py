"""A volume on the grid of another one."""

from __future__ import annotations

import numpy as np

from SpineLib.volume.itk import from_sitk, to_sitk
from SpineLib.volume.volume import Volume


def resample_like(
    volume: Volume, reference: Volume, reference_to_volume: np.ndarray | None = None, *, nearest: bool = False
) -> Volume:
    """The volume's voxels on the reference's grid; 0 where the volume does not reach.

    Args:
        volume: image or labels.
        reference: whose grid the result has.
        reference_to_volume: 4 x 4, affine; from LPS mm of the reference's space to LPS mm of the volume's; the identity
            without it.
        nearest: the nearest voxel's value (labels: no value that was not there); otherwise linear.

    Returns:
        Of the volume's own voxel type.
    """
    import SimpleITK as sitk

    if reference_to_volume is None and volume.same_grid(reference):
        return volume
    transform = sitk.AffineTransform(3)
    if reference_to_volume is not None:
        transform.SetMatrix(np.asarray(reference_to_volume, float)[:3, :3].ravel().tolist())
        transform.SetTranslation(np.asarray(reference_to_volume, float)[:3, 3].tolist())
    grid = to_sitk(reference.with_array(np.zeros(reference.shape, np.uint8)))
    how = sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear
    moved = from_sitk(sitk.Resample(to_sitk(volume), grid, transform, how, 0.0))
    return reference.with_array(moved.array, volume.name)
