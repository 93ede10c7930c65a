"""``spine evaluate inpaint``: repairs of vertebrae whose state before the damage is known."""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.cohort.layout import CT_LABELS
from SpineLib.errors import SpineError
from SpineLib.jobs.inpaint import method_models

HELP = "repairs of vertebrae whose state before the damage is known"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--masks",
        type=Path,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="label files of real, healthy columns; lytic holes, breaches, a pedicle, the posterior "
        "part, a quarter and a half are cut from each vertebra",
    )
    parser.add_argument(
        "--cohort",
        type=Path,
        metavar="FOLDER",
        help="simulated CTs, as 'spine phantom --ct' writes them: their lytic lesions",
    )
    parser.add_argument("--methods", default="all", help="separated by commas (default: all whose model is installed)")
    parser.add_argument("--kinds", help="of damage, separated by commas (default: those that --masks tells of)")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder for tables and page")
    parser.add_argument(
        "--vertebrae", type=int, metavar="N", help="only N vertebrae of each label file, spread over it"
    )
    parser.add_argument("--cases", type=int, help="only the first so many cases of the cohort")
    parser.add_argument("--model", metavar="MODEL", help="model id or folder for the method completion")
    parser.add_argument("--steps", type=int, help="of the GANs' descent")
    parser.add_argument("--seed", type=int, default=0, help="of the pieces that are cut (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLab.evaluation.inpainting import (
        damaged_vertebrae,
        evaluate_inpaint,
        simulated_lesions,
    )
    from SpineLab.reports.inpainting import markdown, write_inpaint_evaluation
    from SpineLab.training.completion.damage import EVALUATED, KINDS
    from SpineLib.tasks.inpainting.settings import InpaintSettings

    if not arguments.masks and arguments.cohort is None:
        raise SpineError("Nothing to repair was given; use --masks, --cohort, or both.")
    methods, models = _methods(arguments)
    kinds = [one.strip() for one in arguments.kinds.split(",")] if arguments.kinds else list(EVALUATED)
    unknown = [kind for kind in kinds if kind.partition("-")[0] not in KINDS]
    if unknown:
        raise SpineError(f"There is no damage '{unknown[0]}'; there are {', '.join(KINDS)}.")
    settings = InpaintSettings("templates", **({} if arguments.steps is None else {"steps": arguments.steps}))
    margin = settings.margin_mm
    parts = [
        damaged_vertebrae(path, most=arguments.vertebrae, seed=arguments.seed, margin_mm=margin, kinds=kinds)
        for path in arguments.masks
    ]
    if arguments.cohort is not None:
        parts += [
            simulated_lesions(case, margin) for case in read_ct_cohort(arguments.cohort, CT_LABELS)[: arguments.cases]
        ]
    with ProgressBar() as progress:
        evaluation = evaluate_inpaint(chain(*parts), methods, models, settings, progress)
    files = write_inpaint_evaluation(evaluation, arguments.output)
    tell(markdown(evaluation), arguments)
    print("Written: " + ", ".join(file.name for file in files))
    return 0


def _methods(arguments: argparse.Namespace):
    """The methods, and the models of those that need one."""
    from SpineLib.tasks.inpainting.settings import METHOD_MODELS, METHODS

    wanted = list(METHODS) if arguments.methods == "all" else [one.strip() for one in arguments.methods.split(",")]
    unknown = [method for method in wanted if method not in METHODS]
    if unknown:
        raise SpineError(f"There is no method '{unknown[0]}'; there are {', '.join(METHODS)}.")
    models, methods = {}, []
    for method in wanted:
        try:
            chosen = arguments.model if method == "completion" else None
            found = method_models(method, chosen)
        except SpineError:
            if arguments.methods != "all":
                raise
            continue  # its model is not installed
        methods.append(method)
        if method in METHOD_MODELS:
            models[method] = next(iter(found.values()))
    return methods, models
