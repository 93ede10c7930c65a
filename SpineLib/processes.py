"""Work in several processes at a time, which end with the process that started them, however that one ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

#: How often a process looks whether its parent still lives, seconds.
_LOOK = 1.0


def each_in_processes(
    function: Callable[..., None],
    work: Sequence[tuple],
    processes: int,
    done: Callable[[int], None],
    *,
    prepare: Callable[[], None] | None = None,
    method: str | None = None,
) -> None:
    """Call ``function(*arguments)`` for each tuple of ``work``.

    Args:
        function, work: must be picklable.
        processes: at most so many at a time.
        done: is told how many are done, after each; may raise, e.g. ``Cancelled``, which ends all processes.
        prepare: called first in each process.
        method: of :mod:`multiprocessing` ("spawn" where this process has threads, which a fork may stop for ever);
            None: the platform's own.
    """
    context = multiprocessing.get_context(method)
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(os.getpid(), prepare))
    try:
        jobs = [pool.submit(function, *arguments) for arguments in work]
        for number, job in enumerate(as_completed(jobs), start=1):
            job.result()
            done(number)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in set(multiprocessing.active_children()) - before:
            child.kill()
        raise
    pool.shutdown()


def _begin(parent: int, prepare: Callable[[], None] | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its processes
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if prepare is not None:
        prepare()


def _end_with(parent: int) -> None:
    """A killed parent tells nobody; its children would wait for work for ever."""
    while _parent_lives(parent):
        time.sleep(_LOOK)
    os._exit(1)


def _parent_lives(parent: int) -> bool:
    process: Any = multiprocessing.parent_process()
    return process.is_alive() if process is not None else os.getppid() == parent
