"""``spine train plan``: cohorts and trainings of a plan, within a time."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

HELP = "simulate the cohorts of a plan and train all its models within a time"
DESCRIPTION = (
    "Simulate on all cores and train what a plan names, one after the other and beside each other. The same command "
    "again goes on where an interrupted one was. Ctrl-C saves and stops."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument("--plan", required=True, help="TOML file, or mr")
    parser.add_argument("--out", required=True, type=Path, help="folder of cohorts, trainings and logs")
    parser.add_argument("--minutes", type=float, help="in all (default: the plan's)")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.training.plan import Plan, run_plan
    from SpineLib.errors import SpineError

    plan = Plan.read(arguments.plan)
    minutes = plan.minutes if arguments.minutes is None else arguments.minutes
    if minutes <= 0 or arguments.cores < 1:
        raise SpineError("--minutes must be above 0 and --cores 1 or more.")
    run_plan(plan, arguments.out, minutes, arguments.cores, lambda text: print(text, flush=True))
    return 0
