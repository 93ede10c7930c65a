"""Reading what is marked in a file: Slicer's segmentations (``.seg.nrrd``), labelmaps, masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.reading import read_volume
from SpineLib.volume.segmentation import SegmentInfo
from SpineLib.volume.volume import Volume

_MOST_LABELS = 1000


@dataclass(frozen=True, eq=False)
class MarkedSegment:
    """One segment of a file.

    Attributes:
        info: what it is; of a labelmap its name is the number.
        mask: uint8, 1 inside.
    """

    info: SegmentInfo
    mask: Volume


def read_segments(path: str | Path, name: str = "") -> tuple[Volume, list[MarkedSegment]]:
    """What is marked in a file.

    Args:
        path: a Slicer segmentation (``.seg.nrrd``; its segments may overlap), or any image of whole numbers.
        name: of the file in messages ("before").

    Returns:
        An empty mask (uint8) of the file's grid, and its segments, those without voxels left out; of a segmentation in
        its own order, of a labelmap by number.

    Raises:
        SpineError: unreadable, or the image of a scan or a probability.
    """
    if Path(path).name.lower().endswith(".seg.nrrd"):
        return _read_segmentation(Path(path), name)
    labels = read_volume(path, name)
    values = np.unique(labels.array)
    if not np.array_equal(values, np.round(values)) or values[0] < 0 or len(values) > _MOST_LABELS:
        raise SpineError(
            f"The {name} file is no mask: it holds fractions, negative or very many values; give a "
            "segmentation or a labelmap."
        )
    found = [
        MarkedSegment(
            SegmentInfo(int(value), str(int(value)), (1.0, 0.0, 0.0), ""),
            labels.with_array((labels.array == value).astype(np.uint8)),
        )
        for value in values
        if value
    ]
    return labels.with_array(np.zeros(labels.shape, np.uint8)), found


def choose_segment(
    segments: Sequence[MarkedSegment], wanted: str | None, name: str, option: str
) -> MarkedSegment | None:
    """The one segment that is meant; None when none is marked and none was asked for.

    Args:
        segments: of one file.
        wanted: its name, or its label's number; None: the only one.
        name: of the file in messages ("before").
        option: by which the user chooses ("--segment-before").

    Raises:
        SpineError: there are several, or none of that name; with the names.
    """
    names = ", ".join(f"'{segment.info.name}'" for segment in segments)
    if wanted is None:
        if len(segments) > 1:
            raise SpineError(f"The {name} file holds {len(segments)} segments ({names}); choose one with {option}.")
        return segments[0] if segments else None
    for same in (
        lambda info: info.name == wanted,
        lambda info: info.name.casefold() == wanted.casefold(),
        lambda info: str(info.label) == wanted,
    ):
        found = [segment for segment in segments if same(segment.info)]
        if len(found) > 1:
            raise SpineError(
                f"The {name} file holds {len(found)} segments of the name '{wanted}'; rename them, or "
                f"choose one by its number with {option}."
            )
        if found:
            return found[0]
    raise SpineError(f"The {name} file holds no segment '{wanted}'; it holds {names or 'none'}.")


def _read_segmentation(path: Path, name: str) -> tuple[Volume, list[MarkedSegment]]:
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(path))
        layers = image.GetNumberOfComponentsPerPixel()
        array = sitk.GetArrayFromImage(image).reshape(*image.GetSize()[::-1], layers)
    except (RuntimeError, ValueError) as error:
        read_volume(path, name)  # says why
        raise SpineError(f"The {name} file is no segmentation of a 3-D image; export it again.") from error
    if array.ndim != 4:
        raise SpineError(f"The {name} file is no segmentation of a 3-D image; export it again.")
    grid = Volume(
        np.zeros(array.shape[:3], np.uint8),
        image.GetSpacing(),
        image.GetOrigin(),
        np.reshape(image.GetDirection(), (3, 3)),
        name,
    )
    found, number = [], 0
    while image.HasMetaDataKey(f"Segment{number}_ID"):
        values = {
            key: image.GetMetaData(f"Segment{number}_{key}")
            for key in ("Name", "LabelValue", "Layer", "Tags")
            if image.HasMetaDataKey(f"Segment{number}_{key}")
        }
        label, layer = int(values.get("LabelValue", number + 1)), int(values.get("Layer", 0))
        tags = dict(tag.split(":", 1) for tag in values.get("Tags", "").split("|") if ":" in tag)
        terminology = tags.pop("TerminologyEntry", tags.pop("Segmentation.TerminologyEntry", ""))
        mask = (array[..., layer] == label).astype(np.uint8)
        if mask.any():
            info = SegmentInfo(label, values.get("Name", str(label)), (1.0, 0.0, 0.0), terminology, tags)
            found.append(MarkedSegment(info, grid.with_array(mask)))
        number += 1
    return grid, found
