"""``spine phantom``: simulate a cohort."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.progress_bar import ProgressBar

HELP = "simulate a cohort of spine MR with metastases (BIDS-like folder, with all truths)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "-o", "--output", required=True, type=Path, help="folder of the cohort; an interrupted run goes on"
    )
    parser.add_argument("--cases", type=int, default=10, help="number of cases (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes (default 1)")
    parser.add_argument("--sequences", default="T1,T2", help="of T1, T2, STIR, ceT1 (default T1,T2)")
    parser.add_argument(
        "--randomised",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="share of cases with widely drawn contrasts, for training (default 0)",
    )
    parser.add_argument(
        "--healthy", type=float, default=0.1, metavar="SHARE", help="share without metastasis (default 0.1)"
    )
    parser.add_argument("--metastases", metavar="LEAST,MOST", help="metastases of the other cases (default 1,4)")
    parser.add_argument(
        "--lesion-area",
        metavar="LEAST,MOST",
        help="cm2 of a metastasis in its largest sagittal slice, e.g. 1.65,9.54 as in Wang 2017 (default: all sizes)",
    )
    parser.add_argument("--matrix", type=int, help="rows and columns of a slice (default: drawn)")
    parser.add_argument("--slices", type=int, help="sagittal slices (default: 15 to 28, drawn)")
    parser.add_argument(
        "--region", choices=("lumbar", "thoracolumbar", "thoracic", "cervicothoracic"), help="default: drawn"
    )
    parser.add_argument(
        "--follow-up",
        action="store_true",
        help="each patient before (T1, T2) and one to three days after (ceT1, T2) the ablation of a metastasis",
    )
    parser.add_argument(
        "--outcomes",
        metavar="SHARES",
        help="with --follow-up: shares of complete, partial and missed ablations (default 0.45,0.4,0.15)",
    )
    parser.add_argument("--after-only", action="store_true", help="with --follow-up: write the scan after alone")
    parser.add_argument("--processes", type=int, default=2, help="cases simulated at a time (default 2)")
    parser.add_argument("--uncompressed", action="store_true", help="write .nii instead of .nii.gz: faster, larger")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    from SpineLib.errors import SpineError

    if arguments.cases < 1:
        raise SpineError(f"--cases is {arguments.cases}; simulate at least one case.")
    settings = _follow_up(arguments) if arguments.follow_up else _plain(arguments)
    from SpineLib.phantom import write_cohort, write_followup_cohort

    with ProgressBar() as bar:
        (write_followup_cohort if arguments.follow_up else write_cohort)(
            arguments.output,
            arguments.cases,
            arguments.seed,
            settings,
            arguments.processes,
            bar,
            ".nii" if arguments.uncompressed else ".nii.gz",
        )
    print(f"{arguments.output}: {arguments.cases} simulated cases (not images of patients)")
    return 0


def _follow_up(arguments: argparse.Namespace):
    """Settings of patients before and after ablation."""
    from SpineLib.errors import SpineError
    from SpineLib.phantom import FollowUpSettings

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    unused = [f"--{name.replace('_', '-')}" for name in ("sequences", "healthy", "metastases", "lesion_area")
              if getattr(arguments, name) != parser.get_default(name)]
    if unused:
        raise SpineError(f"{', '.join(unused)} does not go with --follow-up; leave it out.")
    settings = FollowUpSettings()
    outcomes = settings.outcomes
    if arguments.outcomes is not None:
        try:
            outcomes = tuple(float(part) for part in arguments.outcomes.split(","))
        except ValueError:
            outcomes = ()
        if len(outcomes) != len(settings.outcomes) or min(outcomes) < 0 or not 0 < sum(outcomes) < float("inf"):
            raise SpineError(f"--outcomes is '{arguments.outcomes}'; give the shares of complete, partial and missed "
                             "ablations, e.g. 0.45,0.4,0.15.")
    if arguments.region == "cervicothoracic":
        raise SpineError("--region is cervicothoracic, where nothing is ablated; choose another region.")
    return FollowUpSettings(
        outcomes=outcomes,
        matrix=arguments.matrix,
        slices=arguments.slices,
        randomised=arguments.randomised,
        region=arguments.region,
        after_only=arguments.after_only,
    )


def _plain(arguments: argparse.Namespace):
    """Settings of patients with one scan."""
    from SpineLib.errors import SpineError
    from SpineLib.phantom import SEQUENCES, PhantomSettings

    if arguments.outcomes is not None or arguments.after_only:
        raise SpineError("--outcomes and --after-only need --follow-up; add it or leave them out.")
    sequences = tuple(name.strip() for name in arguments.sequences.split(",") if name.strip())
    unknown = sorted(set(sequences) - set(SEQUENCES))
    if unknown or not sequences:
        raise SpineError(f"Unknown sequence {', '.join(unknown) or '(none)'}; choose of {', '.join(SEQUENCES)}.")
    return PhantomSettings(
        sequences=sequences,
        matrix=arguments.matrix,
        slices=arguments.slices,
        randomised=arguments.randomised,
        healthy=arguments.healthy,
        metastases=_range(arguments.metastases, "--metastases", int) or (1, 4),
        lesion_area_cm2=_range(arguments.lesion_area, "--lesion-area", float),
        region=arguments.region,
    )


def _range(text: str | None, option: str, kind: type) -> tuple | None:
    """Two numbers, the second not smaller than the first; None without the option."""
    from SpineLib.errors import SpineError

    if text is None:
        return None
    try:
        low, high = (kind(part) for part in text.split(","))
    except ValueError:
        low, high = 1, 0
    if not 0 < low <= high:
        raise SpineError(f"{option} is '{text}'; give the least and the most, e.g. {option} 1,2.")
    return low, high
