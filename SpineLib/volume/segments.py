"""The one door for masks: Slicer's segmentations (``.seg.nrrd``) and DICOM SEG, also with overlapping segments, label
maps."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.volume.dicom_seg_reading import is_dicom_seg, read_dicom_seg
from SpineLib.volume.formats import suffix_of
from SpineLib.volume.found import Found, volume_of
from SpineLib.volume.labels import Box, boxes_of, whole_labels
from SpineLib.volume.nrrd import nrrd_header
from SpineLib.volume.reading import read_image_file, read_volume
from SpineLib.volume.review import REJECTED, REVIEW
from SpineLib.volume.segmentation import SegmentInfo
from SpineLib.volume.told import NOTES, notes_of
from SpineLib.volume.volume import Volume

_KEY = re.compile(r"Segment(\d+)_(\w+)")
_RED = (1.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class MarkedSegment:
    """One segment of a file.

    Attributes:
        info: what it is; of a label map its name is the number.
        labels: the label map that it is part of, unsigned whole numbers; shared with others of the file.
        value: its number there.
        box: around it there, (k, j, i).
    """

    info: SegmentInfo
    labels: Volume
    value: int
    box: Box

    @property
    def mask(self) -> Volume:
        """uint8, 1 inside, on the whole grid; made when asked for, so keep it no longer than it is needed."""
        array = np.zeros(self.labels.shape, np.uint8)
        array[self.box] = self.labels.array[self.box] == self.value
        return self.labels.with_array(array)

    @property
    def voxels(self) -> int:
        """How many it has."""
        return int(np.count_nonzero(self.labels.array[self.box] == self.value))


def read_segments(path: str | Path, name: str = "") -> tuple[Volume, list[MarkedSegment]]:
    """What is marked in a file, each segment for itself with its name.

    Args:
        path: a Slicer segmentation or a DICOM SEG (segments may overlap), or any image of whole numbers, also stored as
            fractions that are 0.01 or less off. Segments that a reader has rejected are left out.
        name: of the file in messages ("before").

    Returns:
        An empty mask (uint8) of the file's grid, and its segments, those without voxels left out; of a segmentation in
        its own order, of a label map by number. What the user should know of the reading is told by
        :func:`~SpineLib.volume.told.notes_of` of the mask.

    Raises:
        SpineError: unreadable, or the image of a scan or a probability.
    """
    if holds_segments(Path(path), name):
        return _of_segmentation(Path(path), name)
    volume = read_volume(path, name)
    labels = volume.with_array(whole_labels(volume.array, name))
    found = [
        MarkedSegment(SegmentInfo(value, str(value), _RED, ""), labels, value, box)
        for value, box in boxes_of(labels.array, name).items()
    ]
    return labels.with_array(np.zeros(labels.shape, np.uint8)), found


def rejected_segments(path: str | Path, name: str = "") -> list[MarkedSegment]:
    """The segments of a file that a reader has rejected, which :func:`read_segments` leaves out.

    Raises:
        SpineError: as :func:`read_segments`.
    """
    return _of_segmentation(Path(path), name, rejected=True)[1] if holds_segments(Path(path), name) else []


def read_mask(path: str | Path, name: str = "") -> Volume:
    """What is marked in a file as one label map: the reader for every mask that a command is given.

    For a region, a metastasis, a necrosis or vertebrae, where :func:`read_volume` reads images. Where segments have
    names that matter, :func:`read_segments` gives them.

    Args:
        path: as of :func:`read_segments`.
        name: of the file in messages ("metastasis").

    Returns:
        Unsigned whole numbers, 0 where nothing is marked. A label map keeps its numbers; the segments of a segmentation
        have their label values, or, where several share one, 1, 2 ... in their order. Where segments overlap the later
        one stays, and ``notes_of`` says so.

    Raises:
        SpineError: as :func:`read_segments`.
    """
    return read_named_mask(path, name)[0]


def read_named_mask(path: str | Path, name: str = "") -> tuple[Volume, dict[int, SegmentInfo]]:
    """As :func:`read_mask`, with what the file says of each number; nothing of a label map."""
    if not holds_segments(Path(path), name):
        volume = read_volume(path, name)
        labels = volume.with_array(whole_labels(volume.array, name))
        boxes_of(labels.array, name)  # refuses a scan
        return labels, {}
    grid, segments = _of_segmentation(Path(path), name)
    numbers = [segment.info.label for segment in segments]
    if len(set(numbers)) < len(numbers) or min(numbers, default=1) < 1:
        numbers = list(range(1, len(segments) + 1))
    array = np.zeros(grid.shape, np.min_scalar_type(max(numbers, default=1)))
    covered = False
    for number, segment in zip(numbers, segments):
        part, inside = array[segment.box], segment.labels.array[segment.box] == segment.value
        covered = covered or bool(part[inside].any())
        part[inside] = number
    told = (f"Segments of the {name} file overlap; there the later one counts.",) if covered else ()
    for note in told:
        remark(note)
    mask = replace(grid.with_array(array), meta={**grid.meta, NOTES: (*notes_of(grid), *told)})
    return mask, {number: segment.info for number, segment in zip(numbers, segments)}


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


def holds_segments(path: Path, name: str = "") -> bool:
    """Whether a file is a segmentation: DICOM SEG, called so, or with segments in its header, or of several layers."""
    if not suffix_of(path) and is_dicom_seg(path):
        return True
    if suffix_of(path) not in (".nrrd", ".nhdr") or not path.is_file() or not path.stat().st_size:
        return False
    if path.name.lower().endswith((".seg.nrrd", ".seg.nhdr")):
        return True
    try:
        return any(_KEY.match(key) for key in nrrd_header(path, "").keys)
    except (OSError, SpineError):  # said when it is read
        return False


def _of_segmentation(path: Path, name: str, rejected: bool = False) -> tuple[Volume, list[MarkedSegment]]:
    if not suffix_of(path):
        grid, arrays, found_in = read_dicom_seg(path, name)
        volumes = [grid.with_array(array) for array in arrays]
        around = [boxes_of(array, name) for array in arrays]
        return grid, [
            MarkedSegment(info, volumes[layer], info.label, around[layer][info.label])
            for info, layer in found_in
            if info.label in around[layer] and not rejected
        ]
    label = f"The {name} file" if name else "The mask"
    found = read_image_file(path, label)
    array = whole_labels(found.array, name)
    array = array[..., None] if array.ndim == 3 else array
    grid = volume_of(replace(found, array=np.zeros(array.shape[:3], np.uint8)), name, label)
    layers = [grid.with_array(array[..., layer]) for layer in range(array.shape[3])]
    boxes = [boxes_of(layer.array, name) for layer in layers]
    described = _described(found, len(layers), label) or _undescribed(boxes)
    segments = [
        MarkedSegment(info, layers[layer], value, boxes[layer][value])
        for info, layer, value in described
        if value in boxes[layer] and (info.tags.get(REVIEW) == REJECTED) == rejected
    ]
    if rejected:  # whoever reads what is kept is told
        return grid, segments
    if left_out := sum(info.tags.get(REVIEW) == REJECTED for info, *_ in described):
        many = "1 rejected segment; it was" if left_out == 1 else f"{left_out} rejected segments; they were"
        told = f"{label} holds {many} left out."
        grid = grid.with_meta({NOTES: (*notes_of(grid), told)})
    known = {(layer, value) for _, layer, value in described}
    left = sorted({value for layer, found_in in enumerate(boxes) for value in found_in if (layer, value) not in known})
    if left:
        numbers = ", ".join(map(str, left[:10]))
        told = f"{label} holds labels that belong to none of its segments ({numbers}); they were left aside."
        grid = grid.with_meta({NOTES: (*notes_of(grid), told)})
    for note in notes_of(grid):
        remark(note)
    return grid, segments


def _described(found: Found, layers: int, label: str) -> list[tuple[SegmentInfo, int, int]]:
    """Each segment that the header describes, with its layer and its value there."""
    segments: dict[int, dict[str, str]] = {}
    for key, text in found.keys.items():
        if match := _KEY.fullmatch(key):
            segments.setdefault(int(match[1]), {})[match[2]] = text
    # Colour or extent alone describe no segment: what programs leave behind of one that was deleted.
    numbers = sorted(number for number, one in segments.items() if one.keys() & {"ID", "Name", "LabelValue"})
    # Slicer up to 4.10 gave each segment a layer of its own, in order, and did not say so.
    alone = layers > 1 and not any("Layer" in segments[number] for number in numbers)
    described = []
    for order, number in enumerate(numbers):
        values = segments[number]
        layer = _whole(values, "Layer", (order if layers == len(numbers) else number) if alone else 0, label)
        value = _whole(values, "LabelValue", 1 if alone else number + 1, label)
        if layer >= layers:
            raise SpineError(f"{label} describes a segment in a layer that it does not hold; export it again.")
        described.append((_info(values, value), layer, value))
    return described


def _info(values: Mapping[str, str], value: int) -> SegmentInfo:
    tags = dict(tag.split(":", 1) for tag in values.get("Tags", "").split("|") if ":" in tag)
    terminology = tags.pop("TerminologyEntry", tags.pop("Segmentation.TerminologyEntry", ""))
    return SegmentInfo(value, values.get("Name") or values.get("ID") or str(value), _RED, terminology, tags)


def _undescribed(boxes: Sequence[Mapping[int, Box]]) -> list[tuple[SegmentInfo, int, int]]:
    """The segments of a file that describes none: each value of each layer."""
    found = [(layer, value) for layer, labels in enumerate(boxes) for value in labels]
    if len(boxes) == 1:
        return [(SegmentInfo(value, str(value), _RED, ""), layer, value) for layer, value in found]
    numbered = enumerate(found, start=1)
    return [(SegmentInfo(number, str(number), _RED, ""), layer, value) for number, (layer, value) in numbered]


def _whole(values: Mapping[str, str], key: str, usual: int, label: str) -> int:
    try:
        number = int(values.get(key, usual))
    except ValueError:
        number = -1
    if number < 0:
        raise SpineError(f"{label} has a damaged header ({key} of a segment); export it again.")
    return number
