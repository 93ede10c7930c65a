"""``spine evaluate healthy``: false positives on a real healthy scan, and what is found of lesions painted into it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle

HELP = "false positives and painted lesions on a real healthy scan"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--t1", type=Path, help="T1 volume of a healthy spine")
    parser.add_argument("--t2", type=Path, help="T2 volume on the same grid")
    parser.add_argument("--bodies", required=True, type=Path, help="labels of the vertebral bodies, on the same grid")
    parser.add_argument("--model", required=True, action="append", help="id or folder; may be given several times")
    parser.add_argument("--repeats", type=int, default=4, help="times lesions are painted (default 4)")
    parser.add_argument("--lesions", type=int, default=3, help="lesions painted each time (default 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the painting (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.healthy import evaluate_healthy
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.segments import read_mask

    images = {name: read_volume(path, name) for name, path in (("T1", arguments.t1), ("T2", arguments.t2)) if path}
    bodies = read_mask(arguments.bodies, "bodies")
    results = []
    for name in arguments.model:
        bundle = find_bundle(name)
        missing = [sequence for sequence in bundle.card.inputs if sequence not in images]
        if missing:
            raise SpineError(f"The model '{bundle.card.id}' needs {' and '.join(missing)}; give it with --t1 or --t2.")
        with ProgressBar(bundle.card.id) as bar:
            results.append(
                evaluate_healthy(
                    bundle,
                    images,
                    bodies,
                    repeats=arguments.repeats,
                    count=arguments.lesions,
                    seed=arguments.seed,
                    progress=bar,
                )
            )
    tell(markdown(results), arguments)
    if arguments.json is not None:
        write_text(arguments.json, json.dumps(results, indent=2) + "\n")
    return 0


def markdown(results: list[dict]) -> str:
    """A line a model."""
    lines = [
        "| model | false positives | their volume | of 0.5 ml or more | painted lesions found | of 1 ml or more "
        "| mean Dice of the painted ones |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        false, rows = result["false_positives"], result["painted"]
        large = [row for row in rows if row["volume_ml"] >= 1]
        dice = sum(result["dice"]) / len(result["dice"]) if result["dice"] else float("nan")
        lines.append(
            f"| `{result['model']}` | {false['count']} | {false['ml']:.2f} ml | {false['count_half_ml']} "
            f"| {sum(row['found'] for row in rows)} of {len(rows)} "
            f"| {sum(row['found'] for row in large)} of {len(large)} | {100 * dice:.1f} % |"
        )
    return "\n".join(lines) + "\n"
