"""DICOM SEG: a segmentation as a DICOM object that refers to the series it was drawn on (PS3.3, A.51 and C.8.20)."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.sr.codedict import codes

import SpineLib
from SpineLib.errors import SpineError
from SpineLib.volume.dicom_sources import DicomSources, read_sources
from SpineLib.volume.files import whole_files
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.segmentation import SegmentInfo
from SpineLib.volume.volume import Volume

_MISSING = "DICOM SEG needs the package highdicom; install it with: pip install highdicom."


@dataclass(frozen=True)
class SegAlgorithm:
    """What drew the segments: a model's id and version."""

    name: str
    version: str


@dataclass(frozen=True, eq=False)
class DicomSeg:
    """What a DICOM SEG became, for objects that refer to it.

    Attributes:
        dataset: the object (``highdicom.seg.Segmentation``).
        labels: on the grid of the series.
        sources: the series that it belongs to.
        numbers: its segment's number by label.
        notes: sentences the user should read: that the mask was resampled, or reaches beyond the series.
    """

    dataset: Any
    labels: Volume
    sources: DicomSources
    numbers: Mapping[int, int]
    notes: list[str]

    def segment(self, label: int):
        """The description of the segment of a label."""
        return self.dataset.SegmentSequence[self.numbers[label] - 1]

    def slices(self, label: int) -> list:
        """The files that show it."""
        shown = (self.labels.array == label).any(axis=(1, 2))
        return [one for one, here in zip(self.sources.slices, shown) if here]


def write_dicom_seg(
    path: str | Path,
    labels: Volume,
    segments: Sequence[SegmentInfo],
    series: str | Path,
    *,
    description: str,
    algorithm: SegAlgorithm | None = None,
    tracking: Mapping[int, str] | None = None,
) -> DicomSeg:
    """Write segments as one DICOM SEG (binary) on the series they belong to, all or nothing.

    Patient, study, frame of reference and the place of every frame are those of the series; each frame names the slice
    it was derived from. Codes come from the segments' terminology. Tracking UIDs follow from series, label and voxels:
    the same lesion of the same result has the same one, whenever it is written.

    Args:
        path: the file, ".dcm".
        labels: whole numbers, 0 is nothing; on the series' grid in any axis order, or on another grid of the same
            space, from which it is resampled (nearest voxel).
        segments: what the labels are.
        series: the folder of the series, or ``folder#3``.
        description: of the SEG's series ("Metastases"); no patient's name.
        algorithm: what drew the segments; None: a person.
        tracking: label to the tracking UID of the same lesion in another examination.

    Raises:
        SpineError: highdicom is not installed, nothing is segmented, the mask lies elsewhere, a segment has no codes,
            the series is no single-frame MR or CT, or the file cannot be written.
    """
    try:
        import highdicom
    except ImportError as error:
        raise SpineError(_MISSING) from error
    if Path(path).suffix.lower() != ".dcm":
        raise SpineError("A DICOM SEG is written to a file that ends in .dcm; choose such a name.")
    segments = [segment for segment in segments if (labels.array == segment.label).any()]
    if not segments:
        raise SpineError("Nothing is segmented, so there is no DICOM SEG to write.")
    sources = read_sources(series)
    if labels.array.dtype.itemsize > 2:
        labels = labels.with_array(labels.array.astype(np.uint16))
    on_series, notes = _on_series(labels, segments, sources.image)
    planes = np.stack([on_series.array == segment.label for segment in segments], axis=-1).astype(np.uint8)
    drawn_by = _algorithm(highdicom, algorithm)
    try:
        seg = highdicom.seg.Segmentation(
            source_images=sources.slices,
            pixel_array=planes,
            segmentation_type="BINARY",
            segment_descriptions=[
                _description(
                    highdicom,
                    place,
                    segment,
                    (tracking or {}).get(segment.label)
                    or _tracking_uid(highdicom, sources, segment, planes[..., place - 1]),
                    drawn_by,
                )
                for place, segment in enumerate(segments, start=1)
            ],
            series_instance_uid=highdicom.UID(),
            series_number=1000 + sources.series_number,
            sop_instance_uid=highdicom.UID(),
            instance_number=1,
            manufacturer="SpineOncology",
            manufacturer_model_name="SpineOncology",
            software_versions=SpineLib.__version__,
            device_serial_number="0",
            content_label="SEGMENTATION",
            content_description=SpineLib.NOTICE,
            series_description=description[:64],
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SpineError(
            "A DICOM SEG cannot refer to this DICOM series: its slices lack attributes or contradict each "
            "other; export it again from its archive."
        ) from error
    with whole_files(path) as temporary:
        seg.save_as(temporary, enforce_file_format=True)
    numbers = {segment.label: number for number, segment in enumerate(segments, start=1)}
    return DicomSeg(seg, on_series, sources, numbers, notes)


def _tracking_uid(highdicom, sources: DicomSources, segment: SegmentInfo, plane: np.ndarray):
    """Of a lesion: from its series, its label and its voxels (PS3.5, B.2: a UUID as UID)."""
    digest = hashlib.sha256(f"{sources.slices[0].SeriesInstanceUID} {segment.label} ".encode())
    digest.update(np.packbits(plane).tobytes())
    return highdicom.UID.from_uuid(str(uuid.UUID(bytes=digest.digest()[:16], version=4)))


def _on_series(labels: Volume, segments: Sequence[SegmentInfo], image: Volume) -> tuple[Volume, list[str]]:
    """The labels on the image's grid, and what was lost or changed on the way."""
    moved = resample_like(labels, image, nearest=True)
    before = sum(np.count_nonzero(labels.array == segment.label) for segment in segments)
    after = [np.count_nonzero(moved.array == segment.label) for segment in segments]
    if not all(after):
        raise SpineError(
            "A segment lies outside the DICOM series or between its slices; choose the series it was drawn on."
        )
    if before == sum(after) and labels.array.size == moved.array.size:
        return moved, []  # The same voxels, in whatever order.
    notes = ["The DICOM SEG holds the segments on the grid of the series: each voxel has the nearest label."]
    share = sum(after) * image.voxel_volume_ml / (before * labels.voxel_volume_ml)
    if share < 0.9:
        notes.append(
            f"{100 * (1 - share):.0f} % of the segments' volume lies beyond the DICOM series and is not in "
            "the DICOM SEG."
        )
    return moved, notes


def _algorithm(highdicom, algorithm: SegAlgorithm | None) -> dict:
    if algorithm is None:
        return {"algorithm_type": "MANUAL"}
    identification = highdicom.AlgorithmIdentificationSequence(
        name=algorithm.name[:64], family=codes.DCM.ArtificialIntelligence, version=algorithm.version[:64]
    )
    return {"algorithm_type": "AUTOMATIC", "algorithm_identification": identification}


def _description(highdicom, number: int, segment: SegmentInfo, tracking_uid, drawn_by: dict):
    """Of Slicer's terminology string: category, type and region; the rest of it has no place in these segments."""
    parts = [_code(highdicom, part) for part in [*segment.terminology.split("~"), *7 * [""]][:7]]
    _, category, kind, _, _, region, _ = parts
    if category is None or kind is None:
        raise SpineError(f"The segment '{segment.name}' has no terminology; give it a category and a type.")
    red, green, blue = (round(255 * value) for value in segment.colour)
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:64],
        segmented_property_category=category,
        segmented_property_type=kind,
        tracking_id=segment.name[:64],
        tracking_uid=tracking_uid,
        anatomic_regions=[region] if region is not None else None,
        display_color=highdicom.color.CIELabColor.from_rgb(red, green, blue),
        **drawn_by,
    )


def _code(highdicom, text: str):
    """A coded concept of "SCT^51282000^Vertebra"; None of anything else."""
    scheme, _, rest = text.partition("^")
    value, _, meaning = rest.partition("^")
    if not (scheme and value and meaning):
        return None
    return highdicom.sr.CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)
