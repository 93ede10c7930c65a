"""Healthy patients with lesions painted into their vertebrae, called so wherever they go."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from SpineLab.cohort.writer import Patient, Source
from SpineLab.training.ct_lesions.painting import paint
from SpineLib.cohort.origin import PAINTED
from SpineLib.errors import SpineError
from SpineLib.phantom.paint import RATIOS, paint_lesions
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.resampling import resample_like

#: Sequences whose signal in a lesion is known.
_PAINTABLE = tuple(next(iter(RATIOS.values())))


def with_painted(source: Source, count: int) -> Source:
    """The same patients with so many lesions painted into vertebrae of each that has no lesion mask.

    Args:
        source: patients with vertebrae.
        count: of lesions on MR; on CT one to three, as :func:`SpineLab.training.ct_lesions.painting.paint` draws them.
    """
    return replace(
        source,
        title=f"{source.title}; with painted lesions ({count})",
        patients=tuple((name, partial(_painted, read, count)) for name, read in source.patients),
    )


def _painted(read: Callable[[], Patient], count: int) -> Patient:
    patient = read()
    if "lesion" in patient.labels:
        return patient
    if "vertebrae" not in patient.labels:
        raise SpineError("no vertebrae to paint lesions into")
    seed = int(hashlib.sha256(patient.name.encode()).hexdigest()[:8], 16)
    vertebrae = patient.labels["vertebrae"]
    images = {key: one if isinstance(one, Volume) else read_volume(one, key) for key, one in patient.images.items()}
    if patient.kind == "ct":
        on_ct = resample_like(vertebrae, images["CT"], nearest=True)
        ct, lesions = paint(images["CT"], on_ct, np.random.default_rng(seed))
        return replace(patient, images={"CT": ct}, labels={**patient.labels, "lesion": lesions}, origin=PAINTED)
    known = {key: resample_like(one, vertebrae) for key, one in images.items() if key in _PAINTABLE}
    if not known:
        raise SpineError(f"no {' or '.join(_PAINTABLE)} to paint lesions into")
    present = len(np.unique(vertebrae.array)) - 1
    painted, lesions, facts = paint_lesions(known, vertebrae, seed, min(count, present))
    return replace(
        patient,
        images=painted,
        labels={**patient.labels, "lesion": lesions},
        origin=PAINTED,
        facts={**patient.facts, "painted.json": json.dumps({"lesions": facts}, indent=1) + "\n"},
    )
