"""Starts the worker: ``python -m SpineLib.worker``, or this file, which then finds the SpineLib it lies in first."""

import sys
from pathlib import Path


def run_job(name, parameters, folder, progress):
    """Runs a job of :mod:`SpineLib.jobs.registry`; some bring torch, so only now, after the first progress."""
    from SpineLib.jobs import registry

    return registry.run_job(name, parameters, folder, progress)


def main(run_job=run_job) -> None:
    """Runs jobs until standard input closes."""
    from SpineLib.worker.loop import Worker
    from SpineLib.worker.surroundings import lead_own_group, step_back, take_streams

    lead_own_group()
    commands, events = take_streams()
    step_back()
    Worker(commands, events, run_job).run()


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    sys.path.insert(0, str(here.parents[1]))
    main()
