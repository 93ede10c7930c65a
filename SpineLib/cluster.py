"""Patients side by side on several processes or machines, by Dask: some fail, workers die, and the rest goes on.

The extra ``cluster`` brings ``distributed``; nothing here is imported without it. A few patients for each worker are
handed out at a time, so that memory does not grow with their number.
"""

from __future__ import annotations

import contextlib
import io
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from SpineLib.errors import Cancelled, SpineError
from SpineLib.progress import remark, remarks_to

#: Tasks handed out for each thread of the cluster: enough that no worker waits, few enough that memory stays small.
_AHEAD = 4
#: How often the cluster is asked for its threads, seconds.
_LOOK_S = 2.0
#: A patient whose worker died so often is given up: most likely it ends them itself, for want of memory.
_DEATHS = 3


@dataclass(frozen=True)
class Outcome:
    """What became of one task.

    Attributes:
        number: of the task, from 0.
        value: what the function gave; None where it failed.
        error: the exception, None where there was none.
        tries: how often it was tried.
    """

    number: int
    value: Any = None
    error: BaseException | None = None
    tries: int = 1


def on_cluster(
    function: Callable[..., Any],
    work: Sequence[tuple],
    *,
    scheduler: str = "",
    workers: int = 2,
    retries: int = 1,
) -> Iterator[Outcome]:
    """Call ``function(*arguments)`` for each tuple of ``work``; outcomes come as they are ready, each once.

    A task whose worker is killed is done again by another one. One that raises is tried again at the end of the queue.

    Args:
        function, work: what Dask can send to another process (closures and lambdas too).
        scheduler: address of a running scheduler; "" starts processes on this machine.
        workers: processes on this machine, without ``scheduler``.
        retries: how often a task that raised is tried again.

    Raises:
        SpineError: ``distributed`` is not installed, or the scheduler cannot be reached.
    """
    from distributed import as_completed

    with _client(scheduler, workers) as client:
        queue = deque((number, 1) for number in range(len(work)))
        running: dict[Any, tuple[int, int]] = {}
        done = as_completed()
        batch = uuid.uuid4().hex  # of two commands on one scheduler, none takes the other's results

        threads, looked = 1, float("-inf")

        def hand_out() -> None:
            nonlocal threads, looked
            if time.monotonic() - looked > _LOOK_S:  # workers come and go; asking costs more than a small task
                threads, looked = max(1, sum(client.nthreads().values())), time.monotonic()
            most = _AHEAD * threads
            while queue and len(running) < most:
                number, tries = queue.popleft()
                key = f"spine-{batch}-{number}-{tries}"
                running[key] = (number, tries)
                done.add(client.submit(_quietly, function, work[number], key=key, pure=False))

        hand_out()
        while running:
            future = next(done)
            number, tries = running.pop(future.key)
            error = future.exception()
            value, heard = (None, []) if error is not None else future.result()
            future.release()
            for one in heard:
                remark(one)
            if isinstance(error, Cancelled):
                raise error
            if error is not None and tries <= retries:
                queue.append((number, tries + 1))
            else:
                yield Outcome(number, value, error, tries)
            hand_out()


def remaining(started: float, done: int, total: int) -> str:
    """ "3 of 20, about 4 min left"."""
    text = f"{done} of {total}"
    if not done or done == total:
        return text
    seconds = (time.monotonic() - started) / done * (total - done)
    return f"{text}, about {seconds:.0f} s left" if seconds < 90 else f"{text}, about {seconds / 60:.0f} min left"


def _quietly(function: Callable[..., Any], arguments: tuple) -> tuple[Any, list[str]]:
    """The function's value, and its remarks; progress bars of several workers would be drawn over each other."""
    heard: dict[str, None] = {}
    with contextlib.redirect_stderr(io.StringIO()), remarks_to(heard.setdefault):
        return function(*arguments), list(heard)


@contextmanager
def _client(scheduler: str, workers: int) -> Iterator[Any]:
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise SpineError(
            "Several workers need Dask, which is not installed: pip install 'SpineLib[cluster]'."
        ) from error
    settings = {
        "distributed.scheduler.allowed-failures": _DEATHS,
        "distributed.worker.daemon": False,  # trainings start processes that draw samples
        "distributed.scheduler.worker-ttl": None,  # a network that computes for minutes does not answer meanwhile
        "distributed.comm.timeouts.connect": "30s",
        "logging.distributed": "error",
    }
    with dask.config.set(settings):
        if scheduler:
            try:
                client = Client(scheduler, timeout="30s")
            except (OSError, ValueError, TimeoutError) as error:
                raise SpineError(
                    f"The scheduler '{scheduler}' does not answer; check its address, e.g. tcp://machine:8786."
                ) from error
            with client:
                yield client
            return
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs=50,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client
