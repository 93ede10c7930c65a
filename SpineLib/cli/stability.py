"""``spine stability``: distance to the spinal canal, proposals for Bilsky's grade and SINS, and what a reader says."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from SpineLib.cli.options import add_device
from SpineLib.cli.outputs import check_outputs
from SpineLib.cli.progress_bar import ProgressBar
from SpineLib.errors import SpineError
from SpineLib.progress import part
from SpineLib.sequences import SEQUENCES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine stability``."""
    masks = parser.add_argument_group("masks: .seg.nrrd files (Slicer segmentations), labelmaps")
    masks.add_argument("--lesion", type=Path, required=True, metavar="MASK", help="the lesion")
    masks.add_argument("--segment", metavar="NAME", help="the segment (name or number) of several")
    masks.add_argument("--canal", type=Path, metavar="MASK", help="the spinal canal: distances, Bilsky's grade")
    masks.add_argument("--necrosis", type=Path, metavar="MASK", help="after an ablation: its distance, too")
    masks.add_argument("--transform", type=Path, metavar="FILE", help="of the scan with the necrosis, as for compare")
    scan = parser.add_argument_group("a scan in which canal and vertebrae are looked for, where they are not given")
    scan.add_argument("--image", type=Path, metavar="IMAGE", help="an MR or CT in the space of the lesion")
    scan.add_argument("--sequence", choices=(*SEQUENCES, "CT"), default="T2", help="what it shows (default T2)")
    add_device(scan, precision=False)
    bone = parser.add_argument_group("for SINS, what there is")
    bone.add_argument("--level", default="", metavar="LEVEL", help="of the lesion, e.g. L3 or T12/L1")
    bone.add_argument("--ct", type=Path, metavar="IMAGE", help="a CT: lytic or blastic")
    bone.add_argument("--body", type=Path, metavar="MASK", help="the vertebra's body: collapse")
    bone.add_argument("--neighbours", type=Path, nargs="+", default=(), metavar="MASK", help="bodies above and below")
    bone.add_argument("--arch", type=Path, metavar="MASK", help="all behind the body: posterolateral involvement")
    reader = parser.add_argument_group("what the reader says")
    reader.add_argument("--answers", nargs="+", default=(), metavar="NAME=ANSWER", help="of SINS, e.g. pain=none")
    reader.add_argument("--bilsky", default="", metavar="GRADE", help="0, 1a, 1b, 1c, 2 or 3")
    reader.add_argument("--confirm", action="store_true", help="the reader stands by all of it: only then it is told")
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--output", type=Path, metavar="FILE", help="all of it as JSON")
    output.add_argument("--overwrite", action="store_true", help="replace a file that exists")


def run(args: argparse.Namespace) -> int:
    """Measure and propose; returns 0."""
    masks = (args.lesion, args.canal, args.necrosis, args.body, args.arch, *args.neighbours)
    check_outputs((args.output,), (*masks, args.transform, args.ct, args.image), args.overwrite)
    if (args.necrosis or args.transform) and not (args.canal or args.image):
        raise SpineError("The necrosis is measured from the canal; give that with --canal, or a scan with --image.")
    from SpineLib import NOTICE
    from SpineLib.json_text import json_text
    from SpineLib.metrics.spine_scores import SINS
    from SpineLib.tasks.stability.canal import bilsky_proposal, canal_distance
    from SpineLib.tasks.stability.form import StabilityForm, distance_words
    from SpineLib.tasks.stability.proposals import answers, lies_at, sins_proposals
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text
    from SpineLib.volume.levels import VERSE_NUMBERS
    from SpineLib.volume.segments import read_mask

    lesion = _lesion(args)
    said = _said(args.answers)
    lines, distances, grade, why, remarks = [], {}, "", "", list[str]()
    parts = _parts(args) if args.image is not None else None
    canal = read_mask(args.canal, "canal") if args.canal else parts.canal if parts else None
    if canal is not None:
        by = parts.by if parts is not None and args.canal is None else ""
        near = canal_distance(lesion, canal, canal_by=by)
        distances["lesion"] = near.to_dict()
        grade, why = bilsky_proposal(near, parts.uncertain_mm if by and parts else max(canal.spacing) / 2)
        if args.necrosis is not None:
            matrix, error, trusted = None, None, True
            if args.transform is not None:
                from SpineLib.tasks.registration.record import read_registration

                kept = read_registration(args.transform)
                matrix, error, trusted = kept.after_to_before, kept.error_mm, kept.trusted
                remarks += kept.notes
                if error is None:
                    remarks.append("The registration's error is not known; the necrosis's distance takes it as none.")
            dead = canal_distance(read_mask(args.necrosis, "necrosis"), canal, matrix, by, error, trusted)
            distances["necrosis"] = dead.to_dict()
    found = parts.of(lesion, args.level) if parts is not None else None
    level = args.level or (found.name if found is not None and found.name in VERSE_NUMBERS else "")
    body, arch, neighbours = (found.body, found.arch, found.neighbours) if found is not None else (None, None, ())
    body = read_mask(args.body, "body") if args.body else body
    arch = read_mask(args.arch, "arch") if args.arch else arch
    for name, bone in (("body", body), ("arch", arch)):
        if bone is not None and not lies_at(lesion, bone):
            remarks.append(f"The {name} does not lie at the lesion, so that nothing is proposed from it.")
    proposals = sins_proposals(
        level,
        lesion,
        read_volume(args.ct, "CT") if args.ct else None,
        body,
        arch,
        tuple(read_mask(path, "neighbour") for path in args.neighbours) or neighbours,
    )
    form = StabilityForm({**answers(proposals), **said}, args.bilsky or grade, args.confirm, distances)
    lines += [distance_words(name, one) for name, one in distances.items()]
    if why:
        lines.append(f"Bilsky, proposed: {grade or 'to be graded by the reader'}. {why}")
    for key, component in SINS.items():
        chosen = component.option(form.sins.get(key, ""))
        if key in said or key not in proposals:
            told = "said by the reader" if key in said else "to be chosen by the reader"
            lines.append(f"{component.label}: {chosen.label if chosen else '–'} ({told})")
        else:
            lines.append(f"{component.label}: {chosen.label if chosen else '–'} (proposed: {proposals[key].reason})")
    missing = [component.label.lower() for key, component in SINS.items() if not form.sins.get(key)]
    if args.confirm and missing:
        raise SpineError(f"SINS can't be confirmed: {', '.join(missing)} is missing; give it with --answers.")
    lines += form.lines() or ["Not confirmed: no report holds this yet (--confirm)."]
    remarks += [*parts.notes, parts.level_note] if parts is not None else []
    if args.output is not None:
        values = {
            "sins": dict(form.sins),
            "sins_total": form.total if form.confirmed else None,
            "bilsky": form.bilsky if form.confirmed else "",
            "bilsky_proposed": grade,
            "confirmed": form.confirmed,
            "distances": distances,
            "reasons": {key: one.reason for key, one in proposals.items()},
            "notes": [note for note in remarks if note],
            "notice": NOTICE,
        }
        write_text(args.output, json_text(values))
    notes = [f"Note: {note}" for note in remarks if note]
    print(*lines, *notes, f"{NOTICE}.", sep="\n")
    return 0


def _parts(args: argparse.Namespace):
    """What the model of the column finds in the scan."""
    from SpineLib.tasks.stability.find import find_parts
    from SpineLib.volume import read_volume

    with ProgressBar() as progress:
        progress(0.0, "Reading")
        image = read_volume(args.image, args.sequence)
        found = find_parts(image, args.sequence, device=args.device, progress=part(progress, 0.02, 1.0))
    if found is None:
        raise SpineError(
            f"No spine was found on the {args.sequence}, or no model of the column for it is installed: give the masks "
            "that you have, or import a model with 'spine models import'."
        )
    return found


def _lesion(args: argparse.Namespace):
    from SpineLib.volume.segments import choose_segment, read_segments

    _, segments = read_segments(args.lesion, "lesion")
    chosen = choose_segment(segments, args.segment, "lesion", "--segment")
    if chosen is None:
        raise SpineError("The lesion file marks nothing: choose another file.")
    return chosen.mask


def _said(answers: Sequence[str]) -> dict[str, str]:
    said = {}
    for one in answers:
        name, sign, answer = one.partition("=")
        if not sign:
            raise SpineError(f"'{one}' is no answer; write it as pain=none.")
        said[name] = answer
    return said
