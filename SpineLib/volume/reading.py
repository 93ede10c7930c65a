"""The one door for images: NRRD, NIfTI, MetaImage files and DICOM series become volumes, or a sentence says why not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.progress import remark
from SpineLib.volume.dicom import read_dicom, read_dicom_file
from SpineLib.volume.dicom_header import is_dicom
from SpineLib.volume.formats import SUFFIXES, suffix_of
from SpineLib.volume.found import Found, volume_of
from SpineLib.volume.metaimage import read_metaimage
from SpineLib.volume.nifti import read_nifti
from SpineLib.volume.nrrd import read_nrrd
from SpineLib.volume.sidecar import read_sidecar
from SpineLib.volume.told import READ, notes_of, with_header
from SpineLib.volume.volume import Volume

_READERS = {
    **dict.fromkeys((".nrrd", ".nhdr"), ("NRRD", read_nrrd)),
    **dict.fromkeys((".nii", ".nii.gz"), ("NIfTI", read_nifti)),
    **dict.fromkeys((".mha", ".mhd"), ("MetaImage", read_metaimage)),
}


def read_volume(path: str | Path, name: str = "") -> Volume:
    """Read one 3-D image: a file (:data:`~SpineLib.volume.formats.SUFFIXES`) or a DICOM series.

    Args:
        path: the file, or the folder with the series, or a DICOM file of many frames; of several series in a folder
            ``folder#3`` is the one of number 3.
        name: label of the volume for messages ("T1"); messages never hold the file's own name.

    Returns:
        The volume with the file's own voxel type, LPS, its axes at right angles. What the file told beside that is in
        its ``meta``: :func:`~SpineLib.volume.told.notes_of` holds what the user should know of the reading, which is a
        :func:`~SpineLib.progress.remark` too.

    Raises:
        SpineError: missing, unreadable, truncated, no image, colour, not 3-D; a spacing, place or orientation that is
            missing, impossible or contradicts itself; more than one series.
    """
    volume = _read(Path(path), name)
    for note in notes_of(volume):
        remark(note)
    return volume


def _read(path: Path, name: str) -> Volume:
    path, series = folder_and_series(path)
    label = f"The {name} file" if name else "The image file"
    _check_readable(path, label)
    if path.is_dir():
        return read_dicom(path, series, name)
    if not suffix_of(path) and is_dicom(path):
        return read_dicom_file(path, name)
    found = read_found(path, label)
    volume = volume_of(found, name, label, {READ: _words(path, found)})
    return with_header(volume, read_sidecar(path))


def read_image_file(path: Path, label: str) -> Found:
    """:func:`read_found` of a file that may be missing or unreadable.

    Raises:
        SpineError: that, or as :func:`read_found`.
    """
    _check_readable(path, label)
    return read_found(path, label)


def read_found(path: Path, label: str) -> Found:
    """What a file of :data:`~SpineLib.volume.formats.SUFFIXES` holds, not judged.

    Raises:
        SpineError: unreadable, truncated, no image of that kind.
    """
    if not suffix_of(path):
        raise SpineError(
            f"{label} has an unknown ending; use one of {', '.join(SUFFIXES)}, or a folder of DICOM files."
        )
    if path.stat().st_size == 0:
        raise SpineError(f"{label} is empty (0 bytes); copy or export it again.")
    try:
        return _READERS[suffix_of(path)][1](path, label)
    except OSError as error:
        raise SpineError(f"{label} cannot be read: its disk or network does not answer; try again.") from error
    except MemoryError as error:
        raise SpineError(f"{label} is larger than this computer's memory; cut it to the spine first.") from error


def folder_and_series(path: Path) -> tuple[Path, str | None]:
    """Folder and number of ``folder#3``; any other path as it is, and None."""
    folder, _, number = path.name.rpartition("#")
    if folder and number and not os.path.exists(path) and os.path.isdir(path.with_name(folder)):
        return path.with_name(folder), number
    return path, None


def files_behind(path: Path) -> list[Path]:
    """All files that a path given to :func:`read_volume` is read from: itself, or those of the folder of its series."""
    folder, _ = folder_and_series(path)
    if path.suffix.lower() in (".mhd", ".nhdr"):  # voxels lie beside their header
        return sorted(file for file in path.parent.glob("*") if file.stem == path.stem)
    if not folder.is_dir():
        return [folder]
    return sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))


def _check_readable(path: Path, label: str) -> None:
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise SpineError(f"{label} does not exist; check its path.") from error
    except OSError as error:
        raise SpineError(f"{label} cannot be reached; check its path and your permissions.") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise SpineError(f"{label} is no file but a device or a pipe; give an image file or a folder of DICOM files.")
    if not os.access(path, os.R_OK | (os.X_OK if stat.S_ISDIR(mode) else 0)):
        raise SpineError(f"{label} may not be read; ask for permission to read it, or copy it elsewhere.")


def _words(path: Path, found: Found) -> str:
    size = " x ".join(str(one) for one in found.array.shape[2::-1])
    spacing = " x ".join(f"{value:.3g}" for value in found.spacing)
    return f"{_READERS[suffix_of(path)][0]}, {size} voxels of {spacing} mm"
