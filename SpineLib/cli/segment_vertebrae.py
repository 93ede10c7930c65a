"""``spine segment --task vertebrae``: the vertebrae of one CT."""

from __future__ import annotations

import argparse
from pathlib import Path

from SpineLib.cli.dicom_output import check_series, dicom_folder
from SpineLib.cli.outputs import all_or_none
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.cli.telling import closing, made_by, table
from SpineLib.cohort.entities import ENTITIES
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle
from SpineLib.models.catalogue import vertebra_models
from SpineLib.progress import part
from SpineLib.words import counted

#: Options of the other tasks, and the parser's own value of each.
_OTHERS = {
    "t1": None,
    "t2": None,
    "stir": None,
    "cet1": None,
    "bids": None,
    "session": None,
    **dict.fromkeys(ENTITIES),
    "reference": None,
    "smallest_lesion": None,
    "vertebrae": None,
    "numbers": None,
    "anywhere": False,
    "anyway": False,
    "lowest": "",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of vertebrae alone."""
    group = parser.add_argument_group("vertebrae on CT (--task vertebrae)")
    group.add_argument("--ct", type=Path, metavar="IMAGE", help="the CT: a file, or a folder of DICOM files")
    group.add_argument(
        "--first",
        default="",
        metavar="LEVEL",
        help="level of the most cranial vertebra in the CT, e.g. T11: names all (default: by the sacrum or the "
        "lowest ribs where they are seen, else they are counted)",
    )
    group.add_argument(
        "--outline",
        default="auto",
        metavar="MODEL",
        help="model of slices that draws the outlines of what a model of the column finds, or none (default: the "
        "installed one)",
    )


def is_meant(args: argparse.Namespace) -> bool:
    """Whether the command is about vertebrae.

    Raises:
        SpineError: its options contradict each other.
    """
    if args.task == "vertebrae":
        if args.ct is None:
            raise SpineError("Vertebrae are segmented on a CT; give it with --ct.")
        wrong = [name for name, value in _OTHERS.items() if getattr(args, name) != value]
        if wrong:
            raise SpineError(f"--{wrong[0].replace('_', '-')} means nothing with --task vertebrae; leave it out.")
        return True
    if args.ct is not None or args.first or args.outline != "auto":
        raise SpineError("--ct, --first and --outline are for vertebrae; add --task vertebrae.")
    return False


def run(args: argparse.Namespace) -> int:
    """Segment; returns 0."""
    from SpineLib.tasks.ct.vertebra_output import write_vertebra_report, write_vertebra_table, write_vertebrae
    from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
    from SpineLib.volume import read_volume, write_volume

    settings = VertebraeSettings(
        threshold=args.threshold,
        first=args.first,
        device=args.device,
        precision=args.precision,
        outline=args.outline,
    )
    bundle = find_bundle(args.model or first_model())
    if args.dicom is not None:
        check_series([args.ct])
    with dicom_folder(args.dicom, args.overwrite) as dicom, ProgressBar() as progress:
        progress(0.0, "Reading")
        result = segment_vertebrae(read_volume(args.ct, "CT"), bundle, settings, part(progress, 0.03, 0.97))
        progress(0.97, "Writing")
        if dicom is not None:
            result.notes.extend(_write_dicom(result, args.ct, dicom))
        wanted = (args.output, args.probability, args.csv, args.json)
        with all_or_none(*wanted) as (labels, probability, table_file, report):
            if probability is not None:
                write_volume(result.probability, probability)
            if table_file is not None:
                write_vertebra_table(result.vertebrae, table_file)
            if report is not None:
                write_vertebra_report(result, report)
            assert labels is not None
            write_vertebrae(result, labels)
        progress(1.0, "Done")
    print(*_summary(result), sep="\n")
    return 0


def _write_dicom(result, series: Path, folder: Path) -> list[str]:
    """The vertebrae as DICOM SEG; sentences for the user."""
    from SpineLib.reports.dicom_objects import Marked, write_dicom_objects
    from SpineLib.tasks.ct.vertebra_output import vertebra_segments
    from SpineLib.volume.dicom_seg import SegAlgorithm

    model = result.provenance["model"]
    segments = vertebra_segments(result.vertebrae, result.provenance)
    marked = Marked("vertebrae", result.labels, segments, {}, series, SegAlgorithm(model["id"], model["version"]))
    return write_dicom_objects(folder, [marked], [])[1]


def first_model() -> Path:
    """Folder of the installed model for vertebrae that is used unless the user names one.

    Raises:
        SpineError: none is installed.
    """
    found = vertebra_models()
    if not found:
        raise SpineError(
            "No model for vertebrae on CT is installed; 'spine models import' brings one, 'spine train "
            "column' and 'spine train vertebrae' train one."
        )
    return found[0][0]


def _summary(result) -> list[str]:
    from SpineLib.volume.places import ras_lps

    rows = []
    for one in result.vertebrae:
        place = [f"{value:.1f}" for value in ras_lps(one.centre_lps_mm)]
        cut = "; ".join(one.incomplete) or ("reaches the edge" if one.touches_border else "")
        rows.append([str(one.label), one.name, f"{one.volume_ml:.1f}", *place, cut])
    return [
        f"{counted(len(result.vertebrae), 'vertebra', 'vertebrae')} ({made_by(result.provenance)})",
        *table(["Label", "Name", "Volume (ml)", "R (mm)", "A (mm)", "S (mm)", ""], rows, left=(1, 6)),
        *closing(result.notes, result.provenance),
    ]
