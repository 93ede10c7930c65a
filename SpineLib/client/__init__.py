"""The other end of the worker: start it, give it jobs, hear of progress, cancel. Imports neither torch nor Qt."""

from SpineLib.client.command import worker_command
from SpineLib.client.folders import PrivateFolder, sweep_stale_folders
from SpineLib.client.process import SubprocessTransport
from SpineLib.client.process_tree import kill_tree
from SpineLib.client.protocol import LastLines
from SpineLib.client.session import Transport, WorkerSession

__all__ = [
    "LastLines",
    "PrivateFolder",
    "SubprocessTransport",
    "Transport",
    "WorkerSession",
    "kill_tree",
    "sweep_stale_folders",
    "worker_command",
]
