"""Likelihood maps of held-out patients beside the true lesions, as Wang et al. (2017) show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np

from SpineLab.studies.figures import overlay
from SpineLib.cohort.mr import Cohort
from SpineLib.models import load_bundle
from SpineLib.tasks.detection.detect import DetectSettings, detect
from SpineLib.volume import read_volume
from SpineLib.volume.resampling import resample_like


def likelihood_maps(
    cohort: Cohort, sequence: str, shown: Sequence[tuple[list[str], Mapping[str, Path]]], settings: DetectSettings
) -> str:
    """Of each fold the patient with the largest lesions: the slice with most of them under each network's map.

    Args:
        cohort: that the study is of.
        sequence: that the networks look at.
        shown: by fold the patients that it holds out, and by network the folder of its model.
        settings: that the folds were measured with.

    Returns:
        HTML.
    """
    cases, parts = {case.name: case for case in cohort.cases}, []
    for fold, (names, models) in enumerate(shown):
        volumes = {name: int(np.count_nonzero(cases[name].lesions().array)) for name in names}
        case = cases[max(volumes, key=volumes.__getitem__)]
        image = read_volume(case.sequences[sequence], sequence)
        parts.append(f"<h3>{escape(case.name)} ({escape(case.origin)}), held out by fold {fold + 1}</h3>")
        for name, folder in models.items():
            found = detect(image, load_bundle(folder), settings)
            truth = resample_like(case.lesions(), found.slices, nearest=True).array > 0
            where, grey = int(truth.sum(axis=(1, 2)).argmax()), resample_like(image, found.slices).array
            pixel = (found.slices.spacing[1], found.slices.spacing[0])
            for text, map_ in ((f"{name}, single slice", found.single), (f"{name}, aggregated", found.slices)):
                parts.append(overlay(grey[where], map_.array[where], truth[where], pixel, text))
    return "".join(parts)
