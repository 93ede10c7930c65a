"""``spine register``: the scan after an ablation to the one before, for the vertebra of one metastasis."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.outputs import check_image_kind, check_kind, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.progress import part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine register``."""
    scans = parser.add_argument_group("scans: image files, or folders of DICOM files (FOLDER#3: series 3 of several)")
    scans.add_argument("--before", type=Path, required=True, metavar="IMAGE", help="before the ablation, e.g. T1")
    scans.add_argument(
        "--after",
        type=Path,
        required=True,
        metavar="IMAGE",
        help="after it, best the same sequence, e.g. contrast-enhanced T1",
    )
    place = parser.add_argument_group("place: a mask or a box on the scan before")
    place.add_argument(
        "--region", type=Path, metavar="MASK", help="the metastasis, or several: a labelmap or a .seg.nrrd"
    )
    place.add_argument("--lesion", metavar="NAME", help="which one of several: its number, or its segment's name")
    place.add_argument(
        "--box",
        type=float,
        nargs=6,
        metavar=("L", "P", "S", "DL", "DP", "DS"),
        help="instead of a mask: centre (LPS, mm) and size (mm)",
    )
    place.add_argument(
        "--points",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="start from three or more pairs of points: two lists as Slicer saves them (.mrk.json, .fcsv), before and "
        'after; one such file with two lists or with points called "1 before", "1 after", ...; or a table (.csv) of l, '
        "p, s before and l, p, s after",
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--around", type=float, metavar="MM", help="how far around the metastasis the scans are compared (default 30)"
    )
    how.add_argument(
        "--one-layer",
        action="store_true",
        help="do not fit the displacement of fat by the scanner: for other sequences than T1",
    )
    how.add_argument(
        "--no-headers",
        action="store_true",
        help="do not use what DICOM headers, or a BIDS sidecar (.json) beside the image, tell of the "
        "displacement of fat",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="the transform (.tfm; ITK and Slicer); its error and quality lie beside it as .json",
    )
    output.add_argument("--json", type=Path, metavar="FILE", help="write quality, notes and provenance there, too")
    output.add_argument(
        "--resampled", type=Path, metavar="FILE", help="also write the scan after on the grid of the scan before"
    )
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    """Register; returns 0, also when the result is not to be trusted (the text and the JSON say so)."""
    inputs = (args.before, args.after, args.region, *(args.points or ()))
    if args.before.resolve() == args.after.resolve():
        raise SpineError("The scan before and the scan after are one file; choose two scans.")
    from SpineLib.tasks.registration.quality import record_of

    beside = record_of(args.output)
    again = None if args.json is not None and args.json.resolve() == beside.resolve() else args.json
    check_outputs((args.output, beside, again, args.resampled), inputs, args.overwrite)
    _check(args)
    from SpineLib.tasks.registration.points import blaming_points, read_point_pairs, start_of_pairs
    from SpineLib.tasks.registration.record import write_registration
    from SpineLib.tasks.registration.register import RegisterSettings, register, resample_after
    from SpineLib.volume import read_volume, write_volume
    from SpineLib.volume.files import write_text

    settings = RegisterSettings(
        chemical_shift=not args.one_layer,
        headers=not args.no_headers,
        **({} if args.around is None else {"margin_mm": args.around}),
    )
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        start = start_of_pairs(read_point_pairs(*args.points)) if args.points else None
        before, after = read_volume(args.before, "before"), read_volume(args.after, "after")
        begin = None if start is None else start.matrix
        result = register(before, after, _region(args), settings, part(progress, 0.05, 0.95), begin)
        result = result if start is None else blaming_points(result, start)
        progress(0.95, "Writing")
        if args.resampled is not None:
            write_volume(resample_after(after, before, result.after_to_before), args.resampled)
        if again is not None:
            write_text(again, json_text(result.to_dict()))
        write_registration(result, args.output)
        progress(1.0, "Done")
    print(*summary(result), sep="\n")
    return 0


def summary(result) -> list[str]:
    """A ``Registration`` in lines for a terminal."""
    quality = result.quality
    return [
        *result.notes,
        f"The registration is {'to be trusted' if quality.trusted else 'NOT to be trusted'}; estimated error "
        f"{quality.error_mm:.1f} mm, mutual information "
        f"{quality.metric:.3f}, best other place {100 * quality.rival:.0f} % of it, {100 * quality.overlap:.0f} % of "
        f"the region seen, starts {quality.spread_mm:.2f} mm apart ({result.provenance['seconds']:.1f} s)",
        f"{result.provenance['notice']}.",
    ]


def _check(args: argparse.Namespace) -> None:
    from SpineLib.volume.transform import TRANSFORM_SUFFIXES

    if (args.region is None) == (args.box is None):
        raise SpineError("Give either --region, the mask of the metastasis, or --box.")
    if args.points is not None and len(args.points) > 2:
        raise SpineError("--points takes one file or two, before and after; give no more.")
    if args.lesion is not None and args.region is None:
        raise SpineError("--lesion chooses one of those in the mask --region; give that too.")
    check_kind(args.output, "A transform", TRANSFORM_SUFFIXES)
    check_image_kind(args.resampled)


def _region(args: argparse.Namespace):
    """The region of the arguments."""
    from SpineLib.tasks.registration.region import Region
    from SpineLib.volume.segments import choose_segment, read_segments

    if args.box is not None:
        return Region.from_box(args.box[:3], args.box[3:])
    grid, segments = read_segments(args.region, "metastasis")
    listed = ", ".join(one.info.name for one in segments[:20]) or "none"
    if args.lesion is None and len(segments) > 1:
        raise SpineError(f"The mask holds several lesions ({listed}); choose the treated one with --lesion.")
    called = {text.casefold() for one in segments for text in (one.info.name, str(one.info.label))}
    if args.lesion is not None and args.lesion.casefold() not in called:
        raise SpineError(f"The mask holds no lesion {args.lesion}; there are: {listed}.")
    chosen = choose_segment(segments, args.lesion, "metastasis", "--lesion")
    return Region.from_mask(grid if chosen is None else chosen.mask)
