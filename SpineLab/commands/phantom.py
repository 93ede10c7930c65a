"""``spine phantom``: simulate a cohort."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from SpineLib.cli.outputs import check_writable
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.sequences import SEQUENCES

_CT_ONLY = ("thickness", "metal")
_MR_LESIONS = ("lesion_area", "mean_area", "places")
_REGIONS = ("lumbar", "thoracolumbar", "thoracic", "cervicothoracic")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "-o", "--output", required=True, type=Path, help="folder of the cohort; an interrupted run goes on"
    )
    parser.add_argument("--cases", type=int, default=10, help="number of cases (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same bytes (default 1)")
    parser.add_argument("--sequences", default="T1,T2", help=f"of {', '.join(SEQUENCES)} (default T1,T2)")
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
    parser.add_argument(
        "--metastases", metavar="LEAST,MOST", help="metastases of the other cases (default 1,4; CT: 1,3)"
    )
    parser.add_argument(
        "--lesion-area",
        metavar="LEAST,MOST",
        help="cm2 of a metastasis in its largest sagittal slice, e.g. 1.65,9.54 as in Wang 2017 (default: all sizes)",
    )
    parser.add_argument(
        "--mean-area",
        type=float,
        metavar="CM2",
        help="with --lesion-area: mean of the areas, e.g. 5.07 as in Wang 2017 (default: as they come)",
    )
    parser.add_argument("--places", help="of the metastases, out of body, pedicle, posterior, whole (default: all)")
    parser.add_argument(
        "--everyday",
        action="store_true",
        help="also what everyday scans show: worn spines, benign findings, organs of the pelvis, varying marrow, coils "
        "that fall off, ringing; and metastases that replace a vertebra evenly or infiltrate several",
    )
    parser.add_argument("--matrix", type=int, help="rows and columns of a slice (default: drawn)")
    parser.add_argument("--slices", type=int, help="sagittal slices (default: 15 to 28, drawn)")
    parser.add_argument("--region", choices=(*_REGIONS, "cervical"), help="default: drawn; cervical with --ct only")
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
    parser.add_argument(
        "--ct", action="store_true", help="CT with the vertebrae as they are and as they were before the lesions"
    )
    parser.add_argument(
        "--column",
        action="store_true",
        help="cases for the training of the column's network, with its parts: trunks as tissues, which the training "
        "paints as MR, or with --ct CTs at 2 mm",
    )
    parser.add_argument(
        "--shapes",
        type=Path,
        metavar="FOLDER",
        help="label maps of whole real spines (NIfTI, numbered as in VerSe) to build columns of; not with --follow-up",
    )
    parser.add_argument("--thickness", type=float, metavar="MM", help="with --ct: of a slice (default: 0.7 to 3)")
    parser.add_argument("--kinds", help="of the metastases, out of lytic, sclerotic, mixed (default: all)")
    parser.add_argument("--metal", type=float, metavar="SHARE", help="with --ct: share with screws (default 0.04)")
    parser.add_argument("--processes", type=int, default=2, help="cases simulated at a time (default 2)")
    parser.add_argument("--uncompressed", action="store_true", help="write .nii instead of .nii.gz: faster, larger")


def run(arguments: argparse.Namespace) -> int:
    """Do it; the exit status."""
    if arguments.cases < 1:
        raise SpineError(f"--cases is {arguments.cases}; simulate at least one case.")
    check_writable(arguments.output)
    if arguments.column:
        return _column_cts(arguments) if arguments.ct else _column(arguments)
    if arguments.shapes is not None and arguments.follow_up:
        raise SpineError("--shapes does not go with --follow-up; leave it out.")
    settings: Any
    write: Callable[..., Any]
    if arguments.ct:
        from SpineLib.phantom.ct import write_ct_cohort

        settings, write = _ct(arguments), partial(write_ct_cohort, shapes=_shapes(arguments))
    else:
        from SpineLib.phantom import write_cohort, write_followup_cohort

        if arguments.follow_up:
            settings, write = _follow_up(arguments), write_followup_cohort
        else:
            settings, write = _plain(arguments), partial(write_cohort, shapes=_shapes(arguments))
    with ProgressBar() as bar:
        write(
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


def _column(arguments: argparse.Namespace) -> int:
    """Trunks for the training of the column."""
    from SpineLib.phantom.trunk.cohort import write_trunks

    drawn = ("matrix", "slices", "region", "follow_up", "ct", "kinds", "healthy", "metastases", *_CT_ONLY, *_MR_LESIONS)
    _refuse(arguments, ("sequences", "randomised", *drawn), "with --column")
    with ProgressBar() as bar:
        write_trunks(arguments.output, arguments.cases, arguments.seed, arguments.shapes, bar)
    print(f"{arguments.output}: {arguments.cases} simulated trunks (not images of patients)")
    return 0


def _shapes(arguments: argparse.Namespace) -> Path | None:
    """The folder of real shapes, known to hold some."""
    if arguments.shapes is not None and not arguments.shapes.is_dir():
        raise SpineError(f"--shapes is '{arguments.shapes}', which is no folder; give one of label maps of spines.")
    return arguments.shapes


def _column_cts(arguments: argparse.Namespace) -> int:
    """CTs for the training of the column, all settings drawn."""
    from SpineLib.phantom.ct.columncase import write_column_cases

    own = (*_MR_LESIONS, "sequences", "randomised", "healthy", "metastases", "matrix", "slices", "region", "follow_up",
           "outcomes", "after_only", "thickness", "kinds", "metal", "uncompressed")  # fmt: skip
    _refuse(arguments, own, "with --column, which draws its scans itself")
    with ProgressBar() as bar:
        write_column_cases(
            arguments.output, arguments.cases, arguments.seed, _shapes(arguments), arguments.processes, bar
        )
    print(f"{arguments.output}: {arguments.cases} simulated cases (not images of patients)")
    return 0


def _refuse(arguments: argparse.Namespace, names: tuple[str, ...], because: str) -> None:
    """Refuse options that would do nothing."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    unused = [f"--{name.replace('_', '-')}" for name in names if getattr(arguments, name) != parser.get_default(name)]
    if unused:
        raise SpineError(f"{', '.join(unused)} does not go {because}; leave it out.")


def _ct(arguments: argparse.Namespace):
    """Settings of patients with a CT."""
    from SpineLib.phantom.ct import CtSettings
    from SpineLib.phantom.lesions import METASTASES

    _refuse(
        arguments,
        ("sequences", "randomised", "everyday", *_MR_LESIONS, "follow_up", "outcomes", "after_only"),
        "with --ct",
    )
    if arguments.thickness is not None and not 0.3 <= arguments.thickness <= 10:
        raise SpineError(f"--thickness is {arguments.thickness:g}; give 0.3 to 10 mm.")
    return CtSettings(
        matrix=arguments.matrix,
        slices=arguments.slices,
        thickness=arguments.thickness,
        region=arguments.region,
        healthy=arguments.healthy,
        metastases=_range(arguments.metastases, "--metastases", int) or CtSettings.metastases,
        kinds=_some_of(arguments.kinds, "--kinds", METASTASES),
        metal=CtSettings.metal if arguments.metal is None else arguments.metal,
    )


def _follow_up(arguments: argparse.Namespace):
    """Settings of patients before and after ablation."""
    from SpineLib.phantom import FollowUpSettings
    from SpineLib.volume.triples import triple

    _refuse(arguments, ("sequences", "healthy", "metastases", "kinds", *_MR_LESIONS, *_CT_ONLY), "with --follow-up")
    settings = FollowUpSettings()
    outcomes = settings.outcomes
    if arguments.outcomes is not None:
        try:
            outcomes = triple(float(part) for part in arguments.outcomes.split(","))
        except ValueError:
            outcomes = (-1.0, -1.0, -1.0)
        if min(outcomes) < 0 or not 0 < sum(outcomes) < float("inf"):
            raise SpineError(
                f"--outcomes is '{arguments.outcomes}'; give the shares of complete, partial and missed "
                "ablations, e.g. 0.45,0.4,0.15."
            )
    if arguments.region in ("cervicothoracic", "cervical"):
        raise SpineError(f"--region is {arguments.region}, where nothing is ablated; choose another region.")
    return FollowUpSettings(
        outcomes=outcomes,
        matrix=arguments.matrix,
        slices=arguments.slices,
        randomised=arguments.randomised,
        region=arguments.region,
        after_only=arguments.after_only,
        everyday=arguments.everyday,
    )


def _plain(arguments: argparse.Namespace):
    """Settings of patients with one scan."""
    from SpineLib.phantom import PhantomSettings
    from SpineLib.phantom.lesions import METASTASES, PLACES

    _refuse(arguments, _CT_ONLY, "without --ct")
    if arguments.shapes is not None:  # the field of view and the lesions' sizes are drawn with the shapes
        _refuse(arguments, ("matrix", "region", "everyday", "lesion_area", "mean_area", "kinds"), "with --shapes")
    if arguments.region == "cervical":
        raise SpineError("--region is cervical, which only --ct has; choose another region.")
    if arguments.outcomes is not None or arguments.after_only:
        raise SpineError("--outcomes and --after-only need --follow-up; add it or leave them out.")
    sequences = tuple(name.strip() for name in arguments.sequences.split(",") if name.strip())
    unknown = sorted(set(sequences) - set(SEQUENCES))
    if unknown or not sequences:
        raise SpineError(f"Unknown sequence {', '.join(unknown) or '(none)'}; choose of {', '.join(SEQUENCES)}.")
    areas = _range(arguments.lesion_area, "--lesion-area", float)
    _check_mean(arguments.mean_area, areas)
    return PhantomSettings(
        sequences=sequences,
        matrix=arguments.matrix,
        slices=arguments.slices,
        randomised=arguments.randomised,
        healthy=arguments.healthy,
        metastases=_range(arguments.metastases, "--metastases", int) or (1, 4),
        lesion_area_cm2=areas,
        mean_area_cm2=arguments.mean_area,
        places=_some_of(arguments.places, "--places", tuple(PLACES)),
        kinds=_some_of(arguments.kinds, "--kinds", METASTASES),
        region=arguments.region,
        everyday=arguments.everyday,
    )


def _check_mean(mean: float | None, areas: tuple[float, float] | None) -> None:
    """Refuse a mean area without a range, or one that a triangular distribution over the range cannot have."""
    from SpineLib.phantom.areas import is_mean_of

    if mean is None:
        return
    if areas is None:
        raise SpineError("--mean-area needs --lesion-area, the least and the most; add it or leave it out.")
    if not is_mean_of(areas[0], mean, areas[1]):
        third = (areas[1] - areas[0]) / 3
        raise SpineError(
            f"--mean-area is {mean:g}; give one of {areas[0] + third:.2f} to {areas[1] - third:.2f}, the "
            "middle third of --lesion-area."
        )


def _some_of(text: str | None, option: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Names separated by commas, each once; all without the option."""
    names = known if text is None else tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if set(names) - set(known):
        raise SpineError(f"{option} is '{text}'; choose of {', '.join(known)}.")
    return names


def _range(text: str | None, option: str, kind: type) -> tuple | None:
    """Two numbers, the second not smaller than the first; None without the option."""
    if text is None:
        return None
    try:
        low, high = (kind(part) for part in text.split(","))
    except ValueError:
        low, high = 1, 0
    if not 0 < low <= high:
        raise SpineError(f"{option} is '{text}'; give the least and the most, e.g. {option} 1,2.")
    return low, high
