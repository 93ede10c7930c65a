"""Reading and writing volumes: NRRD, NIfTI, MetaImage files and DICOM folders."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.fat_shift import fat_shift
from SpineLib.volume.formats import SUFFIXES, suffix_of
from SpineLib.volume.itk import from_sitk, to_sitk
from SpineLib.volume.nifti import check_nifti
from SpineLib.volume.sidecar import read_sidecar
from SpineLib.volume.told import FAT_SHIFT
from SpineLib.volume.volume import Volume


def read_volume(path: str | Path, name: str = "") -> Volume:
    """Read one 3-D image: a file (:data:`~SpineLib.volume.formats.SUFFIXES`) or a DICOM series.

    Args:
        path: the file, or the folder with the series; of several series in it ``folder#3`` is the one of number 3.
        name: label of the volume for messages ("T1"); messages never hold the file's own name.

    Returns:
        The volume with the file's own voxel type, LPS; with what a BIDS sidecar beside the file, or the series itself,
        tells of the displacement of fat.

    Raises:
        SpineError: missing, unreadable, truncated, no image, colour, not 3-D, more than one series.
    """
    path, series = folder_and_series(Path(path))
    label = f"The {name} file" if name else "The image file"
    _check_readable(path, label)
    if path.is_dir():
        from SpineLib.volume.dicom import read_dicom

        return read_dicom(path, series, name)
    if not suffix_of(path):
        raise SpineError(
            f"{label} has an unknown ending; use one of {', '.join(SUFFIXES)}, or a folder of DICOM files."
        )
    if path.stat().st_size == 0:
        raise SpineError(f"{label} is empty (0 bytes); copy or export it again.")
    import SimpleITK as sitk

    if suffix_of(path) in (".nii", ".nii.gz"):
        check_nifti(path, label)
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise SpineError(_why_unreadable(label, path, str(error))) from error
    volume = from_sitk(image, name=name, label=label)
    told = fat_shift(read_sidecar(path), volume.direction, volume.spacing, volume.shape[::-1])
    return volume if told is None else replace(volume, meta={FAT_SHIFT: told})


def folder_and_series(path: Path) -> tuple[Path, str | None]:
    """Folder and number of ``folder#3``; any other path as it is, and None."""
    folder, _, number = path.name.rpartition("#")
    if folder and number and not os.path.exists(path) and os.path.isdir(path.with_name(folder)):
        return path.with_name(folder), number
    return path, None


def _check_readable(path: Path, label: str) -> None:
    try:
        if not path.exists():
            raise SpineError(f"{label} does not exist; check its path.")
    except OSError as error:
        raise SpineError(f"{label} cannot be reached; check its path and your permissions.") from error
    readable = os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0))
    if not readable:
        raise SpineError(f"{label} may not be read; ask for permission to read it, or copy it elsewhere.")


def _why_unreadable(label: str, path: Path, message: str) -> str:
    lower = message.lower()
    if "spacing" in lower and "zero" in lower:
        return f"{label} has a voxel spacing of zero; export it again with its true spacing."
    if "unable to determine imageio" in lower or "could not create io object" in lower:
        return f"{label} is not an image of the kind its ending ({suffix_of(path)}) says; export it again."
    return f"{label} cannot be read: it is damaged or incomplete; copy or export it again."


def write_volume(volume: Volume, path: str | Path, compress: bool = True) -> None:
    """Write a volume, all or nothing: an older file stays until the new one is whole.

    Args:
        volume: LPS.
        path: its ending is one of :data:`SUFFIXES`.
        compress: where the format can; without it writing is many times faster (".nii.gz" is always compressed).

    Raises:
        SpineError: unknown ending, no such folder, no permission, disk full.
    """
    write_image(to_sitk(volume), path, compress)


def write_image(image, path: str | Path, compress: bool = True) -> None:
    """:func:`write_volume` for a ``SimpleITK.Image`` that may carry metadata."""
    import SimpleITK as sitk

    suffix = suffix_of(path)
    if not suffix:
        raise SpineError(f"A volume cannot be written as '{Path(path).suffix}'; use one of {', '.join(SUFFIXES)}.")
    with whole_files(path) as temporary:
        try:
            sitk.WriteImage(image, str(temporary), useCompression=compress and suffix != ".nii")
            # ITK's writers do not all notice a full disk; reading it all back does.
            if suffix.startswith(".nii"):
                check_nifti(temporary, "The output")
            written = sitk.ReadImage(str(temporary))
        except (RuntimeError, SpineError) as error:
            raise OSError("the file could not be written completely") from error
        if written.GetSize()[: image.GetDimension()] != image.GetSize():
            raise OSError("the file could not be written completely")


def write_text(path: str | Path, text: str) -> None:
    """Write a text file as :func:`write_volume` writes volumes: UTF-8, line ends as they are, all or nothing.

    Raises:
        SpineError: no such folder, no permission, disk full.
    """
    with whole_files(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


@contextmanager
def whole_files(path: str | Path):
    """Write files all or nothing: yields a path in a temporary folder beside ``path``; at the end all files in that
    folder move to ``path``'s own folder. After an exception nothing is left of them and older files stay.

    Raises:
        SpineError: instead of any OSError, with what the user can do.
    """
    path = Path(path)
    folder = None
    try:
        if not path.parent.is_dir():
            raise SpineError("The folder to write into does not exist; create it or choose another one.")
        folder = Path(tempfile.mkdtemp(prefix=".spine-", dir=path.parent))
        yield folder / path.name
        files = sorted(folder.iterdir(), key=lambda file: file.name == path.name)  # the header (named file) last
        for file in files:
            os.replace(file, path.parent / file.name)
    except PermissionError as error:
        raise SpineError("The output cannot be written: no permission for its folder; choose another one.") from error
    except OSError as error:
        raise SpineError(
            "The output cannot be written: the disk is full or not reachable; free some space or choose another folder."
        ) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
