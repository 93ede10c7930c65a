"""Which target and which model are meant by the arguments of a command, and the segmentation with them."""

from __future__ import annotations

import argparse
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.errors import SpineError
from SpineLib.models import ModelCard, find_bundle, list_bundles
from SpineLib.models.ranking import measured_dice
from SpineLib.progress import Progress, part

if TYPE_CHECKING:
    from SpineLib.tasks.segmentation.segment import SegmentSettings

TASKS = {"metastasis": "metastasis-segmentation", "necrosis": "necrosis-segmentation"}


def segment_files(paths: dict[str, Path], args: argparse.Namespace, progress: Progress, labels: Path | None = None):
    """Read, choose the model, segment; a ``SegmentResult``.

    Args:
        paths: of the images, by sequence.
        args: of the command.
        progress: told while it works.
        labels: of the vertebrae, or None.
    """
    from SpineLib.tasks.ct.numbering import read_vertebrae
    from SpineLib.tasks.segmentation.placed import segment_placed
    from SpineLib.volume import read_volume

    settings = settings_of(args)
    target = chosen_target(args)  # also refuses a model of another task
    bundle = find_bundle(args.model or best_model(paths, TASKS[target]))
    progress(0.0, "Reading")
    sequences = {name: read_volume(path, name) for name, path in paths.items()}
    vertebrae, told = (None, []) if labels is None else read_vertebrae(labels, args.numbers)
    result = segment_placed(sequences, bundle, settings, part(progress, 0.03, 1.0), vertebrae)
    return replace(result, notes=told + result.notes)


def settings_of(args: argparse.Namespace) -> SegmentSettings:
    """What the user chose."""
    from SpineLib.tasks.segmentation.segment import SegmentSettings

    return SegmentSettings(
        threshold=args.threshold,
        smallest_lesion_ml=args.smallest_lesion,
        device=args.device,
        precision=args.precision,
        reference=args.reference,
        anywhere=args.anywhere,
        anyway=args.anyway,
        lowest=args.lowest,
    )


def chosen_target(args: argparse.Namespace) -> str:
    """What is segmented, "metastasis" or "necrosis": by --task, else by the chosen model.

    Raises:
        SpineError: the two contradict each other, or there is no such model.
    """
    if not args.model:
        return args.task or "metastasis"
    card = find_bundle(args.model).card
    if card.task not in TASKS.values() or (args.task and card.task != TASKS[args.task]):
        raise SpineError(
            f"The model '{card.id}' is for {card.task}; choose another one with --model, or another --task."
        )
    return card.target


def first_model(task: str, what: str) -> Path:
    """Folder of the task's first installed model; a sentence with ``what`` it does where there is none.

    Raises:
        SpineError: none is installed.
    """
    found = [folder for folder, card in list_bundles() if card.task == task]
    if not found:
        raise SpineError(
            f"No model that {what} is installed; import one with 'spine models import', or give its folder with "
            "--model."
        )
    return found[0]


def best_model(given: Collection[str], task: str = TASKS["metastasis"]) -> Path:
    """Folder of the task's installed model that uses most of the given sequences; of equals a 2D one, then one that
    learned from the user's patients, then the one that was measured to be better.

    Raises:
        SpineError: none fits.
    """
    fitting = [(folder, card) for folder, card in list_bundles() if card.task == task and card.inputs_of(given)]
    if not fitting:
        raise SpineError(
            f"No installed model for {task} works on {' and '.join(given)} alone; "
            "'spine models list' shows what there is, --model chooses one."
        )

    def worth(one: tuple[Path, ModelCard]) -> tuple[float, ...]:
        card = one[1]
        used, flat = len(card.inputs_of(given)), -card.network["dimensions"]
        return used, flat, card.local_number, measured_dice(card) or 0.0

    return max(fitting, key=worth)[0]
