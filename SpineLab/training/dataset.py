"""Prepared cases on disk, memory-mapped, and the samples drawn from them."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.cohort.mr import Case, Cohort
from SpineLib.errors import SpineError
from SpineLib.progress import Progress, silent
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
    key = json.dumps([_VERSION, str(cohort.folder.resolve()), inputs, preparation, *what], sort_keys=True)
    root = root or cohort.folder.resolve().with_name(cohort.folder.resolve().name + "-prepared")
    name = "-".join([*inputs, *([label] if label != "lesion" else [])])
    return root / (name + "-" + hashlib.sha256(key.encode()).hexdigest()[:12])


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
    todo = [case for case in cohort.cases if not _is_current(case, inputs, label, folder / case.name)]
    prepare_each(prepare_case, [(case, inputs, preparation, folder, label) for case in todo], processes, progress)
    return [open_case(folder / case.name) for case in cohort.cases]


def prepare_each(function: Callable[..., None], work: list[tuple], processes: int, progress: Progress = silent) -> None:
    """Call ``function(*arguments)`` for each case's arguments in ``work``, several at a time in processes."""
    if processes == 1 or len(work) == 1:
        for done, arguments in enumerate(work):
            progress(done / len(work), f"Preparing case {done + 1} of {len(work)}")
            function(*arguments)
    elif work:
        # Spawned, not forked: a fork of a process with running threads may hang.
        with ProcessPoolExecutor(
            processes, mp_context=multiprocessing.get_context("spawn"), initializer=_start_process
        ) as pool:
            jobs = [pool.submit(function, *arguments) for arguments in work]
            try:
                for done, job in enumerate(as_completed(jobs), start=1):
                    job.result()
                    progress(done / len(work), f"Prepared case {done} of {len(work)}")
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise


def prepare_case(
    case: Case, inputs: tuple[str, ...], preparation: dict[str, Any], folder: Path, label: str = "lesion"
) -> None:
    """Prepare one case, with ``label`` as what is learned, and write it to ``folder / case.name``."""
    from SpineLib.preprocess import Preparation, prepare
    from SpineLib.volume import read_volume

    try:
        prepared = prepare(
            {name: read_volume(case.sequences[name], name) for name in inputs}, Preparation.from_dict(preparation)
        )
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {error}") from error
    lesions = label_on_grid(read_volume(case.labels[label]), prepared)
    centres, boxes = _measure(lesions)
    rng = np.random.default_rng(int(hashlib.sha256(case.name.encode()).hexdigest()[:8], 16))
    first = prepared.channels[0]
    low, high = np.percentile(first[::2, ::4, ::4], (1, 99))
    body = _random_points(first > low + 0.15 * (high - low), rng)
    vertebrae = np.zeros((0, 3), np.int16)
    if "vertebrae" in case.labels:
        vertebrae = _random_points(label_on_grid(read_volume(case.labels["vertebrae"]), prepared, binary=True) > 0, rng)
    alike = np.zeros((0, 3), np.int16)
    if label == "necrosis" and "lesion" in case.labels:
        metastases = label_on_grid(read_volume(case.labels["lesion"]), prepared, binary=True)
        alike = _random_points((metastases > 0) & (lesions == 0), rng)
    facts = {
        "name": case.name,
        "spacing": [float(v) for v in prepared.spacing],
        "centres": centres,
        "boxes": boxes,
        "notes": list(prepared.notes),
        "files": _fingerprint(case, inputs, label),
    }
    # Each process has its own temporary folder: two trainings may prepare the same cohort at once.
    with tempfile.TemporaryDirectory(dir=folder, prefix=".part-") as name:
        part = Path(name) / case.name
        part.mkdir()
        np.save(part / "channels.npy", prepared.channels.astype(np.float16))
        np.save(part / "lesions.npy", lesions)
        np.save(part / "body.npy", body)
        np.save(part / "vertebrae.npy", vertebrae)
        np.save(part / "alike.npy", alike)
        (part / "case.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        if (folder / case.name).exists():
            if _is_current(case, inputs, label, folder / case.name):
                return  # Another training was faster.
            os.replace(folder / case.name, Path(name) / "old")
        os.replace(part, folder / case.name)


def open_case(folder: Path) -> PreparedCase:
    """Map a prepared case into memory; copy-on-write, since torch takes no read-only arrays."""
    facts = json.loads((folder / "case.json").read_text(encoding="utf-8"))
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


def label_on_grid(label, prepared, *, binary: bool = False) -> np.ndarray:
    """A label volume on the prepared grid, uint8 (s, y, x).

    Each label is interpolated linearly and kept where at least one half, so contours stay smooth between the slices.

    Args:
        label: ``Volume`` of integers, on any grid that covers the reference's.
        prepared: ``SpineLib.preprocess.Prepared``.
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


def _fingerprint(case: Case, inputs: tuple[str, ...], label: str) -> list:
    files = [case.sequences[name] for name in inputs] + [case.labels[label]]
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def _is_current(case: Case, inputs: tuple[str, ...], label: str, folder: Path) -> bool:
    try:
        kept = json.loads((folder / "case.json").read_text(encoding="utf-8"))["files"]
        return kept == _fingerprint(case, inputs, label)
    except (OSError, ValueError, KeyError):
        return False


def _start_process() -> None:
    import SimpleITK as sitk

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its processes.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
