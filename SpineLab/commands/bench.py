"""``spine bench``: time and memory of the inner work, beside the plain way of running the same weights."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from SpineLab.bench import MODELS
from SpineLab.commands.telling import add_into, tell
from SpineLib.cli.options import add_device
from SpineLib.cli.outputs import check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine bench``."""
    parser.add_argument("task", choices=tuple(_TASKS), help="what to measure")
    parser.add_argument("--cases", type=int, default=12, help="phantom: patients to simulate (default: 12)")
    parser.add_argument("--processes", type=int, default=2, help="phantom: patients at a time (default: 2)")
    parser.add_argument("--model-2d", default=MODELS["2d"], help=f"model id or folder (default: {MODELS['2d']})")
    parser.add_argument("--model-3d", default=MODELS["3d"], help=f"model id or folder (default: {MODELS['3d']})")
    parser.add_argument(
        "--model", help="detect, inpaint, learn: model id or folder (default: the first installed that can do it)"
    )
    parser.add_argument("--minutes", type=float, default=15.0, help="learn: of training (default: 15)")
    parser.add_argument("--patients", type=int, default=10, help="learn: that are corrected (default: 10)")
    parser.add_argument(
        "--folder", type=Path, default=Path("bench-learn"), help="learn: keeps all, and goes on (default: bench-learn)"
    )
    for name, sequence in SEQUENCES.items():
        parser.add_argument(
            f"--{sequence.option}",
            type=Path,
            metavar="IMAGE",
            help=f"learn: {name} of a real healthy spine; lesions painted into one half of it are learned from",
        )
    parser.add_argument("--bodies", type=Path, metavar="LABELS", help="learn: its vertebral bodies, on the same grid")
    parser.add_argument(
        "--half", choices=("upper", "lower"), default="upper", help="learn: that is learned from (default: upper)"
    )
    parser.add_argument("--only", choices=("2d", "3d"), help="measure one kind only")
    add_device(parser, precision=False)
    parser.add_argument("--seed", type=int, default=1, help="which simulated patient or pair of masks (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    add_into(parser)


def run(args: argparse.Namespace) -> int:
    """Measure; returns 0."""
    if args.json is not None:
        check_outputs([args.json], [], args.overwrite)
    bench = import_module(f"SpineLab.bench.{args.task}")
    figures = _TASKS[args.task](bench.measure, args)
    tell(bench.told(figures), args, as_text=True)
    if args.json is not None:
        from SpineLib.volume.files import write_text

        write_text(args.json, json.dumps(figures if isinstance(figures, list) else [figures], indent=2) + "\n")
    return 0


def _phantom(measure: Callable[..., dict], args: argparse.Namespace) -> dict:
    if min(args.cases, args.processes) < 1:
        raise SpineError("--cases and --processes must be at least 1.")
    return measure(args.cases, args.processes)


def _segment(measure: Callable[..., list[dict]], args: argparse.Namespace) -> list[dict]:
    return measure({"2d": args.model_2d, "3d": args.model_3d}, args.device, args.seed, args.only)


def _learn(measure: Callable[..., dict], args: argparse.Namespace) -> dict:
    if args.minutes <= 0 or args.patients < 3:
        raise SpineError("--minutes must be above 0 and --patients 3 or more.")
    model = args.model or MODELS["2d"]
    paths = {name: path for name, one in SEQUENCES.items() if (path := getattr(args, one.option))}
    if bool(paths) != bool(args.bodies):
        raise SpineError("A real scan needs its images (--t1, --t2 and so on) and --bodies; give both, or neither.")
    with ProgressBar() as bar:
        if not paths:
            return measure(model, args.seed, args.minutes, args.patients, args.folder, bar)
        from SpineLab.bench.learn_scan import measure_scan
        from SpineLib.volume import read_volume
        from SpineLib.volume.segments import read_mask

        images = {name: read_volume(path, name) for name, path in paths.items()}
        bodies = read_mask(args.bodies, "bodies")
        return measure_scan(
            images, bodies, model, args.seed, args.minutes, args.patients, args.folder, args.half, progress=bar
        )


#: What is measured, each by the module of this name, and what its function ``measure`` is given.
_TASKS: dict[str, Callable] = {
    "segment": _segment,
    "phantom": _phantom,
    "compare": lambda measure, args: measure(args.seed),
    "detect": lambda measure, args: measure(args.model, args.device, args.seed),
    "followup": lambda measure, args: measure(args.seed, args.device),
    "model": lambda measure, args: measure(args.seed),
    "learn": _learn,
    "inpaint": lambda measure, args: measure(args.model, args.seed),
    "train": lambda measure, args: measure(args.seed),
}
