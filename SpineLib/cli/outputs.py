"""What commands check of their outputs before any work."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.formats import suffix_of
from SpineLib.volume.outputs import check_targets


def check_outputs(outputs: Iterable[Path | None], inputs: Iterable[Path | None], overwrite: bool) -> None:
    """Refuse before any work what could not be written afterwards, or would destroy something; None is left aside."""
    targets = [path for path in outputs if path is not None]
    check_targets(targets, [path for path in inputs if path is not None], overwrite)
    for path in targets:
        check_writable(path.parent)


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
    """Refuse a folder that holds something already, before any work."""
    if folder.exists() and not folder.is_dir():
        raise SpineError("The output is a file; give the name of a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not overwrite:
        raise SpineError("The output folder holds files already; choose another one or add --overwrite.")
    if folder.is_dir():
        check_writable(folder)


def check_writable(folder: Path) -> None:
    """Refuse a folder without permission before minutes of work, not after."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise SpineError("The output cannot be written: no permission for its folder; choose another one.")
