"""What is marked in a DICOM SEG (PS3.3, A.51 binary and fractional, A.90 label maps), whoever wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_header import is_dicom, items_of, numbers_of, quiet, read_header, text_of, whole_of
from SpineLib.volume.segmentation import SegmentInfo
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Segmentation Storage and Label Map Segmentation Storage (PS3.4, B.5).
SEG_CLASSES = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
_RED = (1.0, 0.0, 0.0)
#: Frames may lie this far (mm) from evenly spaced slices: positions are decimal strings.
_EVEN_MM = 0.05


def is_dicom_seg(path: str | Path) -> bool:
    """Whether a file is a DICOM SEG."""
    try:
        if not Path(path).is_file() or not is_dicom(path):
            return False
        return text_of(read_header(path, ["SOPClassUID"]), "SOPClassUID") in SEG_CLASSES
    except (OSError, SpineError):
        return False


def read_dicom_seg(path: str | Path, name: str = "") -> tuple[Volume, list[np.ndarray], list[tuple[SegmentInfo, int]]]:
    """The segments of a DICOM SEG on a grid of their own: from the first slice that holds a frame to the last.

    Args:
        path: of the file.
        name: of it in messages.

    Returns:
        An empty mask (uint8) of that grid, LPS; label maps (k, j, i) on it, uint16 of segment numbers, more than one
        where segments overlap; each segment with the number of its label map. Its number in the file is its label.

    Raises:
        SpineError: unreadable, no segment or no frame, frames that are not parallel or not evenly spaced.
    """
    label = f"The {name} file" if name else "The DICOM SEG"
    data = read_header(path, pixels=True)
    frames = _frames(data, label)
    segments = dict(_segments(data))
    shared = next(iter(items_of(data, "SharedFunctionalGroupsSequence")), None)
    groups = items_of(data, "PerFrameFunctionalGroupsSequence")
    if not segments or len(groups) != len(frames) or not groups:
        raise SpineError(f"{label} describes no segments or not all of its frames; export it again.")
    cosines = np.array(
        [_of(one, shared, "PlaneOrientationSequence", "ImageOrientationPatient", 6, label) for one in groups]
    )
    if np.abs(cosines - cosines[0]).max() > 1e-3:
        raise SpineError(f"{label} holds frames that are not parallel, which is no volume; export it again.")
    right, down = cosines[0].reshape(2, 3)
    normal = np.cross(right, down)
    corners = np.array([_of(one, shared, "PlanePositionSequence", "ImagePositionPatient", 3, label) for one in groups])
    row_mm, column_mm = _of(groups[0], shared, "PixelMeasuresSequence", "PixelSpacing", 2, label)
    across = corners - np.outer(corners @ normal, normal)
    if np.abs(across - across[0]).max() > _EVEN_MM:
        raise SpineError(f"{label} holds frames that are shifted against each other; export it again.")
    heights = corners @ normal
    step = _step(heights, groups[0], shared, label)
    places = np.rint((heights - heights.min()) / step).astype(int)
    shape = (int(places.max()) + 1, *frames.shape[1:])
    grid = Volume(
        np.zeros(shape, np.uint8),
        triple((column_mm, row_mm, step)),
        triple(corners[int(heights.argmin())]),
        np.stack([right, down, normal], axis=1),
        name,
    )
    if text_of(data, "SegmentationType") == "LABELMAP":
        layer = np.zeros(shape, np.uint16)
        for frame, place in zip(frames, places):
            layer[place] = frame
        return grid, [layer], [(info, 0) for info in segments.values()]
    numbers = [_segment_of(one, shared, segments, label) for one in groups]
    layers: list[np.ndarray] = []
    found = []
    for number, info in segments.items():
        own = [index for index, one in enumerate(numbers) if one == number]
        if not own:
            continue
        chosen = next((n for n, layer in enumerate(layers) if not _overlaps(layer, frames, places, own)), len(layers))
        if chosen == len(layers):
            layers.append(np.zeros(shape, np.uint16))
        for index in own:
            layers[chosen][places[index]][frames[index] > 0] = number
        found.append((info, chosen))
    return grid, layers or [np.zeros(shape, np.uint16)], found


def _frames(data: Dataset, label: str) -> np.ndarray:
    """(frames, rows, columns) whole numbers, fractions as whether they are one half or more."""
    try:
        with quiet():
            array = np.asarray(data.pixel_array)
    except Exception as error:  # pydicom raises nearly everything
        raise SpineError(f"{label} holds pixels that cannot be read; export it again.") from error
    array = array[None] if array.ndim == 2 else array
    if text_of(data, "SegmentationType") == "FRACTIONAL":
        array = array.astype(np.uint16) * 2 >= (whole_of(data, "MaximumFractionalValue") or 255)
    return array


def _segments(data: Dataset):
    for item in items_of(data, "SegmentSequence"):
        number = whole_of(item, "SegmentNumber")
        if number is not None and number > 0:
            kinds = [text_of(one, "CodeMeaning") for one in items_of(item, "SegmentedPropertyTypeCodeSequence")]
            name = text_of(item, "SegmentLabel") or next(iter(kinds), "") or str(number)
            yield number, SegmentInfo(number, name, _RED, "", {"Type": next(iter(kinds), "")})


def _of(own: Dataset, shared: Dataset | None, sequence: str, keyword: str, count: int, label: str) -> list[float]:
    """Numbers of a frame, or what all frames share."""
    for place in (own, shared):
        for item in items_of(place, sequence) if place is not None else ():
            if numbers := numbers_of(item, keyword, count):
                return numbers
    raise SpineError(f"{label} does not say where its frames lie ({keyword}); export it again.")


def _segment_of(own: Dataset, shared: Dataset | None, segments: dict, label: str) -> int:
    (number,) = _of(own, shared, "SegmentIdentificationSequence", "ReferencedSegmentNumber", 1, label)
    if int(number) not in segments:
        raise SpineError(f"{label} holds a frame of a segment that it does not describe; export it again.")
    return int(number)


def _step(heights: np.ndarray, own: Dataset, shared: Dataset | None, label: str) -> float:
    """Distance of slices, mm; slices without any segment need not be there."""
    told: dict[str, float] = {}
    for place in (own, shared):
        for item in items_of(place, "PixelMeasuresSequence") if place is not None else ():
            for key in ("SpacingBetweenSlices", "SliceThickness"):
                if (one := numbers_of(item, key, 1)) and one[0] > 0:
                    told.setdefault(key, one[0])
    gaps = np.diff(np.sort(heights))
    gaps = gaps[gaps > _EVEN_MM]
    # The thickness is no distance: it counts only where nothing else tells one.
    steps = [told["SpacingBetweenSlices"]] if "SpacingBetweenSlices" in told else []
    steps += [float(gaps.min())] if len(gaps) else [told[key] for key in ("SliceThickness",) if key in told]
    for step in steps:
        counted = gaps / step
        if not len(gaps) or np.abs(counted - np.rint(counted)).max() * step <= _EVEN_MM:
            return float(step if not len(gaps) else gaps.sum() / np.rint(counted).sum())
    raise SpineError(
        f"{label} holds frames that are not evenly spaced, or does not say how far apart; export it again."
    )


def _overlaps(layer: np.ndarray, frames: np.ndarray, places: np.ndarray, own: list[int]) -> bool:
    return any(bool((layer[places[index]][frames[index] > 0] > 0).any()) for index in own)
