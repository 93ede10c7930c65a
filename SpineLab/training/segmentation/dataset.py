"""Prepared cases on disk, memory-mapped, and the samples drawn from them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from SpineLab.cohort.same import voxels_key
from SpineLab.training.cases import fingerprint, folder_beside, is_current, prepare_each, read_case, write_case
from SpineLib.cohort.masks import check_on_image, vertebrae_on
from SpineLib.cohort.mr import Case, Cohort
from SpineLib.errors import SpineError
from SpineLib.preprocess import Preparation, Prepared, prepare
from SpineLib.progress import Progress, silent
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.resampling import resample_like

_VERSION = 1
_POINTS = 4096


@dataclass(frozen=True)
class PreparedCase:
    """One case in the cache; arrays are memory maps.

    Attributes:
        name: "sub-001".
        folder: where it lies in the cache.
        channels: (c, s, y, x) float16, prepared by ``SpineLib.preprocess.prepare``.
        lesions: (s, y, x) uint8 ids of what is learned, metastases or necrosis zones; 0 outside.
        spacing: along (s, y, x), mm.
        centres: centre of each lesion, shape (n, 3), index (s, y, x).
        boxes: first and last index of each lesion, shape (n, 2, 3).
        body: random places inside the body, shape (m, 3); vertebrae: likewise inside vertebrae, may be empty.
        alike: likewise inside metastases that are not to be marked, where necrosis is learned; else empty.
    """

    name: str
    folder: Path
    channels: np.ndarray
    lesions: np.ndarray
    spacing: tuple[float, float, float]
    centres: np.ndarray
    boxes: np.ndarray
    body: np.ndarray
    vertebrae: np.ndarray
    alike: np.ndarray

    def __reduce__(self):
        """Another process maps the files itself; pickling a memory map would copy its gigabytes."""
        return open_case, (self.folder,)


def cache_folder(
    cohort: Cohort,
    inputs: tuple[str, ...],
    preparation: dict[str, Any],
    root: Path | None = None,
    *,
    label: str = "lesion",
) -> Path:
    """The folder of the cases prepared in this way, beside the cohort unless ``root`` is given."""
    what = [cohort.session, label] if cohort.session or label != "lesion" else []
    name = "-".join([*inputs, *([label] if label != "lesion" else [])])
    return folder_beside(cohort.folder, name, _VERSION, inputs, preparation, *what, root=root)


def prepare_cases(
    cohort: Cohort,
    inputs: tuple[str, ...],
    preparation: dict[str, Any],
    folder: Path,
    *,
    label: str = "lesion",
    processes: int = 2,
    progress: Progress = silent,
) -> list[PreparedCase]:
    """Prepare all cases of the cohort that ``folder`` does not hold yet, and open them.

    A case is written beside its place and then renamed, so an interrupted preparation goes on where it was.

    Raises:
        SpineError: a case cannot be read or prepared.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cohort.cases if not _current(case, inputs, label, folder)]
    prepare_each(prepare_case, [(case, inputs, preparation, folder, label) for case in todo], processes, progress)
    return [open_case(folder / case.name) for case in cohort.cases]


def _current(case: Case, inputs: tuple[str, ...], label: str, folder: Path) -> bool:
    """Cases of simulated patients that an older version prepared are as this one would make them; others are not."""
    more = {} if case.numbered else {"numbered": False}
    return is_current(folder / case.name, files=_files(case, inputs, label), **more)


def prepare_case(
    case: Case, inputs: tuple[str, ...], preparation: dict[str, Any], folder: Path, label: str = "lesion"
) -> None:
    """Prepare one case, with ``label`` as what is learned, and write it to ``folder / case.name``."""
    try:
        images = {name: read_volume(case.sequences[name], name) for name in inputs}
        prepared = prepare(images, Preparation.from_dict(preparation))
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error
    lesions = label_on_grid(_mask(case, label, prepared.reference), prepared)
    centres, boxes = _measure(lesions)
    rng = np.random.default_rng(int(hashlib.sha256(case.name.encode()).hexdigest()[:8], 16))
    first = prepared.channels[0]
    low, high = np.percentile(first[::2, ::4, ::4], (1, 99))
    body = _random_points(first > low + 0.15 * (high - low), rng)
    vertebrae = np.zeros((0, 3), np.int16)
    if "vertebrae" in case.labels:
        bones = _vertebrae(case, prepared.reference)
        vertebrae = _random_points(label_on_grid(bones, prepared, binary=True) > 0, rng)
    alike = np.zeros((0, 3), np.int16)
    if label == "necrosis" and "lesion" in case.labels:
        metastases = label_on_grid(_mask(case, "lesion", prepared.reference), prepared, binary=True)
        alike = _random_points((metastases > 0) & (lesions == 0), rng)
    arrays = {
        "channels": prepared.channels.astype(np.float16),
        "lesions": lesions,
        "body": body,
        "vertebrae": vertebrae,
        "alike": alike,
    }
    facts = {
        "spacing": [float(v) for v in prepared.spacing],
        "centres": centres,
        "boxes": boxes,
        "notes": list(prepared.notes),
        "files": _files(case, inputs, label),
        "numbered": case.numbered,
        "voxels": voxels_key(images[inputs[0]]),
    }
    write_case(folder, case.name, arrays, facts)


def open_case(folder: Path) -> PreparedCase:
    """Map a prepared case into memory; copy-on-write, since torch takes no read-only arrays."""
    facts = read_case(folder)
    return PreparedCase(
        name=facts["name"],
        folder=folder,
        channels=np.load(folder / "channels.npy", mmap_mode="c"),
        lesions=np.load(folder / "lesions.npy", mmap_mode="c"),
        spacing=tuple(facts["spacing"]),
        centres=np.array(facts["centres"], dtype=float).reshape(-1, 3),
        boxes=np.array(facts["boxes"], dtype=int).reshape(-1, 2, 3),
        body=np.load(folder / "body.npy"),
        vertebrae=np.load(folder / "vertebrae.npy"),
        alike=np.load(alike) if (alike := folder / "alike.npy").is_file() else np.zeros((0, 3), np.int16),
    )


def _mask(case: Case, label: str, image: Volume) -> Volume:
    """What is learned, checked to lie on the image."""
    if label == "vertebrae":
        mask = _vertebrae(case, image)
        if mask.array.max() <= 255:
            return mask
        values, counted = np.unique(mask.array, return_inverse=True)
        return mask.with_array(counted.reshape(mask.shape).astype(np.uint16) + np.uint16(values[0] > 0))
    lesions = case.lesions(label)
    try:
        check_on_image(lesions, image, label)
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error
    return lesions


def _vertebrae(case: Case, image: Volume) -> Volume:
    try:
        return vertebrae_on(case.labels["vertebrae"], image)
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error


def label_on_grid(label: Volume, prepared: Prepared, *, binary: bool = False) -> np.ndarray:
    """A label volume on the prepared grid, uint8 (s, y, x).

    Each label is interpolated linearly and kept where at least one half, so contours stay smooth between the slices.

    One that is too thin for the grid keeps its densest voxels.

    Args:
        label: integers up to 255, on any grid that covers the reference's.
        prepared: has the grid.
        binary: all labels become 1.
    """
    array = resample_like(label, prepared.reference, nearest=True).array
    if binary:
        array = (array > 0).astype(np.uint8)
    out = np.zeros(prepared.channels.shape[1:], np.uint8)
    best = np.full(out.shape, 0.5, np.float32)
    for value in np.unique(array[array > 0]):
        share = prepared.from_input((array == value).astype(np.float32))
        inside = share >= best
        if (
            not inside.any()
        ):  # thinner than the grid: its densest voxels stand for it, or it would be learned as healthy
            inside = share >= max(float(share.max()), 1e-3)
        out[inside] = value
        best[inside] = share[inside]
    return out


def _measure(lesions: np.ndarray) -> tuple[list, list]:
    centres, boxes = [], []
    for value in np.unique(lesions[lesions > 0]):
        where = np.argwhere(lesions == value)
        centres.append([float(v) for v in where.mean(axis=0)])
        boxes.append([[int(v) for v in where.min(axis=0)], [int(v) for v in where.max(axis=0)]])
    return centres, boxes


def _random_points(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    flat = np.flatnonzero(mask)
    if flat.size == 0:
        return np.zeros((0, 3), np.int16)
    chosen = rng.choice(flat, size=min(_POINTS, flat.size), replace=False)
    return np.stack(np.unravel_index(chosen, mask.shape), axis=1).astype(np.int16)


def _files(case: Case, inputs: tuple[str, ...], label: str) -> list:
    beside = ("vertebrae", "lesion") if label == "necrosis" else ("vertebrae",)
    masks = [case.labels[key] for key in dict.fromkeys((label, *beside)) if key in case.labels]
    return fingerprint([*(case.sequences[name] for name in inputs), *masks])
