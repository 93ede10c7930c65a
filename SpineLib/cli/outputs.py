"""What commands check of their outputs before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.temporary import staged
from SpineLib.volume.files import write_errors
from SpineLib.volume.formats import suffix_of
from SpineLib.volume.outputs import check_detached, check_targets


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None], overwrite: bool) -> None:
    """Refuse before any work what could not be written afterwards, or would destroy something; None is left aside."""
    targets = [path for path in outputs if path is not None]
    check_targets(targets, [path for path in inputs if path is not None], overwrite)
    for path in targets:
        check_writable(path.parent)


@contextmanager
def all_or_none(*outputs: Path | None) -> Iterator[list[Path | None]]:
    """Yields where to write each output; together they move to their places at the end, after an exception none does.

    Raises:
        SpineError: instead of any OSError; or voxels beside a header would overwrite a file of something else.
    """
    for one in outputs:
        if one is not None:
            check_detached(one)  # where they are written first nothing of another lies
    with write_errors(), ExitStack() as stack:
        folders = {parent: stack.enter_context(staged(parent)) for parent in {one.parent for one in outputs if one}}
        yield [None if one is None else folders[one.parent] / one.name for one in outputs]
        for parent, folder in folders.items():
            for file in sorted(folder.iterdir()):
                os.replace(file, parent / file.name)


def check_kind(path: Path | None, what: str, endings: Iterable[str]) -> None:
    """Refuse a file whose ending is not among those in which ``what`` ("A surface") is written; None is left aside."""
    endings = list(endings)
    if path is not None and path.suffix.lower() not in endings:
        raise SpineError(f"{what} cannot be written as '{path.suffix}'; use {' or '.join(endings)}.")


def check_image_kind(path: Path | None, segmentation: bool = False) -> None:
    """The same of an image, or of a ``segmentation``, which may be one of Slicer."""
    if path is not None and not suffix_of(path):
        slicers = ".seg.nrrd, " if segmentation else ""
        raise SpineError(f"An image cannot be written as '{path.suffix}'; use {slicers}.nrrd, .nii.gz or .mha.")


def check_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds something already, or cannot be written, before any work."""
    if folder.exists() and not folder.is_dir():
        raise SpineError("The output is a file; give the name of a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise SpineError("The output folder holds files already; choose another one or add --overwrite.")
    check_writable(folder)


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be written, or made, before minutes of work, not after.

    It is tried: asked for permissions, Windows, networks and systems of files such as /proc say yes and then refuse.
    """
    with write_errors():
        there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
        if not there.is_dir():
            raise SpineError("The output would lie in a file; give the name of a folder.")
        with staged(there):
            pass
