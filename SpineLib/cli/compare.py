"""``spine compare``: what an ablation did to a metastasis, in volumes, margin and a verdict."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.cli.outputs import check_kind, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.progress import part
from SpineLib.tasks.followup.required import BANDS_MM, REQUIRED_MARGIN_MM

if TYPE_CHECKING:
    import numpy as np

    from SpineLib.tasks.followup.compare import Comparison


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine compare``."""
    masks = parser.add_argument_group("masks: .seg.nrrd files (Slicer segmentations), labelmaps")
    masks.add_argument("--before", type=Path, required=True, metavar="MASK", help="the metastasis, on the scan before")
    masks.add_argument("--after", type=Path, required=True, metavar="MASK", help="the necrosis, on the scan after")
    masks.add_argument("--segment-before", metavar="NAME", help="the segment (name or number) of several")
    masks.add_argument("--segment-after", metavar="NAME", help="the segment (name or number) of several")
    masks.add_argument("--all", action="store_true", help="compare every metastasis with the necroses at it")
    space = parser.add_argument_group("space")
    space.add_argument(
        "--transform",
        type=Path,
        metavar="FILE",
        help="what 'spine register' wrote (.tfm, .h5), its error beside it; without it both masks are in one space",
    )
    space.add_argument(
        "--error",
        type=float,
        metavar="MM",
        help="how far the registration may be off (default: what lies beside the transform)",
    )
    space.add_argument(
        "--accept", action="store_true", help="you have looked, and the scans fit: trust the registration"
    )
    rule = parser.add_argument_group("the verdict")
    rule.add_argument(
        "--margin",
        type=float,
        default=REQUIRED_MARGIN_MM,
        metavar="MM",
        help=f"margin to be reached; 0: covered is enough (default: {REQUIRED_MARGIN_MM:g})",
    )
    rule.add_argument(
        "--tolerated-share",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="share of the surface that may lack it (default: 0.01)",
    )
    rule.add_argument(
        "--smallest-untreated",
        type=float,
        metavar="ML",
        help="smaller untreated pieces do not matter (default: a cube of the longest voxel side)",
    )
    rule.add_argument(
        "--bins",
        type=float,
        nargs="+",
        default=BANDS_MM,
        metavar="MM",
        help=f"limits of the margins whose shares are given (default: {' '.join(f'{one:g}' for one in BANDS_MM)})",
    )
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", type=Path, metavar="FILE", help="all figures and provenance as JSON")
    output.add_argument("--csv", type=Path, metavar="FILE", help="the figures as a table, one line a metastasis")
    output.add_argument(
        "--surface", type=Path, metavar="FILE", help="the metastasis's surface with its margin (.vtp or .ply, LPS)"
    )
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    """Compare; returns 0."""
    _check(args)
    from SpineLib.tasks.followup.compare import CompareSettings, compare
    from SpineLib.tasks.followup.compare_all import compare_all

    settings = CompareSettings(args.margin, args.tolerated_share, args.smallest_untreated, tuple(args.bins))
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        before, after, empty = _segments(args)
        matrix, error, trusted, notes = _registration(args)
        share = part(progress, 0.1, 0.95)
        if args.all:
            result = compare_all(
                [one.mask for one in before],
                [one.mask for one in after],
                matrix,
                settings,
                share,
                error,
                trusted,
                grid_after=empty,
            )
            rows = [(before[lesion.metastasis].info.name, lesion.comparison) for lesion in result.lesions]
            notes += result.notes
        else:
            necrosis = after[0].mask if after else empty
            comparison = compare(before[0].mask, necrosis, matrix, settings, share, error, trusted)
            rows = [(before[0].info.name, comparison)]
        _write(rows, args)
        progress(1.0, "Done")
    for name, comparison in rows:
        print(*summary(name, comparison), sep="\n")
    for note in notes:
        print(f"Note: {note}")
    print(f"{rows[0][1].provenance['notice']}.")
    return 0


def _check(args: argparse.Namespace) -> None:
    from SpineLib.tasks.followup.output import SURFACE_SUFFIXES

    if args.all and (args.segment_before or args.segment_after or args.surface):
        raise SpineError(
            "With --all, leave out --segment-before, --segment-after and --surface: all segments are "
            "compared, and a surface file holds one."
        )
    check_kind(args.surface, "A surface", SURFACE_SUFFIXES)
    check_outputs((args.output, args.csv, args.surface), (args.before, args.after, args.transform), args.overwrite)


def _registration(args: argparse.Namespace) -> tuple[np.ndarray | None, float | None, bool, list[str]]:
    """The matrix of the transform, its error, whether it is to be trusted, and sentences about that."""
    if args.transform is None:
        return None, args.error, True, []
    from SpineLib.tasks.registration.record import read_registration

    kept = read_registration(args.transform)
    error = kept.error_mm if args.error is None else args.error
    return kept.after_to_before, error, kept.trusted or args.accept, list(kept.notes)


def _segments(args: argparse.Namespace):
    """The segments to compare, before and after, and an empty mask of the grid after."""
    from SpineLib.tasks.segmentation.naming import NECROSIS, SECONDARY_NEOPLASM
    from SpineLib.volume.segments import choose_segment, read_segments

    _, before = read_segments(args.before, "before")
    empty, after = read_segments(args.after, "after")
    if not args.all:
        before = [one for one in [choose_segment(before, args.segment_before, "before", "--segment-before")] if one]
        after = [one for one in [choose_segment(after, args.segment_after, "after", "--segment-after")] if one]
    if not before:
        raise SpineError("The before file marks nothing: segment the metastasis first, or choose another file.")
    if any(NECROSIS.value in one.info.terminology for one in before) and any(
        SECONDARY_NEOPLASM.value in one.info.terminology for one in after
    ):
        raise SpineError("The before file holds a necrosis and the after file a metastasis: swap --before and --after.")
    return before, after, empty


def _write(rows: Sequence[tuple], args: argparse.Namespace) -> None:
    from SpineLib.tasks.followup.output import write_comparison, write_comparison_table, write_surface
    from SpineLib.volume.files import write_text

    if args.surface is not None:
        write_surface(rows[0][1].surface, args.surface)
    if args.csv is not None:
        write_comparison_table(rows, args.csv)
    if args.output is not None and not args.all:
        write_comparison(rows[0][1], args.output)
    elif args.output is not None:
        figures = [{"name": name} | comparison.to_dict() for name, comparison in rows]
        write_text(args.output, json_text(figures))


def summary(name: str, comparison: Comparison) -> list[str]:
    """The figures in lines for a terminal."""
    from SpineLib.cli.telling import figures
    from SpineLib.metrics.ablation import DISTANCE, OVERLAP, bin_figures_of, figures_of

    verdict, form = comparison.verdict, comparison.to_dict()
    lines = [
        f"{name}: {verdict.outcome}",
        *(f"  {reason}" for reason in verdict.reasons),
        *figures(figures_of(form, OVERLAP)),
    ]
    for piece in comparison.coverage.pieces:
        r, a, s = piece.centre_ras_mm
        depth = "" if math.isnan(piece.depth_mm) else f", up to {piece.depth_mm:.1f} mm outside"  # without a necrosis
        lines.append(f"    {piece.volume_ml:.2f} ml {piece.where}, RAS {r:.1f} {a:.1f} {s:.1f}{depth}")
    if comparison.thinnest is not None:
        lines.append(f"  The margin is smallest {comparison.thinnest.where}.")
        lines += figures([*figures_of(form, DISTANCE), *bin_figures_of(form)])
    return [*lines, f"  Rule: {verdict.rule}", *(f"  Note: {note}" for note in comparison.notes)]
