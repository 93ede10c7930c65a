"""Options that several commands have."""

from __future__ import annotations

import argparse


def add_device(parser: argparse._ActionsContainer, precision: bool = True) -> None:
    """``--device``, and ``--precision`` where a network alone is run."""
    parser.add_argument(
        "--device", default="auto", choices=("auto", "cuda", "mps", "cpu"), help="what networks run on (default: auto)"
    )
    if precision:
        parser.add_argument(
            "--precision", default="auto", choices=("auto", "float32", "bfloat16"), help="of networks (default: auto)"
        )
