"""From CTs to a model bundle that judges regions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from SpineLab.evaluation.ct_boxes import BoxResult, read_boxes
from SpineLab.training.ct_regions.cases import RegionCase, read_case
from SpineLab.training.ct_regions.examples import Examples, examples_of, joined
from SpineLab.training.ct_regions.fit import HIDDEN, MEMBERS, STEPS, fitted
from SpineLab.training.ct_regions.left_out import each_left_out
from SpineLib import NOTICE
from SpineLib.errors import SpineError
from SpineLib.models import ModelCard, save_bundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.regions import FEATURES

SPACING_MM = 1.0
#: From here on lesions of the CTs left out are written down.
_LOWEST = 0.3


def train_regions(
    painted: Sequence[tuple[Path, Path | None]],
    boxes: Path | None,
    origin: str,
    copies: int,
    seed: int,
    threshold: float,
    model_id: str,
    target: Path,
    progress: Progress = silent,
) -> list[BoxResult]:
    """Read, paint, fit, write the bundle; how it does on each CT left out, which its card tells, too.

    Args:
        painted: CTs without known lesions and their vertebrae, or None to have them found.
        boxes: table of known lesions beside its CTs.
        origin: where the CTs come from, and their licence.
        copies: painted copies of each CT.
        seed: of all that is drawn.
        threshold: of the model.
        model_id: of the bundle.
        target: its folder.
        progress: may raise ``Cancelled``.

    Raises:
        SpineError: a file cannot be read, or no CT shows vertebrae that can be compared.
    """
    wanted: list[tuple[Path, Path | None, np.ndarray]] = [(*files, np.zeros((0, 2, 3))) for files in painted]
    if boxes is not None:
        wanted += [(boxes.parent / name, None, known) for name, known in read_boxes(boxes).items()]
    cases: list[RegionCase] = []
    examples: list[Examples] = []
    for number, (ct, labels, known) in enumerate(wanted):
        share = part(progress, 0.9 * number / len(wanted), 0.9 * (number + 1) / len(wanted))
        case = read_case(ct, labels, known, SPACING_MM, part(share, 0.0, 0.3))
        if case is None:
            continue
        cases.append(case)
        rng = np.random.default_rng([seed, number])
        examples.append(examples_of(case, copies, rng, progress=part(share, 0.3, 1.0)))
    if not cases:
        raise SpineError("None of the CTs shows vertebrae that can be compared; give CTs of several vertebrae.")
    judge = fitted(joined(examples), seed, part(progress, 0.9, 0.92))
    results = each_left_out(cases, examples, _LOWEST, part(progress, 0.92, 1.0))
    known_count, found, false = (int(count) for count in np.sum([one.at(threshold) for one in results], axis=0))
    title = "Lesions of vertebrae on CT, by comparison with the other side and the neighbours"
    about = (
        f"{origin} Simulated lesions painted into {copies} copies of each, and {known_count} real ones in vertebrae."
    )
    command = _command(painted, boxes, copies, seed, threshold)
    card = ModelCard(
        id=model_id,
        title=title,
        task="ct-lesion-detection",
        network={"type": "regions", "inputs": len(FEATURES), "hidden": HIDDEN, "members": MEMBERS},
        inputs=("CT",),
        preparation={"spacing_mm": SPACING_MM},
        patch=(1, 1, 1),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": about, "training_cases": len(cases)},
        threshold=threshold,
        figures={
            "left_out": [one.to_dict() for one in results],
            "real_patients": {
                "lesions": known_count,
                "found": found,
                "scans": len(cases),
                "false_marks_a_scan": round(false / len(cases), 2),
                "of": "each CT searched by a judge that had learned from the others alone",
            },
        },
        command=command,
        notice=NOTICE,
        text=_text(title, about, command, results, threshold),
    )
    save_bundle(target, judge, card)
    progress(1.0, "Done")
    return results


def _command(
    painted: Sequence[tuple[Path, Path | None]], boxes: Path | None, copies: int, seed: int, threshold: float
) -> str:
    """What was called, with the files' names alone."""
    words = ["spine train ct-regions"]
    words += [" ".join(["--paint", *(file.name for file in files if file is not None)]) for files in painted]
    words += [] if boxes is None else [f"--boxes {boxes.name}"]
    return " ".join([*words, f"--copies {copies} --seed {seed} --threshold {threshold:g}"])


def _text(title: str, about: str, command: str, results: Sequence[BoxResult], threshold: float) -> str:
    rows = "\n".join(" | ".join((f"| {one.name}", *map(str, one.at(threshold)))) + " |" for one in results)
    return f"""# {title}

{NOTICE}. Not for clinical use.
The lesions that it learned from are **simulated**, painted into real CTs, but for a few that are real.

- Input: CT in HU and its vertebrae, one label each, in voxels of {SPACING_MM:g} mm. Each vertebra is laid onto its
  mirror image and its neighbours; what is denser or less dense than all of them but one is a region.
- Network: {MEMBERS} networks of {HIDDEN} hidden units side by side judge each region by {len(FEATURES)} numbers:
  {", ".join(FEATURES[:8])},
  {", ".join(FEATURES[8:])}.
- Output: lesions with mask, box and kind (sclerotic, lytic, mixed). A soft-tissue mass beyond the bone is not marked;
  where bone is missing or cortex is lost the program says so, and that one has to look beside it.
- Rules beside the judge: bone that is missing where two thirds of the counterparts have it and cortex that is lost over
  an area are marked; what is less dense than water (fat, gas) and more bone where cortex is expected are not. Around a
  place so much is looked at that half a slice does not count.
- Training data: {about}
- Training: `{command}`; {STEPS} steps, all examples at each.
- Not seen: lesions that all vertebrae have, those within 2 mm of the surface or smaller than 0.04 ml, vertebrae of
  which too little is in the image, ribs and hips. Osteophytes, worn endplates and joints and old
  fractures differ from the neighbours too and may be marked.

Each CT searched by a judge that had learned from the others alone, from probability {threshold:g} on; a box is found by
a lesion whose centre lies in it or that overlaps it by 0.1:

| CT | boxes in vertebrae | found | false marks |
|---|---|---|---|
{rows}
"""
