"""``spine inpaint``: repair a vertebra that a lesion has destroyed."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.numbers import add_numbers
from SpineLib.cli.options import add_device
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cli.telling import attention, closing, figures, made_by
from SpineLib.errors import SpineError
from SpineLib.jobs.inpaint import method_models
from SpineLib.json_text import json_text
from SpineLib.metrics.printing import REPAIR_FIGURES, figures_of
from SpineLib.models import find_bundle
from SpineLib.progress import part


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine inpaint``."""
    from SpineLib.tasks.inpainting.settings import METHODS, InpaintSettings

    inputs = parser.add_argument_group("inputs: image files, or folders of DICOM files (FOLDER#3: series 3 of several)")
    inputs.add_argument("--ct", type=Path, metavar="IMAGE", help="the CT; needed without --vertebrae")
    inputs.add_argument(
        "--vertebrae",
        type=Path,
        metavar="LABELS",
        help="the vertebrae, a number each, or a Slicer segmentation whose segments are named after them; other "
        "labels and segments are left out (default: segmented on the CT)",
    )
    add_numbers(inputs)
    inputs.add_argument(
        "--first",
        default="",
        metavar="LEVEL",
        help="without --vertebrae: level of the most cranial vertebra in the CT, e.g. T11; names all",
    )
    inputs.add_argument(
        "--lesion", type=Path, required=True, metavar="MASK", help="what is to be repaired; may reach beyond the bone"
    )
    inputs.add_argument(
        "--label",
        metavar="LEVEL",
        help="the vertebra, e.g. L3, or its number or name in the file (default: the one that the lesion meets most)",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        help="a .seg.nrrd (a Slicer segmentation: the vertebra repaired, and what was added) or a mask "
        "(.nii.gz, .nrrd, .mha) with the vertebra's number",
    )
    output.add_argument(
        "--mesh", type=Path, metavar="FILE", help="also write a model to print (as 'spine export' does)"
    )
    output.add_argument(
        "--report",
        type=Path,
        metavar="PAGE.html",
        help="also write a page with pictures before and after, the model and its checks",
    )
    output.add_argument("--json", type=Path, metavar="FILE", help="also write measures, notes and provenance")
    output.add_argument("--overwrite", action="store_true", help="replace files that exist")
    choices = parser.add_argument_group("how")
    choices.add_argument(
        "--method",
        choices=METHODS,
        default=InpaintSettings.method,
        help="; ".join(f"{name}: {text}" for name, text in METHODS.items()) + f" (default: {InpaintSettings.method})",
    )
    choices.add_argument("--model", metavar="MODEL", help="model id or folder (default: the one of the method)")
    choices.add_argument(
        "--border",
        type=float,
        metavar="MM",
        help=f"around the lesion, replaced too (default: {InpaintSettings.margin_mm:g})",
    )
    choices.add_argument("--steps", type=int, help=f"of a GAN's descent (default: {InpaintSettings.steps})")
    choices.add_argument(
        "--perceptual",
        type=float,
        metavar="LAMBDA",
        help=f"of a GAN's perceptual loss (default: {InpaintSettings.weight:g})",
    )
    choices.add_argument("--seed", type=int, help="of a GAN's noise")
    add_device(choices, precision=False)


def run(args: argparse.Namespace) -> int:
    """Repair; returns 0. A model that cannot be printed is told and raises SpineError when the rest is written."""
    from SpineLib.cli.outputs import all_or_none, check_outputs

    outputs = (args.output, args.mesh, args.json, args.report)
    check_outputs(outputs, (args.ct, args.vertebrae, args.lesion), args.overwrite)
    _check(args)
    from SpineLib.tasks.ct.numbering import label_of, read_vertebrae
    from SpineLib.tasks.inpainting.inpaint import inpaint
    from SpineLib.tasks.inpainting.settings import InpaintSettings
    from SpineLib.tasks.printing.reconstruct import reconstruct
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.simulated import simulated_files

    simulated = simulated_files(path for path in (args.ct, args.vertebrae, args.lesion) if path is not None)
    given = {
        "margin_mm": args.border,
        "steps": args.steps,
        "weight": args.perceptual,
        "seed": args.seed,
        "device": args.device,
    }
    settings = InpaintSettings(args.method, **{key: value for key, value in given.items() if value is not None})
    with ProgressBar() as progress:
        models = method_models(settings.method, args.model)
        progress(0.0, "Reading")
        ct = read_volume(args.ct, "CT") if args.ct else None
        lesion = _lesion(args.lesion)
        cards = [bundle.card for bundle in models.values()]
        if args.vertebrae:
            vertebrae, notes = read_vertebrae(args.vertebrae, args.numbers)
        else:
            vertebrae, notes, card = _segmented(ct, args, part(progress, 0.05, 0.4))
            cards.insert(0, card)
        label = label_of(args.label, vertebrae)
        repair = inpaint(vertebrae, lesion, label, models, settings, part(progress, 0.4, 0.8), ct=ct)
        reconstruction = None
        if args.mesh or args.report:
            reconstruction = reconstruct(
                repair.mask, repair.before, progress=part(progress, 0.8, 0.95), uncertainty=repair.uncertainty
            )
        progress(0.95, "Writing")
        first = reconstruction.model.attention if reconstruction else []
        notes += repair.notes + (reconstruction.notes if reconstruction else [])
        notes = [*first, *(note for note in notes if note not in first)]
        refused = reconstruction.model.report.reasons if args.mesh and reconstruction else []
        with all_or_none(*outputs) as (output, mesh, report_json, page):
            if report_json:
                values = {
                    "label": repair.label,
                    "simulated": simulated,
                    "measures": repair.measures,
                    "notes": notes,
                    "provenance": repair.provenance,
                }
                if reconstruction:
                    values["model"] = {
                        "attention": first,
                        "measures": reconstruction.measures,
                        "checks": reconstruction.model.report.to_dict(),
                    }
                write_text(report_json, json_text(values))
            assert output is not None
            write_repair(output, repair)
            if page:
                from SpineLib.reports.inpaint import RepairReport, repair_page

                repair_page(
                    page, RepairReport(repair, lesion, ct, reconstruction, cards, notes=notes, simulated=simulated)
                )
            if mesh and reconstruction is not None and not refused:
                from SpineLib.mesh.model import write_model

                write_model(reconstruction.model, mesh)
        progress(1.0, "Done")
    print(*attention(first), sep="\n", end="\n" if first else "")
    print(*summary(repair, [note for note in notes if note not in first], simulated), sep="\n")
    if refused:
        raise SpineError(f"The repair was written, its model was not, it cannot be printed: {' '.join(refused)}")
    return 0


def summary(repair, notes: list[str], simulated: bool = False) -> list[str]:
    """A ``Repair`` in lines for a terminal; whether the scan is ``simulated``."""
    from SpineLib.tasks.inpainting.settings import METHODS
    from SpineLib.volume.levels import level_name

    return [
        f"{level_name(repair.label)} repaired: {METHODS[repair.measures['method']]} ({made_by(repair.provenance)})",
        *figures(figures_of(repair.measures, REPAIR_FIGURES)),
        *(["Simulated data, not a patient."] if simulated else []),
        *closing(notes, repair.provenance),
    ]


def _check(args: argparse.Namespace) -> None:
    from SpineLib.cli.outputs import check_image_kind
    from SpineLib.mesh.files import check_ending

    if args.vertebrae is None and args.ct is None:
        raise SpineError("Give the CT with --ct, or a segmentation of the vertebrae with --vertebrae.")
    if args.first and args.vertebrae is not None:
        raise SpineError("--first names vertebrae that are segmented now; leave it out with --vertebrae.")
    if args.numbers and args.vertebrae is None:
        raise SpineError("--numbers says how the vertebrae of a file are numbered; give that with --vertebrae.")
    check_image_kind(args.output, segmentation=True)
    if args.mesh is not None:
        check_ending(args.mesh)


def _lesion(path: Path):
    """All that is marked in a file, as one mask."""
    import numpy as np

    from SpineLib.volume.segments import read_mask

    mask = read_mask(path, "lesion")
    if not mask.array.any():
        raise SpineError("The lesion's mask is empty; mark what is to be repaired.")
    return mask.with_array((mask.array > 0).astype(np.uint8), "lesion")


def _segmented(ct, args: argparse.Namespace, progress):
    from SpineLib.cli.segment_vertebrae import first_model
    from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae

    bundle = find_bundle(first_model())
    found = segment_vertebrae(ct, bundle, VertebraeSettings(first=args.first, device=args.device), progress)
    return found.labels, list(found.notes), bundle.card


def write_repair(path: Path, repair) -> None:
    """Write a ``Repair``: a Slicer segmentation (.seg.nrrd), or a mask with the vertebra's number."""
    import numpy as np

    from SpineLib.tasks.ct.vertebra_naming import vertebra_colour, vertebra_terminology
    from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
    from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
    from SpineLib.volume.levels import level_name

    labels = repair.mask.with_array((repair.mask.array * np.uint8(repair.label)).astype(np.uint8))
    if not path.name.lower().endswith(".seg.nrrd"):
        write_volume(labels, path)
        return
    name = level_name(repair.label)
    tags = {PROVENANCE: provenance_text(repair.provenance)}
    write_segmentation(
        path,
        labels,
        [
            SegmentInfo(
                repair.label, f"{name} repaired", vertebra_colour(repair.label), vertebra_terminology(name), tags
            )
        ],
    )
