"""What a segmentation of one examination leaves for archive and information system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.reports.dicom_objects import Marked, write_dicom_objects
from SpineLib.reports.key_pictures import KeyPicture, key_picture
from SpineLib.reports.text import lesions_text
from SpineLib.reports.viewer import Layer
from SpineLib.tasks.colours import TARGETS as COLOURS
from SpineLib.tasks.colours import hexadecimal
from SpineLib.tasks.segmentation.naming import Target
from SpineLib.volume import Volume
from SpineLib.volume.files import write_text
from SpineLib.volume.resampling import resample_like

#: So many lesions have a key picture, the largest first.
_PICTURES = 8


@dataclass(frozen=True, eq=False)
class Examination:
    """What was read.

    Attributes:
        images: by sequence name, any grids; the first is the one whose series the objects refer to.
        target: what is marked on them.
        provenance: of the segmentation; empty of a drawn one.
        simulated: whether the images are.
        spine: sentences on distances to the spinal canal, and on scores that a reader has confirmed.
    """

    images: Mapping[str, Volume]
    target: Target
    provenance: Mapping[str, Any]
    simulated: bool = False
    spine: Sequence[str] = ()


def write_lesions(folder: Path, marked: Marked, examination: Examination) -> tuple[list[str], list[str]]:
    """Write DICOM SEG, DICOM SR, key pictures and ``report.txt``; the files' names, and sentences for the user.

    Raises:
        SpineError: as :func:`SpineLib.reports.dicom_objects.write_dicom_objects`.
    """
    names, notes = write_dicom_objects(folder, [marked], _pictures(marked, examination))
    write_text(folder / "report.txt", marked_text(marked, examination) + "\n")
    return [*names, "report.txt"], notes


def marked_text(marked: Marked, examination: Examination) -> str:
    """The plain paragraph."""
    called = {segment.label: segment.name for segment in marked.segments}
    target = examination.target
    text = lesions_text(
        [(called[label], lesion) for label, lesion in marked.lesions.items()],
        list(examination.images),
        target.key,
        target.disease if target.disease != target.key else target.many,
        examination.provenance,
        examination.spine,
    )
    return f"Simulated data, not a patient. {text}" if examination.simulated else text


def _pictures(marked: Marked, examination: Examination) -> list[KeyPicture]:
    reference = next(iter(examination.images.values()))
    images = {
        name: image if image.same_grid(reference) else resample_like(image, reference)
        for name, image in examination.images.items()
    }
    labels = resample_like(marked.labels, reference, nearest=True)
    colour = hexadecimal(COLOURS[examination.target.key][0])
    layer = Layer(examination.target.disease, labels.with_array((labels.array != 0).astype(np.uint8)), colour)
    called = {segment.label: segment.name for segment in marked.segments}
    largest = sorted(marked.lesions.items(), key=lambda one: -one[1].volume_ml)[:_PICTURES]
    found = [
        key_picture(
            f"{called[label]}{' (simulated data, not a patient)' if examination.simulated else ''}",
            [(name, image, [layer]) for name, image in images.items()],
            labels.with_array((labels.array == label).astype(np.uint8)),
        )
        for label, _ in largest
    ]
    return [picture for picture in found if picture is not None]
