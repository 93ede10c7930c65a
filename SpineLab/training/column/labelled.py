"""Cases of the column out of CTs whose vertebrae somebody labelled; what the labels leave out, a network says."""

from __future__ import annotations

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle
from SpineLib.networks.column import ColumnNet
from SpineLib.progress import Progress, silent
from SpineLib.tasks.column.find import TASK, ColumnPreparation
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.parts import ARCH, BACKGROUND, BODY, OF_A_VERTEBRA, OTHER_BONE, SACRUM
from SpineLib.tasks.column.predict import predict_column
from SpineLib.volume.levels import DOWNWARDS, VERSE_NUMBERS
from SpineLib.volume.volume import Volume

#: Bone that is no labelled vertebra, HU.
_BONE_HU = 180.0


def labelled_case(
    ct: Volume, labels: Volume, bundle: ModelBundle, other: np.ndarray | None = None, progress: Progress = silent
) -> dict[str, np.ndarray]:
    """Arrays of a case, for :func:`SpineLab.training.column.cases.write_column_case`.

    Body and arch within a labelled vertebra, and discs, canal and a sacrum without label, are the network's; within the
    slices that hold labels, what it takes for a vertebra beyond them becomes other bone or background.

    Args:
        ct: HU.
        labels: VerSe's numbers, on the CT's grid.
        bundle: a network of the column, e.g. one trained on simulated CTs.
        other: bool, on the CT's grid: ribs and other bone that is labelled.
        progress: told at each window.

    Raises:
        SpineError: the model is for another task, the labels are not on the CT's grid, or hold no vertebra.
    """
    if bundle.card.task != TASK or "CT" not in bundle.card.inputs:
        raise SpineError(f"The model '{bundle.card.id}' is for {bundle.card.task}; choose one for {TASK} on CT.")
    if not labels.same_grid(ct, 0.1):
        raise SpineError("The labels are not on their CT's grid; export them again.")
    if not np.isin(labels.array, DOWNWARDS[:-1]).any():
        raise SpineError("The labels hold no vertebra; choose another file, or give its numbering with --numbers.")
    preparation = ColumnPreparation.from_dict(bundle.card.preparation)
    grid = ColumnGrid.of(ct, preparation.spacing)
    network = bundle.network()
    assert isinstance(network, ColumnNet)
    z, y, x = bundle.card.patch
    probability, _, _, _ = predict_column(grid.image, network, (z, y, x), preparation.normalised, progress=progress)
    instances = _on(grid, labels)
    parts = probability.argmax(0).astype(np.uint8)
    sacral = instances == VERSE_NUMBERS["S"]
    own = (instances > 0) & ~sacral
    rows = np.flatnonzero(own.any(axis=(1, 2)))
    within = np.zeros(own.shape, bool)
    within[rows[0] : rows[-1] + 1] = True
    false = within & ~own & np.isin(parts, OF_A_VERTEBRA)
    parts[false] = np.where(grid.image[false] > _BONE_HU, OTHER_BONE, BACKGROUND)
    parts[own] = np.where(probability[BODY][own] >= probability[ARCH][own], BODY, ARCH)
    parts[sacral] = SACRUM
    if other is not None:
        parts[(_on(grid, labels.with_array(other.astype(np.uint8))) > 0) & (instances == 0)] = OTHER_BONE
    return {
        "image": np.clip(grid.image, -1000, 2000).astype(np.float16),
        "parts": parts,
        "instances": instances,
        "spacing": np.array(grid.spacing),
        "real": np.array(True),
    }


def _on(grid: ColumnGrid, labels: Volume) -> np.ndarray:
    """Labels on the network's grid: each voxel the label that most of it has."""
    best = np.zeros(grid.image.shape, np.float32)
    found = np.zeros(grid.image.shape, np.uint8)
    for number in np.unique(labels.array):
        if number == 0:
            continue
        share = ColumnGrid.of(labels.with_array((labels.array == number).astype(np.float32)), grid.spacing).image
        better = share > np.maximum(best, 0.5)
        found[better], best[better] = number, share[better]
    return found
