"""What a file tells of a volume beside its voxels and their place: kept in ``Volume.meta``, read by these functions."""

from __future__ import annotations

from SpineLib.volume.fat_shift import FatShift
from SpineLib.volume.volume import Volume

#: Keys of ``Volume.meta``.
MODALITY, FAT_SHIFT, READ, NOTES = "modality", "fat_shift", "read", "notes"


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
