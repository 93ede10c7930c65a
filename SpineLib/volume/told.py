"""What a file tells of a volume beside its voxels and their place: kept in ``Volume.meta``, read by these functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from SpineLib.volume.acquisition import Acquisition, acquisition
from SpineLib.volume.fat_shift import FatShift, fat_shift
from SpineLib.volume.volume import Volume

#: Keys of ``Volume.meta``.
MODALITY, FAT_SHIFT, ACQUISITION, READ, NOTES = "modality", "fat_shift", "acquisition", "read", "notes"


def with_header(volume: Volume, fields: Mapping[str, Any]) -> Volume:
    """A volume with what its header tells of how it was taken; ``fields`` as a BIDS sidecar holds them."""
    shift = fat_shift(fields, volume.direction, volume.spacing, volume.shape[::-1])
    told = {FAT_SHIFT: shift, ACQUISITION: acquisition(fields)}
    more = {key: value for key, value in told.items() if value is not None}
    return volume.with_meta(more) if more else volume


def acquisition_of(volume: Volume) -> Acquisition | None:
    """How the scan was weighted, where a header tells it (DICOM, BIDS sidecar), else None."""
    return volume.meta.get(ACQUISITION)


def modality_of(volume: Volume) -> str:
    """ "MR", "CT" or another modality where the file says so (DICOM), else ""."""
    return volume.meta.get(MODALITY, "")


def fat_shift_of(volume: Volume) -> FatShift | None:
    """How far fat is displaced, where a header tells it (DICOM, BIDS sidecar), else None."""
    return volume.meta.get(FAT_SHIFT)


def read_of(volume: Volume) -> str:
    """What was read, in words ("NIfTI, 384 x 384 x 15 voxels of 0.8 x 0.8 x 4.4 mm"); "" of what came from no file."""
    return volume.meta.get(READ, "")


def notes_of(volume: Volume) -> tuple[str, ...]:
    """Sentences that the user should read: what was straightened, left aside or not told; none if all is well."""
    return volume.meta.get(NOTES, ())


def reading_notes(*volumes: Volume | None) -> list[str]:
    """:func:`notes_of` several volumes, each sentence once; what was not given is passed over."""
    return list(dict.fromkeys(note for volume in volumes if volume is not None for note in notes_of(volume)))
