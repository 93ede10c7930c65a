"""Segmentations whose segments overlap, as Slicer writes them: each layer of voxels holds a part of the segments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import SimpleITK

from SpineLib.volume import Volume


def write_layers(path: Path, like: Volume, masks: Mapping[str, np.ndarray]) -> None:
    """A ``.seg.nrrd`` with a layer for each segment: name to a mask on the grid of ``like``."""
    array = np.stack([np.asarray(mask) != 0 for mask in masks.values()], axis=-1).astype(np.uint8)
    image = SimpleITK.GetImageFromArray(array, isVector=True)
    image.SetSpacing(like.spacing)
    image.SetOrigin(like.origin)
    image.SetDirection(like.direction.ravel().tolist())
    for number, name in enumerate(masks):
        values = {"ID": f"Segment_{number + 1}", "Name": name, "LabelValue": "1", "Layer": str(number), "Tags": "|"}
        for key, value in values.items():
            image.SetMetaData(f"Segment{number}_{key}", value)
    SimpleITK.WriteImage(image, str(path), useCompression=True)
