"""``spine bench followup``: seconds from the files of both scans to the report, in a process of its own."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from SpineLab.bench.child import run_python
from SpineLab.demo.followup import NECROSIS_MODEL
from SpineLib.models import list_bundles
from SpineLib.phantom.followup import FollowUpSettings, simulate_followup
from SpineLib.volume import write_volume

SIZE, SLICES, THREADS = 384, 20, 2


def measure(seed: int, device: str = "auto") -> dict:
    """Simulate a patient before and after an ablation, write the scans, and time ``spine followup`` on two threads.

    The start of the process, reading, both segmentations, registration, comparison and report count; where the model
    for the necrosis is not installed its simulated mask is given instead, which the figures say.
    """
    case = simulate_followup(seed, FollowUpSettings(matrix=SIZE, slices=SLICES, region="lumbar"))
    assert case.before is not None
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as name:
        folder = Path(name)
        line = ["-m", "SpineLib", "followup", "--device", device, "-o", str(folder / "out")]
        for when, scan in (("before", case.before), ("after", case.after)):
            for sequence, volume in scan.images.items():
                path = folder / f"{when}_{sequence}.nii.gz"
                write_volume(volume, path)
                line += [f"--{when}-{sequence.lower()}", str(path)]
        given = not any(card.id == NECROSIS_MODEL for _, card in list_bundles())
        if given:
            write_volume(case.after.labels["necrosis"], folder / "necrosis.nrrd")
            line += ["--necrosis", str(folder / "necrosis.nrrd")]
        threads = {f"{key}_NUM_THREADS": str(THREADS) for key in ("OMP", "MKL", "OPENBLAS")}
        threads["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(THREADS)
        started = time.perf_counter()
        run_python(*line, advice="choose another --seed", environment=threads)
        seconds = time.perf_counter() - started
        record = json.loads((folder / "out" / "comparison.json").read_text(encoding="utf-8"))
    return {
        "kind": "followup",
        "seconds": seconds,
        "threads": THREADS,
        "seed": seed,
        "necrosis_given": given,
        "outcome": record["metastases"][0]["outcome"],
        "steps": _steps(record),
    }


def _steps(record: dict) -> dict[str, float]:
    """Seconds of the steps, as their provenance tells them; registration and comparison of all treated metastases."""
    provenance = record["provenance"]
    steps = {
        f"segment {name}": provenance[name]["seconds"]
        for name in ("metastases", "necroses")
        if isinstance(provenance[name], dict)
    }
    for name, key in (("register", "registration"), ("compare", "comparison")):
        steps[name] = sum(one[key]["provenance"]["seconds"] for one in record["metastases"] if one[key])
    return steps


def told(figures: dict) -> str:
    """The figures in a few lines."""
    given = " (mask of the necrosis given, its model is not installed)" if figures["necrosis_given"] else ""
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in figures["steps"].items())
    return (
        f"A follow-up of {SIZE}x{SIZE}x{SLICES}, two sequences each, from files to report on {figures['threads']} "
        f"threads{given}: {figures['seconds']:.1f} s\n  {steps} (simulated patient, {figures['outcome']})"
    )
