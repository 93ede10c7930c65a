"""What the completion learns from: vertebrae with pieces cut away, as the repair sees them, and what was there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.training.completion.damage import KINDS, damage
from SpineLab.training.completion.deform import deformed
from SpineLab.training.completion.reach import REACHES
from SpineLab.training.labels import SACRUM, label_key, thinned
from SpineLib.errors import SpineError
from SpineLib.geometry.signed_distance import sampled, signed_distance
from SpineLib.preprocess.vertebra_frame import Column, vertebra_frame
from SpineLib.preprocess.vertebra_landmarks import landmarks
from SpineLib.progress import Progress, silent
from SpineLib.tasks.inpainting.completion import CUT_MM, completion_inputs
from SpineLib.tasks.inpainting.inpaint import fit
from SpineLib.tasks.inpainting.site import border_contact_mm2, site_of
from SpineLib.tasks.inpainting.templates import Neighbour, neighbours_of
from SpineLib.volume import read_volume
from SpineLib.volume.volume import Volume

#: The lesion's margin is drawn from these (mm); a vertebra stands alone so often.
_MARGINS_MM, _ALONE = (0.5, 2.0), 0.08
#: How often what is cut away reaches far beyond the bone already when the templates are fitted.
_REACHING = 0.5
#: Values are kept as whole numbers of this many parts of 1.
_PARTS = 127
_VERSION = 3
#: Labels need not be finer than this, mm: the network's voxels have 1.5 mm.
_FINEST_MM = 1.3


@dataclass(frozen=True, eq=False)
class Sample:
    """One vertebra with a piece cut away.

    Attributes:
        patient, label, kind: whose, which, and what was cut away.
        simulated: whether the patient is.
        channels: int8 (7, w, v, u), ``completion_inputs`` in 1/127.
        truth: int8 (w, v, u), the whole vertebra's signed distance in 1/127 of ``CUT_MM``.
    """

    patient: str
    label: int
    kind: str
    simulated: bool
    channels: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True)
class Source:
    """A label file to cut vertebrae from.

    Attributes:
        patient: name of it.
        path: labels, a number a vertebra.
        simulated: whether the patient is.
        repeats: how often each vertebra is deformed, beside once as it is.
    """

    patient: str
    path: Path
    simulated: bool
    repeats: int = 0


def whole_vertebrae(column: Column) -> list[int]:
    """Numbers of the vertebrae that the image's border does not cut to speak of."""
    found = []
    for number, box in column.boxes.items():
        contact = border_contact_mm2(column.labels.array[box] == number, box, column.labels)
        if contact < 60 and number not in SACRUM:
            found.append(number)
    return found


def broken(column: Column, label: int, piece: Volume) -> tuple[Volume, Volume]:
    """Labels without a piece of one vertebra, and the piece as a lesion on the labels' grid.

    Args:
        piece: of ``damage``, a box of the labels' grid.
    """
    labels = column.labels
    start = np.rint((np.linalg.inv(labels.ijk_to_lps) @ [*piece.origin, 1.0])[:3]).astype(int)[::-1]
    box = tuple(slice(first, first + size) for first, size in zip(start, piece.shape))
    array, lesion = labels.array.copy(), np.zeros(labels.shape, np.uint8)
    lesion[box] = piece.array
    array[(lesion > 0) & (array == label)] = 0
    return labels.with_array(array), labels.with_array(lesion, "lesion")


def cut_samples(
    column: Column, label: int, kinds: Sequence[str], rng: np.random.Generator, patient: str, simulated: bool
) -> list[Sample]:
    """One sample of each kind of damage of one vertebra; none where body or canal are not found."""
    try:
        neighbours = neighbours_of(column, label)
        frame = vertebra_frame(column, label, neighbours=[one.frame for one in neighbours])
        marks = landmarks(column, label, frame)
    except SpineError:
        return []
    around = column.around(label, 20.0)
    truth = signed_distance(around.with_array((around.array == label).astype(np.uint8)), limit_mm=15.0)
    found = []
    for kind in kinds:
        piece = damage(column, label, frame, marks, kind, rng)
        used = [] if rng.random() < _ALONE else neighbours
        sample = _sample(column, label, piece, truth, used, rng.uniform(*_MARGINS_MM))
        if sample is not None:
            found.append(Sample(patient, label, kind, simulated, *sample))
    return found


def _sample(
    column: Column, label: int, piece: Volume, truth: Volume, neighbours: list[Neighbour], margin_mm: float
) -> tuple[np.ndarray, np.ndarray] | None:
    labels, lesion = broken(column, label, piece)
    try:
        fitted = fit(site_of(labels, lesion, label, margin_mm), neighbours)
    except SpineError:  # too little left
        return None
    inputs = completion_inputs(fitted.known, fitted.shapes)
    whole = np.clip(sampled(truth, fitted.known.grid, None) / CUT_MM, -1, 1)[inputs.box]
    return (np.rint(inputs.channels * _PARTS).astype(np.int8), np.rint(whole * _PARTS).astype(np.int8))


def read_samples(
    sources: Sequence[Source], cache: Path, seed: int = 0, damages: int = 4, progress: Progress = silent
) -> list[Sample]:
    """The samples of label files, made once and kept.

    Args:
        sources: where vertebrae come from.
        cache: folder that gets one file for each of them.
        seed: of damages and deformations.
        damages: kinds cut from each vertebra each time.

    Raises:
        SpineError: a file cannot be read, or none shows a whole vertebra.
    """
    cache.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, source in enumerate(sources):
        share = number / len(sources)
        progress(share, f"Cutting pieces from the vertebrae of {source.patient}")
        kept = cache / f"{_key(source, seed, damages)}.npz"
        if not kept.is_file():
            found = list(_of_source(source, seed, damages, lambda text, share=share: progress(share, text)))
            temporary = kept.with_name("part-" + kept.name)
            facts = [[one.patient, one.label, one.kind, one.simulated] for one in found]
            arrays = {f"{name}{n}": getattr(one, name) for n, one in enumerate(found) for name in ("channels", "truth")}
            np.savez_compressed(temporary, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
            temporary.replace(kept)
        with np.load(kept, allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            samples += [
                Sample(patient, label, kind, simulated, arrays[f"channels{n}"], arrays[f"truth{n}"])
                for n, (patient, label, kind, simulated) in enumerate(facts)
            ]
    if not samples:
        raise SpineError(
            "None of the label files shows a whole vertebra; give labels of the column, a number for each vertebra."
        )
    return samples


def _of_source(source: Source, seed: int, damages: int, report) -> Iterator[Sample]:
    column = Column.of(thinned(read_volume(source.path, "label"), _FINEST_MM))
    key = int(hashlib.sha256(source.patient.encode()).hexdigest()[:8], 16)
    for label in whole_vertebrae(column):
        for repeat in range(source.repeats + 1):
            report(f"Cutting pieces from vertebra {label} of {source.patient}, {repeat + 1} of {source.repeats + 1}")
            rng = np.random.default_rng([seed, key, label, repeat])
            current = column if repeat == 0 else Column.of(deformed(column, label, rng))
            kinds = [_reaching(str(kind), rng) for kind in rng.permutation(list(KINDS))[:damages]]
            if label in current.boxes:
                yield from cut_samples(current, label, kinds, rng, source.patient, source.simulated)


def _reaching(kind: str, rng: np.random.Generator) -> str:
    """The kind, or the same with a region far beyond the bone."""
    return f"{kind}-{rng.choice(REACHES[:3])}" if rng.random() < _REACHING else kind


def _key(source: Source, seed: int, damages: int) -> str:
    return label_key(source.path, _VERSION, source.patient, source.simulated, source.repeats, seed, damages)
