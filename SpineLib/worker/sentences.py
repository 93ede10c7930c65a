"""One sentence for the user for every exception."""

from __future__ import annotations

import errno

from SpineLib.errors import SpineError, is_out_of_memory

_DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


def sentence(error: BaseException, doing: str = "The job") -> str:
    """What to tell the user about ``error``: what is wrong and what to do; holds no path and no patient data."""
    if isinstance(error, SpineError):
        return str(error)
    if is_out_of_memory(error):
        return f"{doing} ran out of memory: close other applications or choose a smaller model, and try again."
    if isinstance(error, OSError) and error.errno in _DISK_FULL:
        return f"{doing} ran out of disk space: free some space, also in the folder for temporary files, and try again."
    if isinstance(error, PermissionError):
        return f"{doing} may not read or write one of its files: check the permissions of the folders, and try again."
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return f"{doing} was given a name that is too long for a file: choose a shorter one, and try again."
    if isinstance(error, ModuleNotFoundError):
        return f"{doing} needs the Python package {error.name}, which is missing: run the set-up, and try again."
    return f"{doing} failed unexpectedly ({type(error).__name__}): the log holds the details."
