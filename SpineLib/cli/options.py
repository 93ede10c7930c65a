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


def add_patient_checks(parser: argparse._ActionsContainer, refused: str) -> None:
    """``--allow-different-patients`` and ``--swap-check``, of commands that compare two scans of one patient.

    Args:
        refused: what the check for exchanged scans refuses.
    """
    parser.add_argument(
        "--allow-different-patients", action="store_true", help="compare scans whose DICOM patient IDs differ"
    )
    parser.add_argument(
        "--swap-check", default="auto", choices=("auto", "off"), help=f"auto: refuse {refused} (default: auto)"
    )
