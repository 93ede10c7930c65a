"""The first step of ``spine demo``, a simulated patient with metastases, and the page that shows all steps."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

import numpy as np

from SpineLab.demo import Seeds
from SpineLab.demo.followup import write_demo_followup
from SpineLab.demo.inpaint import write_demo_inpaint
from SpineLib.metrics.overlap import lesion_matches, overlap
from SpineLib.models import find_bundle
from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.progress import Progress, part
from SpineLib.reports import Layer, Section, Table, Tile, sagittal_index, slice_viewer, write_page
from SpineLib.reports.segmentation import TRUTH_COLUMNS, agreement_section, lesion_table, model_section
from SpineLib.reports.tables import Column
from SpineLib.tasks import colours
from SpineLib.tasks.segmentation.naming import METASTASIS
from SpineLib.tasks.segmentation.output import write_result, write_table
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from SpineLib.words import counted


def write_demo(folder: Path, seeds: Seeds, model: str, device: str, progress: Progress) -> list[str]:
    """Simulate, segment, compare, follow up, repair, and write all files into ``folder``.

    Returns:
        The result in a few lines, for the terminal.
    """
    progress(0.0, "Loading the model")
    bundle = find_bundle(model)
    progress(0.02, "Simulating a patient")
    settings = PhantomSettings(
        tuple(bundle.card.inputs), matrix=384, slices=20, region="lumbar", healthy=0.0, metastases=(3, 5)
    )
    case = simulate(seeds.metastases, settings)
    result = segment(case.images, bundle, SegmentSettings(device=device), part(progress, 0.1, 0.35))
    progress(0.35, "Comparing with the truth")
    agreement = overlap(case.lesions.array, result.mask.array)
    readers = overlap(case.readers[0].array, case.readers[1].array)
    matches = lesion_matches(case.lesions.array, result.mask.array)
    truths = _truth_rows(case, result, matches)
    table = lesion_table(result.lesions, *_touched(case, result))

    progress(0.36, "Writing images and segmentations")
    _write_volumes(folder, case, result)
    drawn = Table(TRUTH_COLUMNS, truths)
    (folder / "simulated_truth.csv").write_text(drawn.to_csv(), encoding="utf-8", newline="")
    record = {
        "simulated": True,
        "seed": seeds.metastases,
        "provenance": result.provenance,
        "notes": result.notes,
        "lesions": [lesion.to_dict() for lesion in result.lesions],
        "agreement": {
            "dice": agreement.dice,
            "tpr": agreement.tpr,
            "tnr": agreement.tnr,
            "found": matches.found,
            "missed": matches.missed,
            "false_positives": len(matches.false_positives),
            "readers_dice": readers.dice,
        },
        "truth": case.truth,
    }
    (folder / "simulated_provenance.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
    followed = write_demo_followup(folder, seeds.followup, model, device, part(progress, 0.4, 0.75))
    mended = write_demo_inpaint(folder, seeds.repair, device, part(progress, 0.75, 0.95))
    progress(0.95, "Drawing the page")
    _write_page(
        folder,
        case,
        result,
        bundle.card,
        agreement,
        readers,
        matches,
        table,
        drawn,
        {"Follow-up after ablation": followed.html, "Repair of a destroyed vertebra": mended.html},
    )
    progress(1.0, "Done")
    return [
        f"{counted(len(result.lesions), 'lesion')} segmented; {len(matches.found)} of {len(truths)} simulated "
        f"metastases found, {len(matches.false_positives)} false positive.",
        f"Dice {100 * agreement.dice:.1f} %, sensitivity {100 * agreement.tpr:.1f} %, "
        f"specificity {100 * agreement.tnr:.2f} % (two simulated readers: Dice {100 * readers.dice:.1f} %).",
        "Follow-up of another simulated patient after ablation:",
        *followed.lines,
        *mended.lines,
    ]


def _truth_rows(case, result, matches) -> list[dict]:
    """One row for each simulated metastasis: what was drawn, and how much of it was found."""
    rows = []
    for fact in case.truth["lesions"]:
        inside = case.lesions.array == fact["number"]
        covered = float(result.mask.array[inside].mean()) if inside.any() else float("nan")
        rows.append({**fact, "covered": covered, "found": fact["number"] in matches.found})
    return rows


def _touched(case, result):
    """A further column of the lesion table: which simulated metastases each segmented lesion touches."""
    names = {fact["number"]: f"{fact['kind']}, {fact['level']}" for fact in case.truth["lesions"]}
    values = []
    for lesion in result.lesions:
        numbers = np.unique(case.lesions.array[result.labels.array == lesion.id])
        values.append({"truth": "; ".join(names[n] for n in numbers if n in names) or "nothing: a false positive"})
    return [Column("truth", "Simulated metastasis")], values


def _write_volumes(folder: Path, case, result) -> None:
    for name, volume in case.images.items():
        write_volume(volume, folder / f"simulated_{name}.nii.gz")
    write_volume(result.probability, folder / "simulated_probability.nii.gz")
    write_result(result, folder / "simulated_result.seg.nrrd")
    write_table(result.lesions, folder / "simulated_lesions.csv", result.provenance)
    truths = [
        SegmentInfo(
            fact["number"],
            f"Simulated {fact['kind']} metastasis, {fact['level']}",
            colours.nth_colour(fact["number"]),
            METASTASIS,
        )
        for fact in case.truth["lesions"]
    ]
    write_segmentation(folder / "simulated_truth.seg.nrrd", case.lesions, truths)


def _write_page(
    folder: Path, case, result, card, agreement, readers, matches, table, drawn, steps: dict[str, str]
) -> None:

    first = next(iter(case.images.values()))
    layers = [
        Layer("Truth (simulated)", case.lesions, colours.hexadecimal(colours.TRUTH), dashed=True),
        Layer("Segmentation", result.labels, colours.hexadecimal(colours.METASTASIS)),
    ]
    viewer = slice_viewer({f"{name} (simulated)": volume for name, volume in case.images.items()}, layers)
    where = []
    for row in drawn.rows:
        inside = np.argwhere(case.lesions.array == row["number"])
        lps = first.ijk_to_lps @ [*inside.mean(axis=0)[::-1], 1.0] if len(inside) else None
        where.append(None if lps is None else sagittal_index(first, (-lps[0], -lps[1], lps[2])))
    mimics = ", ".join(f"{mimic['kind']} ({mimic['level']})" for mimic in case.truth["mimics"]) or "none in this case"
    files = [path.name for path in sorted(folder.iterdir())]
    links = "".join(f'<li><a href="{escape(name)}">{escape(name)}</a></li>' for name in files)
    notes = "".join(f"<li>{escape(note)}</li>" for note in result.notes)
    sections = [
        Section(
            "Slices",
            viewer + '<p class="small">Sagittal, anterior at the left. Click a lesion in a table to see its slice.</p>',
        ),
        Section(
            "Segmented lesions",
            table.to_html([sagittal_index(first, lesion.centre_ras_mm) for lesion in result.lesions]),
        ),
        Section(
            "Simulated metastases",
            drawn.to_html(where) + f'<p class="small">A metastasis counts as found when a '
            f"tenth of it is covered. Drawn to be left alone: {escape(mimics)}.</p>",
        ),
        agreement_section(
            card,
            agreement,
            readers,
            note="One simulated case beside means over real patients: not the same task. Specificity is "
            "taken over the whole volume here, most of which is easy background.",
        ),
        model_section(card, result.provenance),
        *(Section(title, html) for title, html in steps.items()),
        Section("Files", f"<ul>{links}</ul>" + (f"<h3>Notes of the run</h3><ul>{notes}</ul>" if notes else "")),
    ]
    tiles = [
        Tile(f"{100 * agreement.dice:.1f} %", "Dice", f"two simulated readers: {100 * readers.dice:.1f} %"),
        Tile(
            f"{len(matches.found)} of {len(drawn.rows)}",
            "metastases found",
            f"{len(matches.false_positives)} false positive",
        ),
        Tile(f"{100 * agreement.tpr:.1f} %", "sensitivity", "voxels of the truth"),
        Tile(
            f"{sum(lesion.volume_ml for lesion in result.lesions):.1f} ml",
            "segmented",
            f"truth: {sum(row['volume_ml'] for row in drawn.rows):.1f} ml",
        ),
        Tile(f"{result.provenance['seconds']:.0f} s", "to segment", result.provenance["device"]),
    ]
    write_page(
        folder / "index.html",
        "Spinal metastases on MR: a simulated patient",
        f"{' + '.join(card.inputs)}, {card.title}",
        sections,
        tiles=tiles,
        badges=["Simulated data, not a patient"],
        footer="Made by 'spine demo' of SpineOncology. Images, lesions and readers are simulated.",
    )
