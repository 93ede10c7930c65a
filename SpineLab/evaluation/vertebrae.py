"""How well vertebrae are found and told apart on CTs with labels, and the paper's table I beside ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from SpineLab.training.facts import read_facts
from SpineLab.training.record import read_log
from SpineLab.training.vertebrae.config import VertebraConfig
from SpineLab.training.vertebrae.export import network_name
from SpineLab.training.vertebrae.loop import FIGURES
from SpineLib.errors import SpineError
from SpineLib.metrics.literature import VERTEBRAE
from SpineLib.metrics.overlap import overlap
from SpineLib.models.bundle import ModelBundle
from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
from SpineLib.volume.volume import Volume


@dataclass(frozen=True)
class VertebraFigures:
    """One CT.

    Attributes:
        case, model: their names.
        dice, iou: of the vertebrae together, in the slices that the truth labels (axial extent).
        vertebrae: labelled ones.
        found: those that one found vertebra covers with a Dice of at least 0.5.
        dice_of_each: of each labelled vertebra with the found one that covers it best.
        seconds: of the run.
    """

    case: str
    model: str
    dice: float
    iou: float
    vertebrae: int
    found: int
    dice_of_each: dict[int, float]
    seconds: float


def evaluate_case(
    ct: Volume,
    truth: Volume,
    bundle: ModelBundle,
    name: str,
    left_out: Sequence[int] = (),
    settings: VertebraeSettings = VertebraeSettings(),
) -> VertebraFigures:
    """Segment one CT and compare.

    Args:
        ct: HU.
        truth: numbered vertebrae on the CT's grid; they may be fewer than the CT shows.
        bundle: the model.
        name: of the case.
        left_out: numbers that are no vertebrae to find (the sacrum).
        settings: of the run.

    Raises:
        SpineError: the truth is not on the CT's grid, or labels nothing.
    """
    if not truth.same_grid(ct, 0.1):
        raise SpineError(f"The labels of {name} are not on its CT's grid; export them again.")
    labels = np.where(np.isin(truth.array, left_out), 0, truth.array).astype(np.int64)
    if not labels.any():
        raise SpineError(f"The labels of {name} hold no vertebra.")
    result = segment_vertebrae(ct, bundle, settings)
    found = result.labels.array
    each = {int(number): _best_dice(labels == number, found) for number in np.unique(labels) if number}
    up = 2 - int(np.abs(ct.direction[2]).argmax())  # the array's axis that runs most along the body
    labelled = labels.any(axis=tuple(axis for axis in range(3) if axis != up))
    together = overlap(np.compress(labelled, labels, axis=up), np.compress(labelled, found, axis=up))
    union = together.reference_voxels + together.prediction_voxels - together.common_voxels
    return VertebraFigures(
        name,
        bundle.card.id,
        together.dice,
        together.common_voxels / union,
        len(each),
        sum(value >= 0.5 for value in each.values()),
        each,
        result.provenance["seconds"],
    )


def _best_dice(inside: np.ndarray, found: np.ndarray) -> float:
    numbers = np.bincount(found[inside], minlength=2)
    numbers[0] = 0
    best = int(numbers.argmax())
    return 2 * int(numbers[best]) / (int(inside.sum()) + int((found == best).sum())) if numbers[best] else 0.0


def cross_validation(run: Path) -> dict:
    """Means over the folds of a finished ``spine train vertebrae --fold all``.

    Returns:
        ``{"network", "folds", "steps", "training": {"iou", "dice", "loss"}, "held_out": {...}}``; "steps" are the
        fewest and the most that a fold was trained for, whatever ended it.

    Raises:
        SpineError: no finished fold.
    """
    finished = sorted(path for path in Path(run).glob("fold-*") if (path / FIGURES).is_file())
    if not finished:
        raise SpineError(f"'{run}' holds no finished fold; give the folder of 'spine train vertebrae --fold all'.")
    figures = [json.loads((path / FIGURES).read_text(encoding="utf-8")) for path in finished]
    config = VertebraConfig.from_dict(read_facts(finished[0])["config"])
    means = {
        part: {key: float(np.mean([one[part][key] for one in figures])) for key in figures[0][part]}
        for part in ("training", "held_out")
    }
    steps = [max((line["step"] for line in read_log(path)), default=0) for path in finished]
    return {"network": network_name(config), "folds": len(finished), "steps": [min(steps), max(steps)], **means}


def table_one(ours: Sequence[dict], simulated: bool = True) -> str:
    """The paper's table I with ours beside it, in Markdown."""
    kind = "simulated CTs" if simulated else "CTs"
    heads = ["", *(f"{name}, paper" for name in VERTEBRAE)]
    for one in ours:
        fewest, most = one["steps"]
        steps = f"{most} steps" if fewest == most else f"{fewest} to {most} steps"
        heads.append(f"{one['network']}, ours ({kind}, {one['folds']} folds of {steps})")
    rows = []
    for title, part, key in (
        ("Loss value of training set", "training", "loss"),
        ("Loss value of verification set", "held_out", "loss"),
        ("IOU of training set", "training", "iou"),
        ("IOU of verification set", "held_out", "iou"),
    ):
        values = [getattr(published, f"{part}_{key}") for published in VERTEBRAE.values()]
        rows.append([title, *(f"{value:.4f}" for value in values), *(f"{one[part][key]:.4f}" for one in ours)])
    return _markdown(heads, rows)


def case_table(figures: Sequence[VertebraFigures]) -> str:
    """One line a case and model, in Markdown."""
    rows = [
        [
            one.case,
            one.model,
            f"{one.dice:.3f}",
            f"{one.iou:.3f}",
            f"{one.found} of {one.vertebrae}",
            f"{np.median(list(one.dice_of_each.values())):.3f}",
            f"{min(one.dice_of_each.values()):.3f}",
            f"{one.seconds:.1f}",
        ]
        for one in figures
    ]
    return _markdown(
        ["case", "model", "Dice", "IoU", "vertebrae found", "Dice of a vertebra, median", "least", "s"], rows
    )


def to_dict(figures: Sequence[VertebraFigures]) -> list[dict]:
    """JSON-able."""
    return [asdict(one) for one in figures]


def _markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
