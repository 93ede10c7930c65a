"""``spine evaluate healthy``: false positives on a real healthy scan, and what is found of lesions painted into it."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.sequences import SEQUENCES

HELP = "false positives and painted lesions on a real healthy scan"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    for name, sequence in SEQUENCES.items():
        parser.add_argument(
            f"--{sequence.option}", type=Path, help=f"{name} volume of a healthy spine; all on one grid"
        )
    parser.add_argument("--bodies", required=True, type=Path, help="labels of the vertebral bodies, on the same grid")
    parser.add_argument("--model", required=True, action="append", help="id or folder; may be given several times")
    parser.add_argument("--repeats", type=int, default=4, help="times lesions are painted (default 4)")
    parser.add_argument("--lesions", type=int, default=3, help="lesions painted each time (default 3)")
    parser.add_argument("--whole", action="store_true", help="replace whole bodies evenly instead")
    parser.add_argument("--seed", type=int, default=1, help="of the painting (default 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.healthy import evaluate_healthy
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.segments import read_mask

    paths = {name: getattr(arguments, one.option) for name, one in SEQUENCES.items()}
    images = {name: read_volume(path, name) for name, path in paths.items() if path}
    bodies = read_mask(arguments.bodies, "bodies")
    results = []
    for name in arguments.model:
        bundle = find_bundle(name)
        if not bundle.card.inputs_of(images):
            wish = (" or " if bundle.card.takes_any else " and ").join(bundle.card.inputs)
            raise SpineError(f"The model '{bundle.card.id}' needs {wish}; give it with --t1, --t2 and so on.")
        with ProgressBar(bundle.card.id) as bar:
            results.append(
                evaluate_healthy(
                    bundle,
                    images,
                    bodies,
                    repeats=arguments.repeats,
                    count=arguments.lesions,
                    seed=arguments.seed,
                    whole=arguments.whole,
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
        "| model | images | false positives | their volume | of 0.5 ml or more | painted lesions found "
        "| of 1 ml or more | mean Dice of the painted ones |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        false, rows = result["false_positives"], result["painted"]
        large = [row for row in rows if row["volume_ml"] >= 1]
        dice = sum(result["dice"]) / len(result["dice"]) if result["dice"] else float("nan")
        lines.append(
            f"| `{result['model']}` | {' + '.join(result['inputs'])} "
            f"| {false['count']} | {false['ml']:.2f} ml | {false['count_half_ml']} "
            f"| {sum(row['found'] for row in rows)} of {len(rows)} "
            f"| {sum(row['found'] for row in large)} of {len(large)} | {100 * dice:.1f} % |"
        )
    return "\n".join(lines) + "\n"
