"""``spine bench phantom``: how many patients of 384 x 384 x 20 are simulated and written in a minute."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from SpineLib.phantom import PhantomSettings, write_cohort

SIZE, SLICES = 384, 20


def measure(cases: int, processes: int) -> dict:
    """Simulate and write ``cases`` patients (T1, T2, truths; NIfTI); the start of the processes counts."""
    settings = PhantomSettings(matrix=SIZE, slices=SLICES)
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as folder:
        started = time.perf_counter()
        write_cohort(Path(folder) / "cohort", cases, 1, settings, processes, extension=".nii")
        seconds = time.perf_counter() - started
    return {
        "kind": "phantom",
        "cases": cases,
        "processes": processes,
        "seconds": seconds,
        "cases_a_minute": 60 * cases / seconds,
    }


def told(figures: dict) -> str:
    """The figures in a line."""
    return (
        f"{figures['cases']} simulated patients of {SIZE}x{SIZE}x{SLICES}, T1 and T2, {figures['processes']} "
        f"processes: {figures['seconds']:.1f} s, {figures['cases_a_minute']:.0f} a minute"
    )
