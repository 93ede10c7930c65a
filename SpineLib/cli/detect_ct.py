"""``spine detect --task ct-lesion``: lesions of the spine on a CT."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from SpineLib.cli import telling
from SpineLib.cli.choosing import first_model
from SpineLib.cli.outputs import all_or_none, check_image_kind, check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.csv_text import csv_text
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.models import find_bundle
from SpineLib.progress import part

#: Columns of the table.
COLUMNS = (
    "lesion",
    "kind",
    "probability",
    "volume_ml",
    "long_mm",
    "short_mm",
    "measured",
    "size_1_mm",
    "size_2_mm",
    "size_3_mm",
    "centre_r_mm",
    "centre_a_mm",
    "centre_s_mm",
    "first_slice",
    "last_slice",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that only CT has."""
    group = parser.add_argument_group("with --task ct-lesion")
    group.add_argument(
        "--mask",
        type=Path,
        metavar="FILE",
        help="also write the lesions as labels on the CT's grid, the lesion's number inside: what the model marked, "
        "or the boxes of one that finds boxes",
    )
    group.add_argument("--csv", type=Path, metavar="CSV", help="also write the lesions as a table")


def run(args: argparse.Namespace) -> int:
    """Detect; returns 0."""
    from SpineLib.tasks.ct.lesions import TASK, CtLesionSettings, detect_ct_lesions
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.volume import read_volume, write_volume
    from SpineLib.volume.files import write_text

    if args.anywhere and args.vertebrae is None:
        raise SpineError("--anywhere says what to do beside the vertebrae; give them with --vertebrae.")
    check_image_kind(args.mask)
    check_outputs((args.output, args.mask, args.csv), (args.image, args.vertebrae), args.overwrite)
    settings = CtLesionSettings(
        threshold=args.threshold, in_vertebrae=not args.anywhere, device=args.device, precision=args.precision
    )
    bundle = find_bundle(args.model or first_model(TASK, "finds lesions on CT"))
    with ProgressBar() as progress:
        progress(0.0, "Reading")
        ct = read_volume(args.image, "CT")
        labels, notes = read_vertebrae(args.vertebrae, args.numbers) if args.vertebrae is not None else (None, [])
        found = detect_ct_lesions(ct, bundle, settings, part(progress, 0.05, 0.97), labels)
        found = replace(found, notes=notes + found.notes)
        progress(0.97, "Writing")
        with all_or_none(args.output, args.mask, args.csv) as (output, mask, rows):
            if mask is not None:
                write_volume(found.mask if found.mask is not None else label_boxes(ct, found.lesions), mask)
            if rows is not None:
                write_text(rows, table(found.lesions))
            assert output is not None
            write_text(
                output,
                json_text(
                    {
                        "lesions": [one.to_dict() for one in found.lesions],
                        "searched": found.searched,
                        "notes": found.notes,
                        "provenance": found.provenance,
                    }
                ),
            )
        progress(1.0, "Done")
    print(*summary(found), sep="\n")
    return 0


def label_boxes(ct, lesions):
    """The boxes as labels on the CT's grid; where two meet, the more likely lesion's number."""
    import numpy as np

    from SpineLib.tasks.ct.lesion_boxes import box_mask

    labels = np.zeros(ct.shape, np.uint16)
    for one in reversed(lesions):
        labels[box_mask(ct, one).array > 0] = one.id
    return ct.with_array(labels, "lesions")


def table(lesions) -> str:
    """The lesions as CSV, one line each under :data:`COLUMNS`."""
    rows: list[tuple | list] = [COLUMNS]
    for one in lesions:
        rows.append(
            [
                one.id,
                one.kind,
                f"{one.probability:.4f}",
                "" if one.volume_ml is None else f"{one.volume_ml:.2f}",
                *(f"{value:.1f}" for value in one.recist_mm),
                one.recist_from,
                *(f"{value:.1f}" for value in one.size_mm),
                *(f"{value:.2f}" for value in one.centre_ras_mm),
                *one.slices,
            ]
        )
    return csv_text(rows)


def summary(found) -> list[str]:
    """What was found, in lines for a terminal."""
    rows = []
    for one in found.lesions:
        recist, size = (" x ".join(f"{value:.0f}" for value in each) for each in (one.recist_mm, one.size_mm))
        slices = f"{one.slices[0]}-{one.slices[1]}"
        centre = [f"{value:.1f}" for value in one.centre_ras_mm]
        rows.append([str(one.id), one.kind or "–", f"{one.probability:.2f}", recist, size, slices, *centre])
    count, threshold = len(found.lesions), found.provenance["parameters"]["threshold"]
    heads = ["Lesion", "Kind", "Probability", "RECIST (mm)", "Size (mm)", "Slices", "R (mm)", "A (mm)", "S (mm)"]
    by = telling.made_by(found.provenance)
    if not count:
        first = f"Nothing was marked from probability {threshold:g} on ({by}). {found.searched}"
        return [first, *telling.closing([note for note in found.notes if note != found.searched], found.provenance)]
    return [
        f"{count} lesion{'' if count == 1 else 's'} from probability {threshold:g} on ({by})",
        *telling.table(heads, rows, left=(1,)),
        *telling.closing(found.notes, found.provenance),
    ]
