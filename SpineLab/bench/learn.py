"""``spine bench learn``: what a few corrected patients of another scanner bring, and what is lost on the old one."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from SpineLab.bench.learn_scan import told_scan
from SpineLab.evaluation.segmentation import evaluate
from SpineLab.learning.patients import add_patient
from SpineLab.learning.training import TuneSettings
from SpineLab.learning.tune import base_of, label_of, tune
from SpineLib.cohort.corrections import WORK, read_comparison, read_corrections, read_state
from SpineLib.cohort.mr import Cohort, read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle, find_bundle, load_bundle
from SpineLib.phantom import PhantomSettings, write_cohort
from SpineLib.progress import Progress, part, silent
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.segments import read_mask

#: Marrow of the other scanner's patients against the simulated training patients': richer in cells, so darker on T1 and
#: brighter on fluid-sensitive sequences, and patchy, as in many real scans of the spine.
_MARROW = {"T1": 0.7, "ceT1": 0.7}
_MARROW_ELSE, _PATCHY = 1.2, 0.1
#: Patients of the other scanner that nobody learned from, and patients of the old one.
UNSEEN, OLD = 6, 6


def another_scanner(image: Volume, rng: np.random.Generator) -> Volume:
    """The image as another scanner would have made it: outside of what the simulated training patients show.

    Flatter contrast (an exponent), a coil that lights the back four times as much as the front, blurred detail, and
    twice the usual noise. The same generator gives the same image.

    Args:
        image: sagittal, (k, j, i).
        rng: for the noise.
    """
    array = image.array.astype(np.float32)
    scale = float(np.percentile(array, 99.5)) or 1.0
    array = np.clip(array / scale, 0, 2) ** 0.55
    array = ndimage.gaussian_filter(array, (0, 1.2, 1.2))
    posterior = image.direction[1]  # how far each index axis leads to the back
    axis = int(np.argmax(np.abs(posterior)))
    ramp = np.linspace(0.0, 1.0, image.shape[2 - axis])
    ramp = ramp if posterior[axis] > 0 else ramp[::-1]
    coil = np.exp(np.log(4.0) * (ramp - 1.0))
    array *= coil.reshape([-1 if n == 2 - axis else 1 for n in range(3)])
    array = np.hypot(array + rng.normal(0, 0.06, array.shape), rng.normal(0, 0.06, array.shape))
    return image.with_array((array * 1000).astype(np.int16))


def with_red_marrow(image: Volume, name: str, marrow: np.ndarray, rng: np.random.Generator) -> Volume:
    """The image with another, patchy signal of the marrow; what is no marrow stays.

    Args:
        image: sagittal, (k, j, i).
        name: of the sequence.
        marrow: bool, on the image's grid: vertebrae without their lesions.
        rng: for the patches.
    """
    soft = ndimage.gaussian_filter(marrow.astype(np.float32), (0, 1, 1))
    patches = ndimage.gaussian_filter(rng.standard_normal(marrow.shape), (1, 6, 6))
    patches /= patches.std() or 1.0
    factor = 1 + soft * (_MARROW.get(name, _MARROW_ELSE) - 1 + _PATCHY * patches)
    return image.with_array(image.array.astype(np.float32) * factor.astype(np.float32))


def measure(model: str, seed: int, minutes: float, patients: int, folder: Path, progress: Progress = silent) -> dict:
    """Correct ``patients`` of another scanner, fine-tune, and compare on others of that scanner and on the old one.

    Everything is kept in ``folder``; the same call goes on there after an interruption.

    Args:
        model: id or folder of the model to start from.
        seed: of the patients.
        minutes: of training.
        patients: that are corrected.
        folder: gets patients and training.
        progress: may raise ``Cancelled``.

    Raises:
        SpineError: the model segments no metastases.
    """
    base = base_of(find_bundle(model))
    if label_of(base.card) != "lesion":
        raise SpineError(f"The model '{base.card.id}' segments no metastases; choose another one.")
    inputs = base.card.inputs
    settings = PhantomSettings(sequences=inputs, healthy=0.0)
    plain = write_cohort(
        folder / "plain", patients + UNSEEN, 31000 + seed, settings, 2, part(progress, 0, 0.05), ".nii"
    )
    old = write_cohort(folder / "old", OLD, 32000 + seed, settings, 2, part(progress, 0.05, 0.08), ".nii")
    shifted = _shifted(read_cohort(plain, inputs, labels=("lesion", "vertebrae")), folder / "other", seed)
    learned, unseen = shifted.cases[:patients], replace(shifted, cases=shifted.cases[patients:])
    training_set = folder / "set"
    there = len(read_corrections(training_set))
    for case in learned[there:]:
        images = {name: read_volume(case.sequences[name], name) for name in inputs}
        add_patient(training_set, images, case.lesions(), "lesion", simulated=True)
    started = time.monotonic()
    if read_state(training_set).proposed and read_comparison(training_set):
        comparison = read_comparison(training_set)
    else:
        comparison = tune(training_set, str(base.folder), TuneSettings(minutes=minutes), part(progress, 0.1, 0.8))
    seconds = time.monotonic() - started
    new = load_bundle(training_set / WORK / "proposed")
    cohort = read_cohort(old, inputs, labels=("lesion",))
    return {
        "kind": "learn",
        "model": base.card.id,
        "inputs": list(inputs),
        "patients": patients,
        "minutes": minutes,
        "seconds": round(seconds, 1),
        "unseen": _dice(unseen, base, new, part(progress, 0.8, 0.9)),
        "old": _dice(cohort, base, new, part(progress, 0.9, 1.0)),
        "held_back": {role: comparison["summary"]["patients"][role]["dice"] for role in ("former", "new")},
    }


def _shifted(cohort: Cohort, folder: Path, seed: int) -> Cohort:
    """The cohort as the other scanner shows it; masks stay where they are."""
    cases = []
    for number, case in enumerate(cohort.cases):
        sequences = {}
        vertebrae = read_mask(case.labels["vertebrae"], "vertebrae").array > 0
        marrow = vertebrae & (case.lesions().array == 0)
        for order, (name, file) in enumerate(sorted(case.sequences.items())):
            target = folder / f"simulated_{case.name}_{name}.nii"
            if not target.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                rng = np.random.default_rng([seed, number, order])
                image = with_red_marrow(read_volume(file, name), name, marrow, rng)
                write_volume(another_scanner(image, rng), target)
            sequences[name] = target
        cases.append(replace(case, sequences=sequences))
    return replace(cohort, cases=tuple(cases))


def _dice(cohort: Cohort, base: ModelBundle, new: ModelBundle, progress: Progress) -> dict[str, float]:
    rows = evaluate(cohort, [base, new], progress=progress).summary
    by_id = {row["model"]: row["dice_mean"] for row in rows}
    return {"former": round(by_id[base.card.id], 4), "new": round(by_id[new.card.id], 4)}


def told(figures: dict) -> str:
    """The figures in a few lines."""
    if figures["kind"] == "learn-scan":
        return told_scan(figures)
    lines = [
        f"{figures['patients']} corrected patients of another scanner (simulated), {' + '.join(figures['inputs'])}, "
        f"{figures['minutes']:g} min of training, {figures['seconds'] / 60:.1f} min in all, from {figures['model']}:"
    ]
    names = {
        "unseen": f"Dice on {UNSEEN} others of that scanner",
        "held_back": "Dice on those held back, in turn",
        "old": f"Dice on {OLD} of the old scanner",
    }
    for key, name in names.items():
        former, new = figures[key]["former"], figures[key]["new"]
        if former is not None and new is not None:
            lines.append(f"  {name}: {former:.3f} -> {new:.3f} ({new - former:+.3f})")
    return "\n".join(lines)
