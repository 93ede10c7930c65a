"""``--dicom FOLDER``: what goes to the archive, in a folder of its own, all or nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from SpineLib.cli.outputs import check_folder
from SpineLib.errors import SpineError
from SpineLib.temporary import staged

#: What such a folder holds; what an earlier run left of it goes when a new one takes its place.
_NAMES = re.compile(r"(lesions|vertebrae|metastases|necroses|earlier|later|measurements|picture_\d+)\.dcm|report\.txt")


def add_dicom(group, what: str, scans: str, pictures: bool = True) -> None:
    """The option, for a command that writes ``what`` ("the segmentation") of ``scans`` ("the images")."""
    more = ", key pictures as secondary captures and a paragraph of plain text" if pictures else ""
    group.add_argument(
        "--dicom",
        type=Path,
        metavar="FOLDER",
        help=f"also write {what} as DICOM SEG, their measures as DICOM SR{more}; {scans} must be DICOM folders, whose "
        "patient and study the DICOM files name",
    )


def check_series(paths: Iterable[Path]) -> None:
    """Refuse images that are no DICOM series, or a package that is missing, before any work."""
    from importlib.util import find_spec

    from SpineLib.volume.reading import folder_and_series

    if not all(folder_and_series(path)[0].is_dir() for path in paths):
        raise SpineError("--dicom needs scans that are folders of DICOM files; leave it out for other images.")
    if find_spec("highdicom") is None:
        raise SpineError("--dicom needs the package highdicom; install it with: pip install highdicom.")


@contextmanager
def dicom_folder(folder: Path | None, overwrite: bool) -> Iterator[Path | None]:
    """Yields an empty folder whose files move to ``folder`` when all went well; None where no folder is asked for.

    Raises:
        SpineError: ``folder`` is a file, holds files and ``overwrite`` is not set, or cannot be written.
    """
    if folder is None:
        yield None
        return
    check_folder(folder, overwrite)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with staged(folder.parent) as part:
            yield part
            folder.mkdir(exist_ok=True)
            new = sorted(path.name for path in part.iterdir())
            for old in folder.iterdir():
                if _NAMES.fullmatch(old.name) and old.name not in new:
                    old.unlink()
            for name in new:
                os.replace(part / name, folder / name)
    except OSError as error:
        raise SpineError(
            "The DICOM folder cannot be written: the disk is full or the folder may not be written; choose another one."
        ) from error
