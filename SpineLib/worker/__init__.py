"""The worker: a long-lived child process that runs one job at a time (``python -m SpineLib.worker``).

It speaks the protocol of :mod:`SpineLib.client.protocol` on standard input and output, and ends when its standard input
closes, that is, when its parent is gone.
"""

from SpineLib.worker.sentences import sentence

__all__ = ["sentence"]
