"""What scans like those of the training look like to a model: features of a cohort, and what is fitted to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.cohort.mr import Cohort
from SpineLib.errors import SpineError
from SpineLib.inference.features import Features
from SpineLib.inference.predict import Layout, predict
from SpineLib.models.bundle import ModelBundle, save_likeness
from SpineLib.models.likeness import LEVELS, fitted
from SpineLib.preprocess import Preparation, prepare
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.segmentation.where import Search
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.segments import read_mask


@dataclass(frozen=True)
class LikenessResult:
    """Attributes:
    bundle: with its likeness.
    unlikeness: of each scan, by what was fitted to others.
    """

    bundle: ModelBundle
    unlikeness: np.ndarray


def add_likeness(bundle: ModelBundle, cohorts: Iterable[Cohort], progress: Progress = silent) -> LikenessResult:
    """Fit a likeness to the scans of cohorts and put it into the bundle's folder.

    Patients whose contrasts were drawn at random (``spine phantom --randomised``) are left out: scans do not look so.

    Args:
        bundle: a 2D model.
        cohorts: of patients with the label "vertebrae".

    Raises:
        SpineError: too few patients, or none of the model's sequences.
        Cancelled: by ``progress``.
    """
    cases = [
        case
        for cohort in cohorts
        for case in cohort.cases
        if not cohort.truth(case).get("domain_randomised") and bundle.card.inputs_of(case.sequences)
    ]
    scans = []
    for number, case in enumerate(cases):
        share = part(progress, number / len(cases), (number + 1) / len(cases))
        share(0.0, case.name)
        used = bundle.card.inputs_of(case.sequences)
        images = {name: read_volume(case.sequences[name], name) for name in used}
        rows = features_of(images, bundle, read_mask(case.labels["vertebrae"], "vertebrae"))
        if rows:
            scans.append(rows)
    return put_likeness(bundle, scans)


def put_likeness(bundle: ModelBundle, scans: Sequence[Sequence[np.ndarray]]) -> LikenessResult:
    """Fit a likeness to features of scans and put it into the bundle's folder."""
    likeness, apart = fitted(scans)
    return LikenessResult(save_likeness(Path(bundle.folder), likeness), apart)


def features_of(images: dict[str, Volume], bundle: ModelBundle, vertebrae: Volume) -> list[np.ndarray]:
    """The features of one scan by level, as a segmentation around the vertebrae sees them.

    Raises:
        SpineError: the model has none: it is 3D, or of another program.
    """
    card = bundle.card
    if (
        card.network["type"] != "unet"
        or card.network["dimensions"] != 2
        or card.preparation.get("whitening") == "patch"
    ):
        raise SpineError(f"The model '{card.id}' is no 2D U-Net on whole slices, so a likeness cannot be fitted.")
    prepared = prepare(images, Preparation.from_dict(card.preparation))
    search = Search.around(prepared, vertebrae)
    if search.vertebrae is None:
        return []
    features = Features(search.vertebrae[search.box], LEVELS, len(card.network["widths"]))
    predict(
        prepared.channels[(slice(None), *search.box)],
        bundle.network(),
        layout=Layout.of(card.network, card.inputs, tuple(images), prepared.spacing[0]),
        features=features,
    )
    return features.of_scan()
