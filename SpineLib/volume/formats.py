"""The formats of image files, by the endings of their names."""

from __future__ import annotations

from pathlib import Path

#: Endings of the files that ``write_volume`` writes; ``read_volume`` reads them and DICOM folders.
SUFFIXES = (".nrrd", ".nhdr", ".nii.gz", ".nii", ".mha", ".mhd")


def suffix_of(path: str | Path) -> str:
    """The ending that names the format, lower case (".nii.gz" is one); "" when it is none of :data:`SUFFIXES`."""
    name = Path(path).name.lower()
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
