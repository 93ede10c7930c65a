"""Where an evaluation's patients are computed, from the options."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from SpineLab.evaluation.workers import Workers


def workers(arguments: argparse.Namespace) -> Workers:
    """From what :func:`SpineLib.cli.batch.add_cluster` added; a line for each patient goes to standard error."""
    from SpineLab.evaluation.workers import Workers

    return Workers(
        arguments.scheduler,
        arguments.at_a_time,
        arguments.retries,
        lambda text: print(text, file=sys.stderr, flush=True),
    )
