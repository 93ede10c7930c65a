"""How good a detector of lesions on CT is on key slices of DeepLesion, as Miao et al. measure theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import cast

import numpy as np

from SpineLab.training.ct_lesions.cases import SLICE, X0
from SpineLab.training.ct_lesions.deeplesion import DeepLesionImage
from SpineLab.training.ct_lesions.key_slices import key_boxes, volume_and_key
from SpineLib.metrics.average_precision import ImageBoxes, PrecisionRecall, precision_recall
from SpineLib.metrics.literature import CT_LESIONS
from SpineLib.models import ModelBundle
from SpineLib.networks.faster_rcnn import FasterRCNN
from SpineLib.preprocess.ct_slices import SlicePreparation, axial_slices
from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.lesions import CtLesionSettings, region_of, slice_boxes

#: Boxes are collected from this probability on, so that a curve can be drawn.
_LOWEST = 0.02
_SAMPLES = 2000


@dataclass(frozen=True, eq=False)
class KeySliceEvaluation:
    """Of all key slices.

    Attributes:
        model: the bundle's id.
        patients: of each slice.
        slices: what was found and what is marked.
        seconds: of the network alone.
        device: that it ran on.
        as_given: whether each slice was seen through its own window and the data set's own boxes were looked for.
    """

    model: str
    patients: list[str]
    slices: list[ImageBoxes]
    seconds: float
    device: str
    as_given: bool

    @property
    def curve(self) -> PrecisionRecall:
        return precision_recall(self.slices)

    def interval(self, seed: int = 1) -> tuple[float, float]:
        """95 % of the average precision, patients drawn again with replacement."""
        rng, names = np.random.default_rng(seed), sorted(set(self.patients))
        own = {name: [one for one, of in zip(self.slices, self.patients) if of == name] for name in names}
        values = [
            precision_recall([one for name in rng.choice(names, len(names)) for one in own[name]]).average_precision
            for _ in range(min(_SAMPLES, 20 * len(names) + 200))
        ]
        low, high = np.quantile(values, (0.025, 0.975))
        return float(low), float(high)


def evaluate_key_slices(
    images: Sequence[DeepLesionImage],
    bundle: ModelBundle,
    settings: CtLesionSettings = CtLesionSettings(),
    progress: Progress = silent,
    *,
    as_given: bool = False,
) -> KeySliceEvaluation:
    """Look for lesions in each key slice, and compare with what is marked there; others may be there unmarked.

    Raises:
        SpineError: a picture cannot be read.
        Cancelled: by ``progress``.
    """
    network, preparation = cast(FasterRCNN, bundle.network()), SlicePreparation.from_dict(bundle.card.preparation)
    found, seconds, device = [], 0.0, ""
    for number, image in enumerate(images):
        progress(number / len(images), f"Slice {number + 1} of {len(images)}")
        volume, key = volume_and_key(image)
        slices = axial_slices(volume, replace(preparation, window=image.window) if as_given else preparation)
        truth = key_boxes(slices, volume, key, image, as_given)
        at = int(truth[0, SLICE])
        started = perf_counter()
        boxes, device, _ = slice_boxes(slices, network, region_of(slices, None), settings, silent, _LOWEST)
        seconds += (perf_counter() - started) / len(boxes)
        found.append(
            ImageBoxes(
                np.array([one.box for one in boxes[at]]),
                np.array([one.probability for one in boxes[at]]),
                truth[:, X0 : X0 + 4],
            )
        )
    return KeySliceEvaluation(bundle.card.id, [one.patient for one in images], found, seconds, device, as_given)


def figures(evaluation: KeySliceEvaluation) -> dict:
    """JSON-able."""
    low, high = evaluation.interval()
    return {
        "model": evaluation.model,
        "slices": len(evaluation.slices),
        "patients": len(set(evaluation.patients)),
        "average_precision": evaluation.curve.average_precision,
        "interval_95_by_patient": [low, high],
        "images_a_second": len(evaluation.slices) / max(evaluation.seconds, 1e-9),
        "device": evaluation.device,
        "own_windows_and_boxes": evaluation.as_given,
    }


def markdown(told: dict) -> str:
    """The figures, the paper's below."""
    how = "own windows and boxes" if told["own_windows_and_boxes"] else "the model's window, boxes around the diameters"
    low, high = told["interval_95_by_patient"]
    return "\n".join(
        [
            f"Key slices of DeepLesion ({how}): {told['slices']} of {told['patients']} patients, overlap of 0.5; "
            "lesions that the data set does not mark count as false.",
            "",
            "| | average precision | 95 % by patient | images a second |",
            "|---|---|---|---|",
            f"| `{told['model']}` | {told['average_precision']:.4f} | {low:.4f} to {high:.4f} "
            f"| {told['images_a_second']:.2f} ({told['device']}) |",
            f"| {CT_LESIONS.what} ({CT_LESIONS.source}, {CT_LESIONS.on}) | {CT_LESIONS.average_precision} | – "
            f"| {CT_LESIONS.images_a_second} |",
            "",
        ]
    )
