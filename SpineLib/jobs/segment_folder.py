"""Job: metastases, or necrosis, of a folder of patients, one after the other, as 'spine segment --bids' does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.errors import Cancelled, SpineError
from SpineLib.models.catalogue import find_bundle
from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The folder of patients", ("folder", "output", "model")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    A bad case does not stop the others; one that is done is kept, and a run that was cancelled goes on where it ended.
    After each case the list so far, a JSON file, is offered to be looked at.

    Args:
        parameters: ``{"folder": path, "output": path, "model": id or path, "settings": {...}}``; "settings" as of job
            "segment".
        folder: gets the lists, ``cases-1.json`` and so on.

    Returns:
        ``{"rows": [...], "notes": [...]}``, a row for each case: those of ``summary.csv``, and "images" (by sequence)
        and "mask", paths, of those that did not fail.
    """
    from dataclasses import replace

    from SpineLib.cohort.images import choose_session, find_cases, single_images
    from SpineLib.json_text import json_text
    from SpineLib.tasks.segmentation.case_files import (
        CaseFiles,
        case_row,
        check_settings,
        check_unchanged,
        summary_text,
    )
    from SpineLib.tasks.segmentation.naming import TARGETS
    from SpineLib.tasks.segmentation.placed import segment_placed
    from SpineLib.tasks.segmentation.segment import SegmentSettings
    from SpineLib.volume import read_volume
    from SpineLib.volume.files import write_text

    progress(0.0, "Looking through the folder")
    settings = SegmentSettings.from_dict(parameters.get("settings") or {})
    bundle, output = find_bundle(parameters["model"]), Path(parameters["output"])
    necrosis = bundle.card.target == "necrosis"
    target = TARGETS[bundle.card.target]
    kind = f"_{target.many}" if necrosis else ""
    cases = choose_session(find_cases(Path(parameters["folder"])), None, necrosis=necrosis)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SpineError("The folder for the results cannot be made: choose another one.") from error
    rows: list[dict] = []
    for number, (case, images) in enumerate(cases):
        share = part(progress, number / len(cases), (number + 1) / len(cases))
        row: dict = {"case": case, "status": "failed"}
        try:
            files = CaseFiles.of(output, case, target, kind)
            files.take_up()
            done = files.done()
            paths, notes = single_images(images)
            if done is not None:
                check_unchanged(files.report, paths.values())
                check_settings(done[0], settings, bundle.card, labelled=False)
                row |= case_row(done[0]) | {"status": done[1]}
            else:
                sequences = {
                    name: read_volume(path, name) for name, path in paths.items() if name in bundle.card.inputs
                }
                result = segment_placed(sequences, bundle, settings, _named(share, case))
                row |= case_row(files.write(replace(result, notes=notes + result.notes), paths.values()))
                row["status"] = "done"
            row |= {
                "images": {name: str(path) for name, path in paths.items() if name in bundle.card.inputs},
                "mask": str(files.mask),
            }
        except Cancelled:
            raise
        except SpineError as error:
            row["message"] = str(error)
        except Exception as error:
            row["message"] = f"The case failed unexpectedly ({type(error).__name__}): look at its images."
        rows.append(row)
        write_text(output / f"summary{kind}.csv", summary_text(rows, target.many))
        name = f"cases-{number + 1}.json"
        write_text(folder / name, json_text(rows))
        progress((number + 1) / len(cases), f"{number + 1} of {len(cases)} done", file=name)
    return {"rows": rows, "notes": []}


def _named(progress: Progress, case: str) -> Progress:
    return lambda fraction, text: progress(fraction, f"{case}: {text}")
