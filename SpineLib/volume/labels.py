"""Label maps: whole numbers, 0 for nothing, whatever type a program stored them in."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.volume import Volume

#: Labels may lie this far from whole numbers: some programs store them with a slope.
NEARLY_WHOLE = 0.01
#: More labels than this are the grey values of a scan.
MOST_LABELS = 1000
#: More than so many labels are a scan's grey values, too, where of neighbours that are both marked fewer are alike than
#: this share. In fourteen real label maps 0.88 and more are, in eight real MR images of 8 bits at most 0.6.
_FEW_LABELS, _ALIKE = 64, 0.7

Box = tuple[slice, slice, slice]


def whole_labels(array: np.ndarray, name: str) -> np.ndarray:
    """The labels as the smallest unsigned type that holds them.

    Args:
        array: of any type and shape; looked at in parts along its first axis, as it may be large.
        name: of the file in messages ("before").

    Raises:
        SpineError: fractions, negative values, no numbers, or more than a label can be.
    """
    if array.dtype.kind == "b":
        return array.view(np.uint8)
    low, high = 0.0, 0.0
    for part in array:
        with np.errstate(invalid="ignore"):  # of infinite values
            if array.dtype.kind == "f" and not (np.abs(part - np.rint(part)) <= NEARLY_WHOLE).all():
                raise _no_mask(name)
        low, high = min(low, float(part.min())), max(high, float(part.max()))
    if np.rint(low) < 0 or high > np.iinfo(np.uint32).max:
        raise _no_mask(name)
    kind = np.min_scalar_type(round(high))
    if array.dtype == kind:
        return array
    labels = np.empty(array.shape, kind)
    for number, part in enumerate(array):
        labels[number] = np.rint(part) if array.dtype.kind == "f" else part
    return labels


def boxes_of(labels: np.ndarray, name: str) -> dict[int, Box]:
    """The box (k, j, i) around each label but 0, by number.

    Args:
        labels: (k, j, i), of :func:`whole_labels`.
        name: of the file in messages.

    Raises:
        SpineError: so many labels that they are the values of a scan.
    """
    from scipy.ndimage import find_objects

    values = np.unique(np.concatenate([np.unique(part) for part in labels]))
    if len(values) > MOST_LABELS or (len(values) > _FEW_LABELS and alike_neighbours(labels) < _ALIKE):
        raise _no_mask(name)
    if values[-1] > 10 * MOST_LABELS:  # a list as long as the highest label is made below
        labels = np.stack([np.searchsorted(values, part).astype(np.uint16) for part in labels])
        numbers = np.arange(len(values))
    else:
        numbers = values
    boxes = find_objects(labels)
    return {int(value): boxes[number - 1] for value, number in zip(values, numbers) if value}


def alike_neighbours(labels: np.ndarray) -> float:
    """Of voxels beside each other in a row that are both not 0, the share that have one value; 1 where there are none.

    Args:
        labels: (k, j, i), looked at slice by slice, as it may be large.
    """
    marked, alike = 0, 0
    for part in labels:
        both = (part[:, 1:] != 0) & (part[:, :-1] != 0)
        marked += int(np.count_nonzero(both))
        alike += int(np.count_nonzero(both & (part[:, 1:] == part[:, :-1])))
    return alike / marked if marked else 1.0


def label_map(volume: Volume, name: str) -> Volume:
    """The volume as a label map, refused where it is the image of a scan or a probability.

    Raises:
        SpineError: as :func:`whole_labels` and :func:`boxes_of`.
    """
    labels = whole_labels(volume.array, name)
    boxes_of(labels, name)
    return volume.with_array(labels)


def _no_mask(name: str) -> SpineError:
    return SpineError(
        f"The {name} file is no mask: it holds fractions, negative or very many values; give a "
        "segmentation or a labelmap."
    )
