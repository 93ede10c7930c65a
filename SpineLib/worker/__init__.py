"""The worker: a child process that runs one job at a time, and the other end that starts it and gives it jobs.

``python -m SpineLib.worker`` speaks the protocol of :mod:`SpineLib.worker.protocol` on standard input and output, and
ends when its standard input closes, that is, when its parent is gone. Nothing here imports torch or Qt.
"""

from SpineLib.temporary import PrivateFolder, sweep_stale_folders
from SpineLib.worker.command import worker_command
from SpineLib.worker.process import SubprocessTransport
from SpineLib.worker.process_tree import kill_tree
from SpineLib.worker.protocol import LastLines
from SpineLib.worker.sentences import sentence
from SpineLib.worker.session import Transport, WorkerSession

__all__ = [
    "LastLines",
    "PrivateFolder",
    "SubprocessTransport",
    "Transport",
    "WorkerSession",
    "kill_tree",
    "sentence",
    "sweep_stale_folders",
    "worker_command",
]
