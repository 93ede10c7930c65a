"""``spine evaluate calibration``: whether a model's probabilities mean what they say."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from SpineLab.commands.telling import tell
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle

HELP = "whether the probabilities of a segmentation mean what they say"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument("--cohort", required=True, type=Path, help="folder of cases with lesion masks, none trained on")
    parser.add_argument("--model", required=True, help="id or folder")
    parser.add_argument("--inputs", help="of a model that takes any sequences: those it is given, e.g. T1,T2")
    parser.add_argument("--cases", type=int, help="only the first so many cases")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all figures, and the fit")
    parser.add_argument("--plot", type=Path, metavar="SVG", help="also draw the reliability")
    add_device(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from dataclasses import replace

    from SpineLab.evaluation.calibration import fitted, reliability, voxels_of
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.tasks.segmentation.segment import SegmentSettings
    from SpineLib.volume.files import write_text

    bundle = find_bundle(arguments.model)
    given = tuple(name.strip() for name in arguments.inputs.split(",")) if arguments.inputs else None
    if given and not bundle.card.inputs_of(given):
        raise SpineError(f"The model '{bundle.card.id}' cannot do with {' and '.join(given)}; change --inputs.")
    label = "necrosis" if bundle.card.target == "necrosis" else "lesion"
    needed = given or (() if bundle.card.takes_any else bundle.card.inputs)
    cohort = read_cohort(arguments.cohort, needed, labels=(label,))
    if arguments.cases:
        cohort = replace(cohort, cases=cohort.cases[: arguments.cases])
    settings = SegmentSettings(device=arguments.device, precision=arguments.precision)
    with ProgressBar(bundle.card.id) as bar:
        probability, lesion = voxels_of(cohort, bundle, settings, label=label, given=given, progress=bar)
    result, fit = reliability(probability, lesion), fitted(probability, lesion)
    tell(markdown(result, fit, bundle.card.threshold), arguments)
    if arguments.json is not None:
        facts = {
            "voxels": result.voxels.tolist(),
            "probability": [None if value != value else round(float(value), 4) for value in result.probability],
            "share": [None if value != value else round(float(value), 4) for value in result.share],
            "expected_error": round(result.expected_error, 4),
            "calibration": [round(value, 4) for value in fit],
        }
        write_text(arguments.json, json.dumps(facts, indent=2) + "\n")
    if arguments.plot is not None:
        from SpineLab.reports.reliability_chart import reliability_chart

        title = f"{bundle.card.title}{' (simulated)' if cohort.simulated else ''}"
        write_text(arguments.plot, reliability_chart(title, result))
    return 0


def markdown(result, fit: tuple[float, float], threshold: float) -> str:
    """A table of the bins, and what would make them honest without changing the masks."""
    from SpineLib.tasks.segmentation.lesions import uncalibrated

    slope, shift = fit
    moved = uncalibrated(threshold, (1 / slope, -shift / slope))  # the other way round
    lines = ["| probability | voxels | mean probability | share that is lesion |", "|---|---|---|---|"]
    for number, (voxels, mean, share) in enumerate(zip(result.voxels, result.probability, result.share)):
        low, high = number / len(result.voxels), (number + 1) / len(result.voxels)
        shown = f"{100 * mean:.0f} % | {100 * share:.0f} %" if voxels else "- | -"
        lines.append(f"| {low:.1f} to {high:.1f} | {voxels} | {shown} |")
    lines += [
        "",
        f"Expected calibration error: {100 * result.expected_error:.1f} %. "
        f"Likeliest: slope {slope:.3f}, shift {shift:.3f} of the logit; "
        f"the threshold that then marks what {threshold:g} marks now is {moved:.3f}.",
    ]
    return "\n".join(lines) + "\n"
