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
#: Small ones go together: so many at most, and no more than last so long, seconds.
_TOGETHER, _TASK_S = 64, 0.5
#: How often the cluster is asked for its threads, seconds.
_LOOK_S = 2.0
#: A scheduler that does not answer for so long is not there, seconds.
_ANSWER_S = 30
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
    Tasks of milliseconds go several together; where one of them raises or ends its worker, they are done again one by
    one, so that a task may be called once more than ``tries`` says.

    Args:
        function, work: what Dask can send to another process (closures and lambdas too).
        scheduler: address of a running scheduler; "" starts processes on this machine.
        workers: processes on this machine, without ``scheduler``.
        retries: how often a task that raised is tried again.

    Raises:
        SpineError: ``distributed`` is not installed, or the scheduler cannot be reached.
    """
    with _client(scheduler, workers) as client:  # it says how to install what is missing
        from distributed import as_completed

        queue = deque((number, 1) for number in range(len(work)))
        running: dict[Any, list[tuple[int, int]]] = {}
        done = as_completed()
        batch = uuid.uuid4().hex  # of two commands on one scheduler, none takes the other's results

        threads, looked, handed, pace = 1, float("-inf"), 0, float("inf")

        def hand_out(most_together: int = _TOGETHER) -> None:
            nonlocal threads, looked, handed
            if time.monotonic() - looked > _LOOK_S:  # workers come and go; asking costs more than a small task
                threads, looked = max(1, sum(client.nthreads().values())), time.monotonic()
            most = _AHEAD * threads
            while queue and len(running) < most:
                # Dask's own work is milliseconds a task; nobody waits for the last ones in one process.
                size = min(int(_TASK_S / max(pace, 1e-4)), most_together, len(queue) // most)
                some = [queue.popleft() for _ in range(max(1, size))]
                key, handed = f"spine-{batch}-{handed}", handed + 1
                running[key] = some
                each = [work[number] for number, _ in some]
                done.add(client.submit(_quietly, function, each, key=key, pure=False))

        hand_out()
        while running:
            future = next(done)
            some, error = running.pop(future.key), future.exception()
            if isinstance(error, Cancelled):
                raise error
            if error is not None and len(some) > 1:  # which one it was shows when each goes alone
                future.release()
                queue.extendleft(reversed(some))
                hand_out(1)
                continue
            values, heard, seconds = ([None], [], pace) if error is not None else future.result()
            future.release()
            for one in heard:
                remark(one)
            pace = seconds / len(some) if pace == float("inf") else (pace + seconds / len(some)) / 2
            for (number, tries), value in zip(some, values, strict=True):
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


def _quietly(function: Callable[..., Any], each: Sequence[tuple]) -> tuple[list[Any], list[str], float]:
    """The function's values, its remarks, and the seconds that it took; progress bars of several workers would be drawn
    over each other."""
    heard: dict[str, None] = {}
    started = time.monotonic()
    with contextlib.redirect_stderr(io.StringIO()), remarks_to(heard.setdefault):
        return [function(*arguments) for arguments in each], list(heard), time.monotonic() - started


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
        "distributed.comm.timeouts.connect": f"{_ANSWER_S}s",
        "logging.distributed": "error",
    }
    with dask.config.set(settings):
        if scheduler:
            try:
                client = Client(scheduler, timeout=f"{_ANSWER_S}s")
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
