"""Writing volumes (NRRD, NIfTI, MetaImage) and other files, all or nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.temporary import in_utf8, is_utf8, staged
from SpineLib.volume.formats import SUFFIXES, suffix_of
from SpineLib.volume.found import Found, checked_grid
from SpineLib.volume.itk import to_sitk
from SpineLib.volume.outputs import check_detached, check_target
from SpineLib.volume.quiet import quiet_libraries
from SpineLib.volume.reading import read_found
from SpineLib.volume.volume import Volume

#: A file may put a corner this far (mm) from where it lies; NIfTI rounds to so many digits of the place beside that.
_SAME_PLACE_MM, _SINGLE = 1e-3, 4 * float(np.finfo(np.float32).eps)


def write_volume(volume: Volume, path: str | Path, compress: bool = True) -> None:
    """Write a volume, all or nothing: an older file stays until the new one is whole.

    It is read back by other code than wrote it, and compared: voxels, size, spacing, origin and direction.

    Args:
        volume: LPS.
        path: its ending is one of :data:`~SpineLib.volume.formats.SUFFIXES`.
        compress: where the format can; without it writing is many times faster (".nii.gz" is always compressed).

    Raises:
        SpineError: unknown ending, no such folder, no permission, disk full; no valid place, or one that the format
            cannot hold (axes that are not at right angles in NIfTI); a file of voxels that belongs to another image.
    """
    write_image(to_sitk(volume), path, compress)


def write_image(image, path: str | Path, compress: bool = True) -> None:
    """:func:`write_volume` for a ``SimpleITK.Image`` that may carry metadata and several values a voxel."""
    import SimpleITK as sitk

    suffix = suffix_of(path)
    if not suffix:
        raise SpineError(f"A volume cannot be written as '{Path(path).suffix}'; use one of {', '.join(SUFFIXES)}.")
    wanted = _content(image)
    if suffix.startswith(".nii"):
        checked_grid(wanted, "The output")
    check_detached(path)
    with whole_files(path) as temporary:
        try:
            with quiet_libraries():
                sitk.WriteImage(image, str(temporary), useCompression=compress and suffix != ".nii")
            # ITK's writers do not all notice a full disk; reading it all back does.
            written = read_found(temporary, "The output")
        except (RuntimeError, SpineError) as error:
            raise OSError("the file could not be written completely") from error
        if not _same_voxels(written.array, wanted.array):
            raise OSError("the file could not be written completely")
        if not _same_place(written, wanted):
            raise SpineError(
                f"The output cannot be written as {suffix}, which would change its place or voxel size; write .nrrd."
            )


def _content(image) -> Found:
    import SimpleITK as sitk

    direction = np.reshape(image.GetDirection(), (3, 3))
    view = sitk.GetArrayViewFromImage(image)
    return Found(view, np.array(image.GetSpacing()), np.array(image.GetOrigin()), direction)


def _same_voxels(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return all(np.array_equal(a, b, equal_nan=one.dtype.kind == "f") for a, b in zip(one, other))


def _same_place(one: Found, other: Found) -> bool:
    size = np.array(other.array.shape[2::-1])
    corners = np.array(np.meshgrid(*[(0, 1)] * 3)).reshape(3, -1) * size[:, None]
    first, second = (f.direction * f.spacing @ corners + f.origin[:, None] for f in (one, other))
    return bool(np.abs(first - second).max() <= max(_SAME_PLACE_MM, _SINGLE * np.abs(second).max()))


def write_text(path: str | Path, text: str) -> None:
    """Write a text file as :func:`write_volume` writes volumes: UTF-8, line ends as they are, all or nothing.

    Raises:
        SpineError: no such folder, no permission, disk full.
    """
    with whole_files(path) as temporary:
        # A name that is not UTF-8 is spelled out, which JSON reads as the same name.
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def write_errors() -> Iterator[None]:
    """Turn what the system says when files cannot be written into what the user can do.

    Raises:
        SpineError: instead of any OSError.
    """
    try:
        yield
    except PermissionError as error:
        raise SpineError("The output cannot be written: no permission for its folder; choose another one.") from error
    except OSError as error:
        raise SpineError(
            "The output cannot be written: the disk is full or not reachable; free some space or choose another folder."
        ) from error


@contextmanager
def whole_files(path: str | Path):
    """Write files all or nothing: yields a path in a temporary folder beside ``path``; at the end all files in that
    folder move to ``path``'s own folder. After an exception nothing is left of them and older files stay.

    Raises:
        SpineError: instead of any OSError, with what the user can do.
    """
    path = Path(path)
    with write_errors():
        if not path.parent.is_dir():
            raise SpineError("The folder to write into does not exist; create it or choose another one.")
        check_target(path)
        # ITK and VTK take no names that are not UTF-8, and some of them abort the process.
        name = path.name if is_utf8(path.name) else f"output{suffix_of(path) or path.suffix}"
        with staged(path.parent) as folder, in_utf8(folder) as usable:
            yield usable / name
            files = sorted(folder.iterdir(), key=lambda file: file.name == name)  # the header (named file) last
            if name != path.name and len(files) > 1:
                raise SpineError("The name of the output is not UTF-8, which its format cannot hold; choose another.")
            for file in files:
                os.replace(file, path.parent / (path.name if file.name == name else file.name))
