"""``spine bench``: time and memory of the inner work, beside the plain way of running the same weights."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLab.bench.segment import MODELS, measure_segment
from SpineLab.commands.telling import add_into, tell
from SpineLib.cli.outputs import check_outputs
from SpineLib.errors import SpineError

HELP = "measure time and memory beside the plain way of running the same weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine bench``."""
    parser.add_argument(
        "task",
        choices=("segment", "phantom", "compare", "detect", "followup", "model", "inpaint"),
        help="what to measure",
    )
    parser.add_argument("--cases", type=int, default=12, help="phantom: patients to simulate (default: 12)")
    parser.add_argument("--processes", type=int, default=2, help="phantom: patients at a time (default: 2)")
    parser.add_argument("--model-2d", default=MODELS["2d"], help=f"model id or folder (default: {MODELS['2d']})")
    parser.add_argument("--model-3d", default=MODELS["3d"], help=f"model id or folder (default: {MODELS['3d']})")
    parser.add_argument(
        "--model", help="detect, inpaint: model id or folder (default: the first installed that can do it)"
    )
    parser.add_argument("--only", choices=("2d", "3d"), help="measure one kind only")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"), help="default: auto")
    parser.add_argument("--seed", type=int, default=1, help="which simulated patient or pair of masks (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    add_into(parser)


def run(args: argparse.Namespace) -> int:
    """Measure; returns 0."""
    if args.json is not None:
        check_outputs([args.json], [], args.overwrite)
    figures, text = _WAYS[args.task](args)
    tell(text, args, as_text=True)
    if args.json is not None:
        from SpineLib.tasks.segmentation.output import write_text

        write_text(args.json, json.dumps(figures, indent=2) + "\n")
    return 0


def _measure_phantom(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLab.bench import phantom

    if min(args.cases, args.processes) < 1:
        raise SpineError("--cases and --processes must be at least 1.")
    figures = phantom.measure(args.cases, args.processes)
    return [figures], phantom.sentence(figures)


def _measure_compare(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLab.bench import compare

    figures = compare.measure(args.seed)
    return [figures], compare.table(figures)


def _measure_detect(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLab.bench import detect

    figures = detect.measure(args.model, args.device, args.seed)
    return [figures], detect.sentence(figures)


def _measure_followup(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLab.bench import followup

    figures = followup.measure(args.seed, args.device)
    return [figures], followup.sentence(figures)


def _measure_model(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLab.bench import model

    figures = model.measure(args.seed)
    return [figures], model.table(figures)


def _measure_inpaint(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLab.bench import inpaint

    figures = inpaint.measure(args.model, args.seed)
    return [figures], inpaint.sentence(figures)


_WAYS = {
    "segment": measure_segment,
    "phantom": _measure_phantom,
    "compare": _measure_compare,
    "detect": _measure_detect,
    "followup": _measure_followup,
    "model": _measure_model,
    "inpaint": _measure_inpaint,
}
