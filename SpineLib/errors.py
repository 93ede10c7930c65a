"""The two exceptions every room may raise on purpose, and how a shortage of memory is told from other failures."""

import errno


class SpineError(Exception):
    """Something the user can act on: one sentence that says what is wrong and what to do.

    Panels and the command line show the sentence as it is; the traceback belongs in the log. The sentence never holds
    patient data.
    """


class Cancelled(Exception):
    """The user cancelled; whoever catches it leaves everything as it was."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ended: MemoryError, ENOMEM, torch's OutOfMemoryError on GPUs, its RuntimeError on the CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(
        words in str(error).lower() for words in ("can't allocate memory", "not enough memory", "out of memory")
    )
