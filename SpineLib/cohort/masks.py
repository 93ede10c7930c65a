"""A patient's mask as lesions: one number each, whatever program drew it, and only where it lies on the image."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.volume.segments import MarkedSegment, holds_segments, read_mask, read_segments
from SpineLib.volume.told import NOTES, notes_of
from SpineLib.volume.volume import Volume

#: More lesions than this in one patient are no lesions; a prepared case holds numbers of eight bits.
MOST = 255
#: Of a lesion at least this share has to lie in the image that it was drawn on.
_INSIDE = 0.5
#: Voxels that touch by a corner belong to one lesion.
_TOUCHING = np.ones((3, 3, 3), bool)
_LESION = re.compile(r"l(?:e|ä|a\u0308|ae)sion|metasta|tumou?r|mass\b|mets?\b|finding", re.IGNORECASE)
_NECROSIS = re.compile(r"ne[ck]ro|ablat", re.IGNORECASE)
_BONE = re.compile(r"vertebra|sacr|disc|disk|canal|cord|\b[CTL]\d{1,2}\b|organ|body", re.IGNORECASE)


def read_lesions(path: str | Path, name: str = "lesion", *, numbered: bool = False) -> Volume:
    """The lesions of a mask, uint8 numbers from 1 on.

    Args:
        path: any mask: an image of whole numbers, ``.seg.nrrd``, DICOM SEG.
        name: of the mask in messages.
        numbered: its numbers are lesions even where there is only one, as in simulated patients, whose truth tells how
            many there are.

    Returns:
        On the mask's own grid. Several numbers, or several segments, are one lesion each; a mask of one number or one
        segment is parted into what touches (by a corner, too). Of a segmentation whose names call some segments
        lesions, these only. ``notes_of`` tells what was done.

    Raises:
        SpineError: unreadable, no mask, segments that are no lesions, or more than 255 of them.
    """
    mask, told = _chosen(Path(path), name)
    values = np.unique(mask.array)
    values = values[values > 0]
    if len(values) == 1 and not numbered:
        labels, count = ndimage.label(mask.array > 0, _TOUCHING)
        if count > MOST:
            raise SpineError(
                f"The {name} mask falls into {count} pieces, which are no lesions; take stray voxels out of it."
            )
        array = labels.astype(np.uint8)
        if count > 1:
            told.append(f"The {name} mask was parted into its {count} pieces, a lesion each.")
    elif len(values) and values[-1] > MOST:
        if len(values) > MOST:
            raise SpineError(
                f"The {name} mask holds {len(values)} numbers, more than the {MOST} lesions a case can have."
            )
        array = np.where(mask.array > 0, np.searchsorted(values, mask.array) + 1, 0).astype(np.uint8)
        told.append(f"The numbers of the {name} mask, up to {values[-1]}, were counted anew from 1.")
    else:
        array = mask.array.astype(np.uint8)
    return replace(mask.with_array(array, name), meta={**mask.meta, NOTES: (*notes_of(mask), *told)})


def check_on_image(lesions: Volume, image: Volume, name: str = "lesion") -> None:
    """Refuse a mask that lies elsewhere.

    Args:
        lesions: numbers, 0 outside, on any grid.
        image: what it was drawn on.
        name: of the mask in messages.

    Raises:
        SpineError: of a lesion more than half lies outside of the image.
    """
    if lesions.same_grid(image):
        return
    for number, box in enumerate(ndimage.find_objects(lesions.array.astype(np.int32)), start=1):
        if box is not None:
            places = np.argwhere(lesions.array[box] == number) + [part.start for part in box]
            _refuse_outside(places, lesions, image, f"{name} {number}")


def _refuse_outside(places: np.ndarray, mask: Volume, image: Volume, what: str) -> None:
    """Refuse voxels of a mask, (n, 3) indices (k, j, i), of which more than half lie outside of the image."""
    to_image = np.linalg.inv(image.ijk_to_lps) @ mask.ijk_to_lps
    index = places[:, ::-1] @ to_image[:3, :3].T + to_image[:3, 3]
    inside = ((index >= -0.5) & (index <= np.array(image.shape[::-1]) - 0.5)).all(axis=1).mean()
    if inside < _INSIDE:
        raise SpineError(
            f"{100 * (1 - inside):.0f} % of {what} lies outside of the image: the mask belongs to another image or "
            "lost its place when it was exported; export it again on the image."
        )


def vertebrae_on(path: str | Path, image: Volume) -> Volume:
    """The numbered vertebrae of a mask, on its own grid.

    Args:
        path: any mask.
        image: what they were drawn on.

    Raises:
        SpineError: unreadable, no mask, or of all vertebrae more than half lies outside of the image; single ones may,
            as an image can show less of the spine than the one that they were drawn on.
    """
    mask = read_mask(path, "vertebrae")
    places = np.argwhere(mask.array)
    if len(places) and not mask.same_grid(image):
        _refuse_outside(places, mask, image, "the vertebrae")
    return mask


def segment_names(path: str | Path) -> list[str]:
    """Names of the segments of a segmentation, as its file has them; of a label map its numbers."""
    return [one.info.name for one in read_segments(path)[1]]


def _chosen(path: Path, name: str) -> tuple[Volume, list[str]]:
    """The mask with the segments that are lesions, and what was left aside."""
    if not holds_segments(path, name):
        return read_mask(path, name), []
    grid, segments = read_segments(path, name)
    called = [[one for one in segments if sort.search(_words(one))] for sort in (_LESION, _NECROSIS)]
    lesions = next((found for found in (called[::-1] if name == "necrosis" else called) if found), [])
    bones = [one for one in segments if one not in lesions and _BONE.search(_words(one))]
    if bones and not lesions:
        raise SpineError(
            f"The {name} file holds segments that are no lesions ({_listed(bones)}); name a segment 'lesion' or "
            "'metastasis', or give another file."
        )
    kept = lesions or segments
    aside = [one for one in segments if one not in kept]
    told = []
    if aside:
        what = "necroses" if name == "necrosis" else "lesions"
        told.append(f"Segments of the {name} file that are not called {what} were left aside: {_listed(aside)}.")
    elif not lesions and len(kept) > 1:
        told.append(f"No segment of the {name} file is called a lesion, so that each counts as one: {_listed(kept)}.")
    array = np.zeros(grid.shape, np.uint16)
    for number, one in enumerate(kept, start=1):
        part = array[one.box]
        part[one.labels.array[one.box] == one.value] = number
    for note in told:
        remark(note)
    return grid.with_array(array, name), told


def _words(segment: MarkedSegment) -> str:
    return f"{segment.info.name} {segment.info.tags.get('Type', '')}"


def _listed(segments: Sequence[MarkedSegment]) -> str:
    names = [f"'{one.info.name}'" for one in segments]
    return ", ".join(names[:6]) + (" ..." if len(names) > 6 else "")
