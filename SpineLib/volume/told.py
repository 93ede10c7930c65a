"""What a file tells of a volume beside its voxels and their place: kept in ``Volume.meta``, read by these functions."""

from __future__ import annotations

from SpineLib.volume.fat_shift import FatShift
from SpineLib.volume.volume import Volume

#: Keys of ``Volume.meta``.
MODALITY, FAT_SHIFT = "modality", "fat_shift"


def modality_of(volume: Volume) -> str:
    """ "MR", "CT" or another modality where the file says so (DICOM), else ""."""
    return volume.meta.get(MODALITY, "")


def fat_shift_of(volume: Volume) -> FatShift | None:
    """How far fat is displaced, where a header tells it (DICOM, BIDS sidecar), else None."""
    return volume.meta.get(FAT_SHIFT)
