"""Volumes as images of SimpleITK, and back."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.volume import Volume


def from_sitk(image, name: str = "", label: str = "The image") -> Volume:
    """A volume of a ``SimpleITK.Image``; raises SpineError unless it is one 3-D image of one component."""
    import SimpleITK as sitk

    if image.GetNumberOfComponentsPerPixel() != 1:
        raise SpineError(f"{label} is a colour or vector image; use one with a single grey value a voxel.")
    if image.GetDimension() == 4:
        if image.GetSize()[3] != 1:
            raise SpineError(
                f"{label} is 4-D ({image.GetSize()[3]} volumes in one file); split it and use one 3-D volume."
            )
        image = image[:, :, :, 0]
    if image.GetDimension() != 3:
        raise SpineError(f"{label} is {image.GetDimension()}-D; a 3-D volume of several slices is needed.")
    array = sitk.GetArrayFromImage(image)
    if np.iscomplexobj(array):
        raise SpineError(f"{label} holds complex numbers; export its magnitude.")
    return Volume(array, image.GetSpacing(), image.GetOrigin(), np.reshape(image.GetDirection(), (3, 3)), name)


def to_sitk(volume: Volume):
    """The volume as a ``SimpleITK.Image`` (a copy)."""
    import SimpleITK as sitk

    array = volume.array
    if array.dtype == bool:
        array = array.astype(np.uint8)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array))
    image.SetSpacing(volume.spacing)
    image.SetOrigin(volume.origin)
    image.SetDirection(volume.direction.ravel().tolist())
    return image
