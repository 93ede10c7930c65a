"""What a name of an output stands for, and whether it may be written there: nothing is overwritten by the way."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.volume.formats import suffix_of
from SpineLib.volume.metaimage import data_files, metaimage_header
from SpineLib.volume.nrrd import nrrd_header
from SpineLib.volume.payload import sibling

#: Endings of the files with the voxels that are written beside a header.
_DETACHED = {".nhdr": (".raw", ".raw.gz"), ".mhd": (".raw", ".zraw")}


def files_written(path: str | Path) -> tuple[Path, ...]:
    """All files that writing an output of this name may make: itself, and those with its voxels (".nhdr", ".mhd")."""
    path = Path(path)
    ending = suffix_of(path)
    stem = path.name[: len(path.name) - len(ending)]
    return (path, *(path.with_name(stem + other) for other in _DETACHED.get(ending, ())))


def files_read(path: str | Path) -> tuple[Path, ...]:
    """All files that an input consists of: itself, and those with its voxels that its header names."""
    path = Path(path)
    ending = suffix_of(path)
    try:
        if ending in (".nhdr", ".nrrd") and path.is_file():
            names = list(nrrd_header(path, "").files)
        elif ending in (".mhd", ".mha") and path.is_file():
            fields, listed, _ = metaimage_header(path, "")
            names = data_files(fields, listed)
        else:
            names = []
    except (OSError, SpineError):  # what is wrong with an input is said when it is read
        names = []
    return (path, *(sibling(path, name) for name in names))


def check_targets(outputs: Iterable[str | Path], inputs: Iterable[str | Path], overwrite: bool) -> None:
    """Refuse before any work what could not be written afterwards, or would destroy something.

    Args:
        outputs: names of files; all that each stands for is looked at.
        inputs: files and folders that are read.
        overwrite: older outputs may be replaced, but never an input.

    Raises:
        SpineError: an output is an input or another output, exists already, is no file, or lies in no folder.
    """
    seen = [file for path in inputs for file in files_read(path)]
    for path in outputs:
        check_target(path)
        if not os.path.isdir(os.path.dirname(os.path.abspath(path))):
            raise SpineError("The folder to write into does not exist; create it or choose another one.")
        files = files_written(path)
        if any(_same(file, other) for file in files for other in seen):
            raise SpineError("An output has the name of an input or of another output; choose another name.")
        if any(os.path.lexists(file) for file in files) and not overwrite:
            raise SpineError("An output file exists already; choose another name or add --overwrite.")
        seen += files


def check_target(path: str | Path) -> None:
    """Refuse what is no file to write: a folder, a device, a pipe, a link that leads nowhere or in a circle.

    Raises:
        SpineError: it is one of these.
    """
    for file in files_written(path):
        try:
            os.lstat(file)
            mode = os.stat(file).st_mode
        except (FileNotFoundError, NotADirectoryError) as error:
            if os.path.islink(file):
                raise SpineError("An output is a link that leads nowhere; choose another name.") from error
            continue
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise SpineError("The name of an output is too long for a file; choose a shorter one.") from error
            if error.errno == errno.ELOOP:
                raise SpineError("An output is a link that leads in a circle; choose another name.") from error
            raise SpineError("An output cannot be reached; check its path and your permissions.") from error
        except ValueError as error:
            raise SpineError("The name of an output cannot be that of a file; choose another one.") from error
        if stat.S_ISDIR(mode):
            raise SpineError("An output is a folder; give the name of a file.")
        if not stat.S_ISREG(mode):
            raise SpineError("An output is a device or a pipe, which cannot hold it; give the name of a file.")


def check_detached(path: str | Path) -> None:
    """Refuse to write voxels beside a header over a file that belongs to something else.

    Raises:
        SpineError: a file of that name is there, and no older output of this name speaks of it.
    """
    own = files_read(path)
    for file in files_written(path)[1:]:
        if os.path.lexists(file) and not any(_same(file, other) for other in own):
            raise SpineError(
                f"Writing the output would overwrite another file of its name ('{file.suffix}'); choose another name."
            )


def _same(one: Path, other: Path) -> bool:
    """Whether both names lead to one file, also by links or another spelling."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False
