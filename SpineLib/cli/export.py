"""``spine export``: a mask as a model that a printer's slicing software accepts."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLib.cli.numbers import add_numbers
from SpineLib.cli.outputs import all_or_none, check_kind, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.mesh.formats import formats
from SpineLib.metrics.printing import MODEL_FIGURES, figures_of
from SpineLib.progress import part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine export``."""
    endings = list(formats())
    masks = parser.add_argument_group("masks: .seg.nrrd files (Slicer segmentations), labelmaps")
    masks.add_argument("--mask", type=Path, required=True, metavar="MASK", help="the vertebra to be printed")
    masks.add_argument(
        "--label", metavar="NAME", help="the segment (name or number) of several, or a vertebra's level, e.g. L3"
    )
    add_numbers(masks)
    masks.add_argument(
        "--before", type=Path, metavar="MASK", help="the vertebra before its repair, to compare with; the same label"
    )
    output = parser.add_argument_group("output, in mm and LPS, which the files say")
    output.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=f"the model: {', '.join(endings)}"
    )
    output.add_argument(
        "--format",
        nargs="+",
        action="extend",
        choices=[one.lstrip(".") for one in endings],
        default=[],
        help="further formats, beside the output; may be given several times",
    )
    output.add_argument("--ras", action="store_true", help="write RAS instead of LPS")
    output.add_argument("--json", type=Path, metavar="FILE", help="also write checks, measures and provenance")
    output.add_argument(
        "--painted",
        type=Path,
        metavar="FILE",
        help="also write a .vtp with wall thickness, distance to the vertebra before, and what the "
        "checks complain about; also when they refuse the model",
    )
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")
    shape = parser.add_argument_group("the model")
    shape.add_argument(
        "--smooth",
        type=float,
        default=0.5,
        metavar="FACTOR",
        help="0 (none) to 1, as Slicer's smoothing factor (default: 0.5)",
    )
    shape.add_argument(
        "--decimate",
        type=float,
        default=0.1,
        metavar="MM",
        help="how far the surface may move to save triangles; 0: none are (default: 0.1)",
    )
    shape.add_argument(
        "--cut",
        choices=("none", "body", "pedicles"),
        default="none",
        help="leave the vertebral body: in front of the canal, or through the pedicles",
    )
    shape.add_argument(
        "--plane",
        nargs=6,
        type=float,
        action="append",
        default=[],
        metavar=("X", "Y", "Z", "NX", "NY", "NZ"),
        help="cut by the plane through a point (LPS mm); what its normal points to is kept",
    )
    shape.add_argument("--scale", type=float, default=1.0, help="of the printed model (default: 1, life size)")
    shape.add_argument(
        "--bodies",
        type=int,
        default=1,
        metavar="N",
        help="how many separate bodies, the largest first; 0: any number (default: 1)",
    )
    printer = parser.add_argument_group("the printer")
    printer.add_argument(
        "--min-wall", type=float, default=0.8, metavar="MM", help="thinner walls are refused; 0: any (default: 0.8)"
    )
    printer.add_argument(
        "--thicken",
        type=float,
        default=1.0,
        metavar="PERCENT",
        help="thicken walls that are too thin where that adds no more of the volume than this; 0: "
        "refuse them (default: 1)",
    )
    printer.add_argument(
        "--build-volume",
        nargs=3,
        type=float,
        default=(250.0, 210.0, 210.0),
        metavar=("X", "Y", "Z"),
        help="mm (default: 250 210 210)",
    )


def run(args: argparse.Namespace) -> int:
    """Make, check and write the model; returns 0. A model that cannot be printed is told and raises SpineError."""
    files = _files(args)
    check_outputs([*files, args.json, args.painted], (args.mask, args.before), args.overwrite)
    from SpineLib.mesh.cut import Plane
    from SpineLib.mesh.model import ModelSettings, write_model
    from SpineLib.tasks.printing.reconstruct import reconstruct

    settings = ModelSettings(
        smoothing=args.smooth,
        decimation_mm=args.decimate,
        cut=args.cut,
        scale=args.scale,
        planes=tuple(Plane(plane[:3], plane[3:]) for plane in args.plane),
        bodies=args.bodies or None,
        smallest_wall_mm=args.min_wall,
        thickening=args.thicken / 100,
        build_volume_mm=tuple(args.build_volume),
    )
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        mask, notes = _mask(args.mask, args.label, "mask", args.numbers)
        before = _mask(args.before, args.label, "before", args.numbers)[0] if args.before is not None else None
        result = reconstruct(mask, before, settings, part(progress, 0.05, 0.85))
        result = replace(result, notes=notes + result.notes)
        progress(0.85, "Writing")
        passed = result.model.report.passed
        with all_or_none(args.json, args.painted, *files) as (report, painted, *models):
            for path in filter(None, models if passed else ()):
                write_model(result.model, path, space="RAS" if args.ras else "LPS")
            _write_more(result, report, painted)
        progress(1.0, "Done")
    print(*summary(result), sep="\n")
    if not passed:
        raise SpineError(f"No model was written, it cannot be printed: {' '.join(result.model.report.reasons)}")
    return 0


def _files(args: argparse.Namespace) -> list[Path]:
    """All models that are asked for, each once."""
    from SpineLib.mesh.files import check_ending

    suffix = args.output.suffix.lower()
    check_ending(args.output)
    check_kind(args.painted, "A painted model", (".vtp",))
    others = [args.output.with_suffix(f".{name}") for name in args.format if f".{name}" != suffix]
    return list(dict.fromkeys([args.output, *others]))


def _mask(path: Path, label: str | None, name: str, numbers: str | None):
    """The one that is meant, and sentences on how its level was told."""
    import numpy as np

    from SpineLib.tasks.ct.numbering import label_of, read_vertebrae
    from SpineLib.tasks.ct.vertebra_naming import counted_of_name, verse_of_name
    from SpineLib.volume.segments import choose_segment, read_segments

    _, segments = read_segments(path, name)
    own = {text for one in segments for text in (one.info.name.casefold(), str(one.info.label))}
    named = label if label is not None and label.casefold() not in own else ""
    if segments and named and (verse_of_name(named) or counted_of_name(named)) is not None:
        vertebrae, notes = read_vertebrae(path, numbers)
        inside = vertebrae.array == label_of(named, vertebrae)
        return vertebrae.with_array(inside.astype(np.uint8), name), notes
    chosen = choose_segment(segments, label, name, "--label")
    if chosen is None:
        raise SpineError(f"The {name} file marks nothing: segment the vertebra first, or choose another file.")
    return chosen.mask, []


def _write_more(result, report: Path | None, painted: Path | None) -> None:
    from SpineLib.tasks.printing.reconstruct import write_painted
    from SpineLib.volume.files import write_text

    if painted is not None:
        write_painted(result, painted)
    if report is not None:
        figures = result.model.report.to_dict() | {
            "measures": result.measures,
            "attention": result.model.attention,
            "notes": result.notes,
            "provenance": result.provenance,
        }
        write_text(report, json_text(figures))


def summary(result) -> list[str]:
    """Checks and measures in lines for a terminal."""
    from SpineLib.cli.telling import attention, closing, figures

    size = " x ".join(f"{side:.1f}" for side in result.measures["size_mm"])
    first = result.model.attention
    return [
        *attention(first),
        f"Model of {size} mm:",
        *figures(figures_of(result.measures, MODEL_FIGURES)),
        *(f"{'ok' if one.passed else 'FAILED':6}  {one.name:18}  {one.text}" for one in result.model.report.checks),
        *closing([note for note in result.notes if note not in first], result.provenance),
    ]
