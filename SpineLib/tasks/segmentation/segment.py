"""The main task: metastases in T1 and T2 volumes (Hille 2020), or necrosis after their ablation (Steffen 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from time import perf_counter

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle
from SpineLib.models.card import ModelCard
from SpineLib.preprocess import Preparation, prepare
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.segmentation.lesions import (
    Lesion,
    calibrated,
    find_lesions,
    smoothed_across_slices,
    uncalibrated,
)
from SpineLib.tasks.stability.parts import SpineParts
from SpineLib.volume.told import reading_notes
from SpineLib.volume.volume import Volume

_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch")


@dataclass(frozen=True)
class SegmentSettings(Settings):
    """What the user may choose; None and "auto" leave it to the model and the machine.

    Attributes:
        threshold: probability from which a voxel is lesion.
        smallest_lesion_ml: smaller lesions are dropped.
        device: "auto", "cuda", "mps" or "cpu".
        precision: "auto", "float32" or "bfloat16".
        reference: the sequence on whose grid the result lies; None: T1 if the model wants it, else its first.
        anywhere: keep what touches no vertebra, or is no lesion of one by its place and signal.
        anyway: use a scan that the models were not made for.
        lowest: level of the lowest vertebra above the sacrum that is seen, "L4"; "": told by the sacrum.
        levels: look for the vertebrae; without, nothing is refused or dropped, and levels stay unknown.
    """

    threshold: float | None = None
    smallest_lesion_ml: float | None = None
    device: str = "auto"
    precision: str = "auto"
    reference: str | None = None
    anywhere: bool = False
    anyway: bool = False
    lowest: str = ""
    levels: bool = True

    def __post_init__(self):
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SpineError(f"The threshold is {self.threshold}; choose one between 0 and 1.")
        if self.smallest_lesion_ml is not None and not 0 <= self.smallest_lesion_ml < 1e6:
            raise SpineError(f"The smallest lesion is {self.smallest_lesion_ml} ml; choose 0 or more.")

    def limits(self, card: ModelCard) -> tuple[float, float]:
        """Threshold and smallest lesion (ml): those of the model where the user left them to it."""
        return (
            card.threshold if self.threshold is None else self.threshold,
            card.smallest_lesion_ml if self.smallest_lesion_ml is None else self.smallest_lesion_ml,
        )


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """All on the reference sequence's own grid.

    Attributes:
        probability: float32, 0 to 1.
        mask: uint8.
        labels: uint16, lesion ids 1 to n, the largest first.
        lesions: their measures, in the same order.
        provenance: JSON-able; what is needed to make the same result again, and under "scan_unlikeness" how unlike the
            model's training the scan is (above 1 a note tells of it; None: nothing is known of it).
        notes: sentences the user should read.
        images: the sequences that were used, as they were laid over each other.
        parts: canal, bodies and arches, where the column was looked for and found.
    """

    probability: Volume
    mask: Volume
    labels: Volume
    lesions: list[Lesion]
    provenance: dict
    notes: list[str]
    images: Mapping[str, Volume]
    parts: SpineParts | None = None


def segment(
    sequences: Mapping[str, Volume],
    bundle: ModelBundle,
    settings: SegmentSettings = SegmentSettings(),
    progress: Progress = silent,
    around: Volume | None = None,
    check: Callable[[Mapping[str, Volume]], list[str]] = lambda images: [],
) -> SegmentResult:
    """Find the metastases, or the necroses: what the model is made for.

    Args:
        sequences: name ("T1", "T2", "STIR", "ceT1") to volume; those the model does not use are left out, with a note.
        bundle: the model.
        settings: the user's choices.
        progress: told at least once a second; may raise ``Cancelled``.
        around: vertebrae on any grid: nothing is looked for but in them and around them, which is faster; everything is
            where a lesion goes on from there, with ``settings.anywhere``, and by a network whose windows are whitened.
        check: is shown the images as they lie over each other (:attr:`SegmentResult.images`) before the network runs;
            may refuse them, and gives sentences for the user.

    Raises:
        SpineError: a sequence is missing or cannot be used, no such device, not enough memory.
        Cancelled: by ``progress``.
    """
    from SpineLib.inference.predict import Layout, predict
    from SpineLib.tasks.segmentation.likeness import UNLIKENESS, features_for, unlike_note, unlikeness
    from SpineLib.tasks.segmentation.where import AROUND_MM, Search

    started = perf_counter()
    card = bundle.card
    if not card.task.endswith("-segmentation"):
        raise SpineError(f"The model '{card.id}' is for {card.task}; choose one that segments.")
    used = card.inputs_of(sequences)
    if not used and card.takes_any:
        raise SpineError(f"The model '{card.id}' needs one or more of {', '.join(card.inputs)}; choose one of them.")
    missing = [name for name in card.inputs if name not in sequences]
    if not used:
        raise SpineError(
            f"The model '{card.id}' needs {' and '.join(card.inputs)}, and {' and '.join(missing)} was not given; "
            "choose it or another model."
        )
    notes = reading_notes(*(sequences[name] for name in used)) + [
        f"{name} was not used: the model '{card.id}' does not need it." for name in sequences if name not in card.inputs
    ]
    threshold, smallest = settings.limits(card)
    preparation = Preparation.from_dict(card.preparation)

    prepared = prepare(
        {name: sequences[name] for name in used},
        preparation,
        reference=settings.reference,
        progress=part(progress, 0.0, 0.15),
    )
    checked = check(prepared.images)
    progress(0.15, "Loading the model")
    searches = [Search.everywhere(prepared)]
    near = Search.around(prepared, around) if around is not None else searches[0]
    if around is not None and not settings.anywhere and preparation.whitening != "patch":
        searches.insert(0, near)
    whole = np.zeros(prepared.channels.shape[1:], np.float32)
    for number, search in enumerate(searches):
        features = features_for(bundle, None if near.vertebrae is None else near.vertebrae[search.box])
        predicted = predict(
            prepared.channels[(slice(None), *search.box)],
            bundle.network(),
            layout=Layout.of(card.network, card.inputs, used, prepared.spacing[0]),
            whiten_windows=preparation.whitening == "patch",
            window=(card.patch[-2], card.patch[-1]) if preparation.whitening == "patch" else None,
            threshold=uncalibrated(threshold, card.calibration),
            device=settings.device,
            precision=settings.precision,
            progress=part(progress, *((0.16, 0.95), (0.16, 0.7), (0.7, 0.95))[number + len(searches) - 1]),
            features=features,
        )
        smooth = smoothed_across_slices(predicted.probability, prepared.spacing[0], card.smoothing_mm)
        whole[search.box] = calibrated(smooth, card.calibration)
        if not search.leaves(whole[search.box] >= threshold):
            break
    progress(0.95, "Measuring lesions")
    probability = prepared.to_input(whole, "probability")
    mask, labels, lesions = find_lesions(probability, threshold, smallest)
    applied = {
        "threshold": threshold,
        "smallest_lesion_ml": smallest,
        "smoothing_mm": card.smoothing_mm,
        "calibration": list(card.calibration),
        "preparation": preparation.to_dict(),
    }
    made = provenance(
        "segment",
        started,
        asdict(settings) | applied,
        libraries=_LIBRARIES,
        card=card,
        device=predicted.device,
        precision=predicted.precision,
        target=card.target,
        inputs=list(used),
        reference=prepared.reference_name,
        **{UNLIKENESS: unlikeness(bundle, features)},
        searched="everywhere" if search.vertebrae is None else f"within {AROUND_MM:.0f} mm of the vertebrae",
    )
    told = unlike_note(made) + checked + notes + prepared.notes + predicted.notes
    progress(1.0, "Done")
    return SegmentResult(probability, mask, labels, lesions, made, told, prepared.images)
