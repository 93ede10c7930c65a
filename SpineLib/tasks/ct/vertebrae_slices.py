"""Vertebrae of a CT by a network that looks at axial slices (V-Net or U-Net; Miao, section II.B): bone, then split."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle
from SpineLib.preprocess.ct import CtPreparation, axial_orientation, prepare_ct
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.found import Found
from SpineLib.tasks.ct.vertebra_split import split_vertebrae
from SpineLib.volume.levels import DOWNWARDS, FIRST_COUNTED, VERSE
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume


def bone_of_slices(
    ct: Volume,
    bundle: ModelBundle,
    threshold: float,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> tuple[Volume, str, str, list[str]]:
    """Probability of bone of a vertebra on the CT's own grid, device, precision, and sentences.

    Raises:
        SpineError, Cancelled: as :func:`SpineLib.inference.predict.predict`.
    """
    from SpineLib.inference.predict import predict

    prepared = prepare_ct(ct, CtPreparation.from_dict(bundle.card.preparation), part(progress, 0.0, 0.1))
    predicted = predict(
        prepared.channels,
        bundle.network(),
        threshold=threshold,
        device=device,
        precision=precision,
        progress=part(progress, 0.1, 1.0),
    )
    progress(1.0, "Putting the slices together")
    bone = prepared.to_input(predicted.probability, "probability")
    return bone, predicted.device, predicted.precision, list(predicted.notes)


def find_by_slices(
    ct: Volume,
    bundle: ModelBundle,
    threshold: float,
    first: str = "",
    smallest_ml: float = 1.0,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> Found:
    """Find the bone, then tell the vertebrae apart; arguments as in
    :class:`SpineLib.tasks.ct.vertebrae.VertebraeSettings`.

    Raises:
        SpineError: as :func:`bone_of_slices`, or there are more vertebrae than levels below ``first``.
        Cancelled: by ``progress``.
    """
    bone, where, how, notes = bone_of_slices(ct, bundle, threshold, device, precision, part(progress, 0.0, 0.8))
    progress(0.8, "Separating the vertebrae")
    turn = axial_orientation(ct)
    spacing = triple(ct.spacing[2 - axis] for axis in turn.axes)
    numbers = split_vertebrae(
        np.ascontiguousarray(turn.apply(bone.array)), threshold, spacing, part(progress, 0.8, 1.0)
    )
    labels = ct.with_array(np.ascontiguousarray(turn.undo(numbers)), "vertebrae")
    labels, named = _named(_without_small(labels, smallest_ml), first)
    if not named and labels.array.any():
        notes.append(
            "The vertebrae are counted from the most cranial one that is seen; give its level to have them named."
        )
    return Found(labels, bone, named, where, how, notes)


def _without_small(labels: Volume, smallest_ml: float) -> Volume:
    """Vertebrae below that volume left out, the others counted anew."""
    counts = np.bincount(labels.array.ravel(), minlength=256)
    kept = np.flatnonzero(counts * labels.voxel_volume_ml >= max(smallest_ml, 1e-9))
    table = np.zeros(256, np.uint8)
    table[kept[kept > 0]] = np.arange(1, np.count_nonzero(kept > 0) + 1)
    return labels.with_array(table[labels.array])


def _named(labels: Volume, first: str) -> tuple[Volume, bool]:
    """The labels with VerSe numbers from the level ``first`` on, and whether they have them; without it counted ones.

    Raises:
        SpineError: there are more vertebrae than levels below ``first``.
    """
    if not first:
        counted = labels.array.astype(np.uint8)
        return labels.with_array(np.where(counted > 0, counted + np.uint8(FIRST_COUNTED - 1), counted)), False
    numbers = DOWNWARDS[[VERSE[number] for number in DOWNWARDS].index(first) :]
    count = int(labels.array.max())
    if count > len(numbers):
        raise SpineError(
            f"{count} vertebrae were found, and from {first} down there are {len(numbers)}; correct the "
            "name of the most cranial one."
        )
    table = np.zeros(256, np.uint8)
    table[1 : count + 1] = numbers[:count]
    return labels.with_array(table[labels.array]), True
