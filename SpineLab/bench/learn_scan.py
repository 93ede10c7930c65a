"""``spine bench learn`` on a real healthy scan: learn from lesions painted into one half of it, test on the other."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.evaluation.healthy import evaluate_healthy
from SpineLab.learning.patients import add_patient
from SpineLab.learning.training import TuneSettings
from SpineLab.learning.tune import base_of, label_of, tune
from SpineLib.cohort.corrections import WORK, read_comparison, read_corrections, read_state
from SpineLib.errors import SpineError
from SpineLib.models import find_bundle, load_bundle
from SpineLib.phantom.paint import paint_lesions
from SpineLib.progress import Progress, part, silent
from SpineLib.volume import Volume
from SpineLib.volume.crop import crop
from SpineLib.volume.files import write_text

UPPER, LOWER = "upper", "lower"
#: Paintings of the half that is tested, and lesions in each painting of either.
TESTS, LESIONS = 4, 2


@dataclass(frozen=True, eq=False)
class Half:
    """A part of a scan, cut between two vertebral bodies.

    Attributes:
        images: by sequence.
        bodies: labels of the bodies that are whole in it, on the same grid.
    """

    images: dict[str, Volume]
    bodies: Volume

    @property
    def numbers(self) -> list[int]:
        """Labels of its bodies."""
        return [int(number) for number in np.unique(self.bodies.array) if number]


def halves(images: Mapping[str, Volume], bodies: Volume) -> dict[str, Half]:
    """The upper and the lower half of a scan; no voxel is in both.

    Args:
        images: on the grid of ``bodies``.
        bodies: labels of the vertebral bodies.

    Raises:
        SpineError: the grids differ, or there are fewer than four bodies.
    """
    for name, image in images.items():
        if not image.same_grid(bodies):
            raise SpineError(f"{name} and the body labels lie on different grids; resample the labels onto the image.")
    numbers = [int(number) for number in np.unique(bodies.array) if number]
    if len(numbers) < 4:
        raise SpineError(f"The labels hold {len(numbers)} vertebral bodies; a scan with four or more can be halved.")
    column = int(np.argmax(np.abs(bodies.direction[2])))  # index axis (i, j, k) along the patient
    axis, upwards = 2 - column, bodies.direction[2, column] > 0
    middles = {number: float(np.argwhere(bodies.array == number)[:, axis].mean()) for number in numbers}
    ordered = sorted(numbers, key=middles.__getitem__, reverse=bool(upwards))  # from cranial to caudal
    count = (len(ordered) + 1) // 2
    cut = round((middles[ordered[count - 1]] + middles[ordered[count]]) / 2)
    sides = (slice(cut, None), slice(0, cut)) if upwards else (slice(0, cut), slice(cut, None))
    found = {}
    for name, own, side in zip((UPPER, LOWER), (ordered[:count], ordered[count:]), sides, strict=True):
        box = [slice(0, size) for size in bodies.shape]
        box[axis] = slice(*side.indices(bodies.shape[axis])[:2])
        whole = [number for number in own if _inside(bodies.array == number, axis, box[axis])]
        labels = bodies.with_array(np.where(np.isin(bodies.array, whole), bodies.array, 0))
        k, j, i = box
        cuts = {key: crop(image, (k, j, i)) for key, image in images.items()}
        found[name] = Half(cuts, crop(labels, (k, j, i)))
    return found


def _inside(body: np.ndarray, axis: int, side: slice) -> bool:
    places = np.flatnonzero(body.any(axis=tuple(n for n in range(3) if n != axis)))
    return bool(places[0] >= side.start and places[-1] < side.stop)


def measure_scan(
    images: Mapping[str, Volume],
    bodies: Volume,
    model: str,
    seed: int,
    minutes: float,
    patients: int,
    folder: Path,
    learn_from: str = UPPER,
    progress: Progress = silent,
) -> dict:
    """Paint lesions into one half of a healthy scan, learn from them, and find those painted into the other half.

    Each painting of the half counts as a corrected examination, all of one patient. Everything is kept in ``folder``;
    the same call goes on there after an interruption.

    Args:
        images: sequences of one healthy person.
        bodies: labels of the vertebral bodies, on the same grid.
        model: id or folder of the model to start from.
        seed: of the paintings.
        minutes: of training.
        patients: paintings to learn from.
        folder: gets the training set.
        learn_from: "upper" or "lower".
        progress: may raise ``Cancelled``.

    Raises:
        SpineError: the model segments no metastases or needs another sequence, or the scan cannot be halved.
    """
    base = base_of(find_bundle(model))
    inputs = base.card.inputs_of(images)
    if label_of(base.card) != "lesion" or not inputs:
        wish = (" or " if base.card.takes_any else " and ").join(base.card.inputs)
        raise SpineError(f"The model '{base.card.id}' segments no metastases on these images; it needs {wish}.")
    parts = halves({name: images[name] for name in inputs}, bodies)
    own, other = parts[learn_from], parts[LOWER if learn_from == UPPER else UPPER]
    training_set = folder / f"scan-{learn_from}"
    asked = {"seed": seed, "model": base.card.sha256, "inputs": list(inputs), "bodies": own.numbers}
    _same(folder / f"scan-{learn_from}.json", asked)
    for number in range(len(read_corrections(training_set)), patients):
        painted, lesions, _ = paint_lesions(own.images, own.bodies, 51_000 + 100 * seed + number, LESIONS)
        same = "sub-001" if number else ""
        add_patient(training_set, painted, lesions, "lesion", same_as=same, simulated=True)
    started = time.monotonic()
    if not (read_state(training_set).proposed and read_comparison(training_set)):
        tune(training_set, str(base.folder), TuneSettings(minutes=minutes), part(progress, 0.05, 0.8))
    seconds = time.monotonic() - started
    new = load_bundle(training_set / WORK / "proposed")
    found = {}
    for order, (key, bundle) in enumerate((("former", base), ("new", new))):
        share = part(progress, 0.8 + 0.1 * order, 0.9 + 0.1 * order)
        one = evaluate_healthy(
            bundle, other.images, other.bodies, repeats=TESTS, count=LESIONS, seed=52 + seed, progress=share
        )
        found[key] = {
            "dice": round(float(np.mean(one["dice"])), 4),
            "found": sum(row["found"] for row in one["painted"]),
            "painted": len(one["painted"]),
            "false_positives": one["false_positives"]["count"],
            "false_positive_ml": one["false_positives"]["ml"],
        }
    return {
        "kind": "learn-scan",
        "model": base.card.id,
        "inputs": list(inputs),
        "paintings": patients,
        "learned_from": learn_from,
        "bodies": {"learned": own.numbers, "tested": other.numbers},
        "minutes": minutes,
        "seconds": round(seconds, 1),
        **found,
    }


def _same(path: Path, asked: dict) -> None:
    """Refuse a folder that an earlier call with other settings filled."""
    if path.is_file():
        if json.loads(path.read_text(encoding="utf-8")) != asked:
            raise SpineError("The folder holds another measurement; choose another one with --folder.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(asked))


def told_scan(figures: dict) -> str:
    """The figures in a few lines."""
    other = LOWER if figures["learned_from"] == UPPER else UPPER
    lines = [
        f"{figures['paintings']} paintings of the {figures['learned_from']} half of a real healthy scan, "
        f"{' + '.join(figures['inputs'])}, {figures['minutes']:g} min of training, {figures['seconds'] / 60:.1f} min "
        f"in all, from {figures['model']}; on the {other} half, which nobody learned from:"
    ]
    former, new = figures["former"], figures["new"]
    lines.append(
        f"  Dice of painted lesions: {former['dice']:.3f} -> {new['dice']:.3f} ({new['dice'] - former['dice']:+.3f})"
    )
    lines.append(f"  of them found: {former['found']} -> {new['found']} of {former['painted']}")
    lines.append(
        f"  false marks on the half as it is: {former['false_positives']} ({former['false_positive_ml']:.2f} ml) -> "
        f"{new['false_positives']} ({new['false_positive_ml']:.2f} ml)"
    )
    return "\n".join(lines)
