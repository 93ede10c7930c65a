"""How well the scans before and after an ablation are registered, on simulated pairs whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from SpineLib.cohort.mr import Pair
from SpineLib.csv_text import csv_of_dicts
from SpineLib.errors import SpineError
from SpineLib.preprocess.registration import register as register_globally
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.register import RegisterSettings, register
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.files import write_text
from SpineLib.volume.places import to_lps
from SpineLib.volume.segments import read_mask

#: Target registration error, mm, from which a registration has failed and has to be flagged.
FAILED_MM = 2.0


@dataclass(frozen=True)
class RegistrationEvaluation:
    """Figures of a cohort of pairs.

    Attributes:
        cases: one row a pair: errors at the treated vertebra (mean over its voxels, mm): "tre_mm" of the local
            registration, "global_mm" of one rigid registration of the whole scans, "start_mm" of none; "offset_mm",
            the mean error along (l, p, s); the quality's figures; "fat": its displacement was "told" by headers,
            "fitted" or "ignored"; times.
        summary: over all rows.
        sequences: which sequence before, and after.
        simulated: always True: only simulated pairs have this truth.
    """

    cases: list[dict]
    summary: dict
    sequences: tuple[str, str]
    simulated: bool = True


def evaluate_registration(
    pairs: Sequence[Pair],
    sequences: tuple[str, str] = ("T1", "ceT1"),
    settings: RegisterSettings = RegisterSettings(),
    *,
    globally: bool = True,
    progress: Progress = silent,
) -> RegistrationEvaluation:
    """Register every pair around its treated metastasis and compare with the truth.

    Args:
        pairs: with "treated" and "after_to_before_lps" in their truth, and labels "lesion" and "vertebrae" before.
        sequences: which sequence of the scan before, and after.
        globally: also register the whole scans, for comparison.

    Raises:
        SpineError: a pair lacks an image, a label or its truth.
    """
    cases = []
    for number, pair in enumerate(pairs):
        share = part(progress, number / len(pairs), (number + 1) / len(pairs))
        cases.append(_row(pair, sequences, settings, globally, share))
    return RegistrationEvaluation(cases, summarise(cases), sequences)


def target_errors(after_to_before: np.ndarray, truth: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Error vectors (n, 3), mm, at points (n, 3) of the scan before, LPS mm: where their true places in the scan after
    are taken to, less the points themselves. Both matrices: (4, 4), after to before."""
    wrong = after_to_before @ np.linalg.inv(truth)
    return points @ (wrong[:3, :3] - np.eye(3)).T + wrong[:3, 3]


def summarise(cases: Sequence[dict]) -> dict:
    """Median, 95th percentile and failures of each way, what the quality flags, and the time."""
    tre = np.array([row["tre_mm"] for row in cases])
    trusted = np.array([row["trusted"] for row in cases])
    failed = tre > FAILED_MM
    summary: dict[str, Any] = {
        "cases": len(cases),
        "failed": int(failed.sum()),
        "failed_unflagged": int((failed & trusted).sum()),
        "flagged_though_good": int((~failed & ~trusted).sum()),
    }
    for key in ("tre_mm", "global_mm", "start_mm"):
        values = np.array([row[key] for row in cases if key in row])
        if len(values):
            summary[key] = {
                "median": float(np.median(values)),
                "p95": float(np.percentile(values, 95)),
                "max": float(values.max()),
                "over_2_mm": int((values > FAILED_MM).sum()),
            }
    if trusted.any():
        summary["tre_mm_trusted"] = {
            "median": float(np.median(tre[trusted])),
            "p95": float(np.percentile(tre[trusted], 95)),
            "max": float(tre[trusted].max()),
        }
    summary["seconds"] = {
        "median": float(np.median([row["seconds"] for row in cases])),
        "max": float(max(row["seconds"] for row in cases)),
        "median_cpu": float(np.median([row["cpu_seconds"] for row in cases])),
    }
    estimated = np.array([row["error_mm"] for row in cases])
    summary["told"] = sum(row["fat"] == "told" for row in cases)
    summary["within_estimate"] = float((tre <= estimated).mean())
    return summary


def markdown(evaluation: RegistrationEvaluation) -> str:
    """The summary as a table."""
    summary = evaluation.summary
    lines = [
        (
            f"Registration of {summary['cases']} simulated pairs ({' to '.join(evaluation.sequences[::-1])}); mean "
            f"error "
            "at the voxels of the treated vertebra, mm."
        ),
        "",
        "| | median | 95 % | largest | over 2 mm |",
        "|---|---|---|---|---|",
    ]
    for key, name in (
        ("start_mm", "as scanned"),
        ("global_mm", "whole scan, rigid"),
        ("tre_mm", "around the metastasis, rigid"),
    ):
        if key in summary:
            one = summary[key]
            lines.append(f"| {name} | {one['median']:.2f} | {one['p95']:.2f} | {one['max']:.2f} | {one['over_2_mm']} |")
    seconds = summary["seconds"]
    lines += [
        "",
        (
            f"Displacement of fat told by the headers: {summary['told']} of {summary['cases']} pairs. "
            f"Failed (over 2 mm): {summary['failed']}, of these not flagged: {summary['failed_unflagged']}; flagged "
            f"though within 2 mm: {summary['flagged_though_good']}. Error within the estimate: "
            f"{100 * summary['within_estimate']:.0f} %. Time: median {seconds['median']:.1f} s, longest "
            f"{seconds['max']:.1f} s (processor {seconds['median_cpu']:.1f} s)."
        ),
    ]
    return "\n".join(lines) + "\n"


def write_registration_evaluation(evaluation: RegistrationEvaluation, folder: Path) -> list[Path]:
    """``simulated_registration.csv`` (a line a pair), and ``.json`` and ``.md`` beside it, in ``folder``.

    Raises:
        SpineError: they cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The folder for the tables cannot be made; choose another one.") from error
    cases = [
        {key: f"{value:.4f}" if isinstance(value, float) else value for key, value in row.items()}
        for row in evaluation.cases
    ]
    figures = {
        "simulated": evaluation.simulated,
        "sequences": list(evaluation.sequences),
        "summary": evaluation.summary,
        "cases": evaluation.cases,
    }
    texts = {
        "simulated_registration.csv": csv_of_dicts(cases),
        "simulated_registration.json": json.dumps(figures, indent=2) + "\n",
        "simulated_registration.md": markdown(evaluation),
    }
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]


def _row(
    pair: Pair, sequences: tuple[str, str], settings: RegisterSettings, globally: bool, progress: Progress
) -> dict:
    before, after, lesion, points, truth = _read(pair, sequences)
    started, used = perf_counter(), process_time()
    result = register(before, after, Region.from_mask(lesion), settings, part(progress, 0.0, 0.8))
    seconds, cpu = perf_counter() - started, process_time() - used
    errors = target_errors(result.after_to_before, truth, points)
    quality = result.quality.to_dict()
    row = {
        "case": pair.name,
        "level": pair.truth["treated"]["level"],
        "start_mm": _mean_length(target_errors(np.eye(4), truth, points)),
        "tre_mm": _mean_length(errors),
    }
    if globally:
        transform, _ = register_globally(before, after, part(progress, 0.8, 1.0))
        matrix = np.eye(4)
        matrix[:3, :3] = np.reshape(transform.GetMatrix(), (3, 3))
        matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
        row["global_mm"] = _mean_length(target_errors(np.linalg.inv(matrix), truth, points))
    row |= {f"offset_{axis}_mm": float(value) for axis, value in zip("lps", errors.mean(axis=0))}
    fat = (result.provenance["fat"] or {}).get("way", "ignored")
    row |= quality | {
        "reasons": " ".join(quality["reasons"]),
        "fat": fat,
        "slice_mm": max(before.spacing + after.spacing),
        "seconds": seconds,
        "cpu_seconds": cpu,
    }
    return row


def _read(pair: Pair, sequences: tuple[str, str]) -> tuple[Volume, Volume, Volume, np.ndarray, np.ndarray]:
    """Both scans, the treated metastasis, the voxel centres of its vertebra (before, LPS mm), and the truth."""
    treated, matrices = pair.truth.get("treated"), pair.truth.get("after_to_before_lps", {})
    files = [
        pair.before.sequences.get(sequences[0]),
        pair.after.sequences.get(sequences[1]),
        pair.before.labels.get("lesion"),
        pair.before.labels.get("vertebrae"),
    ]
    if not treated or treated["level"] not in matrices or None in files:
        raise SpineError(
            f"{pair.name} lacks an image ({' or '.join(sequences)}), a label (lesion, vertebrae) or its "
            "truth; choose a folder as 'spine phantom --follow-up' writes it."
        )
    names = (*sequences, "lesion", "vertebrae")
    readers = (read_volume, read_volume, read_mask, read_mask)
    before, after, lesions, vertebrae = (read(file, name) for read, file, name in zip(readers, files, names) if file)
    lesion = lesions.with_array((lesions.array == treated["lesion"]).astype(np.uint8))
    hosts = vertebrae.array[lesion.array > 0]
    host = int(np.bincount(hosts[hosts > 0]).argmax())
    points = to_lps(np.argwhere(vertebrae.array == host), vertebrae)
    return before, after, lesion, points, np.array(matrices[treated["level"]])


def _mean_length(vectors: np.ndarray) -> float:
    return float(np.linalg.norm(vectors, axis=1).mean())
