"""The two exceptions every room may raise on purpose."""


class SpineError(Exception):
    """Something the user can act on: one sentence that says what is wrong and what to do.

    Panels and the command line show the sentence as it is; the traceback belongs in the log. The sentence never holds
    patient data.
    """


class Cancelled(Exception):
    """The user cancelled; whoever catches it leaves everything as it was."""
