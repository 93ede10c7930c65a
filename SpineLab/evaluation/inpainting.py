"""How well vertebrae are repaired: healthy ones that pieces were cut from, and simulated ones as they were before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np

from SpineLab.training.completion.damage import EVALUATED, damage
from SpineLab.training.completion.samples import broken, whole_vertebrae
from SpineLab.training.labels import thinned
from SpineLib.cohort.ct import CtCase
from SpineLib.errors import SpineError
from SpineLib.geometry.shape import shape_of
from SpineLib.metrics.repair import repair_figures
from SpineLib.models.bundle import ModelBundle
from SpineLib.preprocess.vertebra_frame import Column, vertebra_frame
from SpineLib.preprocess.vertebra_landmarks import landmarks
from SpineLib.progress import Progress, silent
from SpineLib.tasks.ct.numbering import verse_numbers
from SpineLib.tasks.inpainting.inpaint import fill, fit
from SpineLib.tasks.inpainting.settings import METHOD_MODELS, InpaintSettings
from SpineLib.tasks.inpainting.site import Site, site_of
from SpineLib.volume.crop import crop
from SpineLib.volume.levels import level_name
from SpineLib.volume.segments import read_mask
from SpineLib.volume.simulated import simulated_files
from SpineLib.volume.volume import Volume
from SpineLib.words import counted

#: What a good repair has, as medians: mean and 95 % distance in mm, and the volume's error.
GOALS = {"mean_mm": 1.0, "p95_mm": 3.0, "volume_error": 0.03}
#: The kind of damage of simulated cases.
LESION = "simulated lesion"


@dataclass(frozen=True, eq=False)
class Damaged:
    """A vertebra to repair, and how it was.

    Attributes:
        case, simulated: whose it is, and whether the patient is simulated.
        kind: of damage.
        site: where is repaired.
        truth: the whole vertebra, uint8, in the site's box.
    """

    case: str
    simulated: bool
    kind: str
    site: Site
    truth: Volume


@dataclass(frozen=True)
class InpaintEvaluation:
    """Figures.

    Attributes:
        cases: one row a vertebra, kind of damage and method.
        summary: medians of each method over all, and of each kind ("all" is all of them); real and simulated apart.
    """

    cases: list[dict]
    summary: list[dict]


def damaged_vertebrae(
    path: Path,
    name: str = "",
    most: int | None = None,
    seed: int = 0,
    margin_mm: float = 1.0,
    kinds: Sequence[str] = EVALUATED,
) -> Iterator[Damaged]:
    """Healthy vertebrae of a label file, each with pieces of all kinds cut away, one after the other.

    Voxels finer than 1 mm are thinned to about that.

    Args:
        path: labels.
        name: of the case; the file's if empty.
        most: only so many vertebrae, spread over the column.
        seed: of the pieces.

    Raises:
        SpineError: it cannot be read, or shows no whole vertebra.
    """
    labels, _ = verse_numbers(thinned(read_mask(path, "label")))
    column = Column.of(labels)
    numbers, simulated = whole_vertebrae(column), simulated_files([path])
    if not numbers:
        raise SpineError(f"'{path.name}' shows no whole vertebra; give labels of the column, a number for each one.")
    if most is not None and most < len(numbers):
        numbers = [numbers[n] for n in np.unique(np.linspace(0, len(numbers) - 1, most).round().astype(int))]
    for number in numbers:
        try:
            frame = vertebra_frame(column, number)
            marks = landmarks(column, number, frame)
        except SpineError:  # no arch or body to cut from
            continue
        for which, kind in enumerate(kinds):
            piece = damage(column, number, frame, marks, kind, np.random.default_rng([seed, number, which]))
            left, lesion = broken(column, number, piece)
            try:
                site = site_of(left, lesion, number, margin_mm)
            except SpineError:
                continue
            truth = crop(labels.with_array((labels.array == number).astype(np.uint8)), site.box)
            yield Damaged(name or path.name.split(".")[0], simulated, kind, site, truth)


def simulated_lesions(case: CtCase, margin_mm: float = 1.0) -> Iterator[Damaged]:
    """The vertebrae of a simulated patient that a lesion took bone from."""
    assert case.intact is not None
    labels, intact = read_mask(case.vertebrae, "vertebrae"), read_mask(case.intact, "intact")
    lesions = case.lesions()
    for number in np.unique(lesions.array[lesions.array > 0]):
        own = lesions.array == number
        lost = np.bincount(intact.array[own & (labels.array != intact.array)].astype(np.int64), minlength=1)
        lost[0] = 0
        if lost.sum() * labels.voxel_volume_ml < 0.2:  # sclerotic: no bone is missing
            continue
        label = int(np.argmax(lost))
        try:
            site = site_of(labels, labels.with_array(own.astype(np.uint8)), label, margin_mm)
        except SpineError:  # nothing is left of it, or the image cuts it
            continue
        truth = crop(intact.with_array((intact.array == label).astype(np.uint8)), site.box)
        yield Damaged(case.name, True, LESION, site, truth)


def evaluate_inpaint(
    vertebrae: Iterator[Damaged],
    methods: Sequence[str],
    models: Mapping[str, ModelBundle],
    settings: InpaintSettings = InpaintSettings(),
    progress: Progress = silent,
) -> InpaintEvaluation:
    """Repair each vertebra by each method and compare with the truth.

    Args:
        vertebrae: of :func:`damaged_vertebrae` and :func:`simulated_lesions`.
        methods: of :data:`SpineLib.tasks.inpainting.settings.METHODS`.
        models: by method, of those that need one.
        settings: beside the method.
    """
    networks = {method: models[method].network() for method in methods if method in METHOD_MODELS}
    rows: list[dict] = []
    for one in vertebrae:
        progress(0.0, f"{one.case}, {level_name(one.site.label)}, {one.kind} ({counted(len(rows), 'repair')} so far)")
        started = perf_counter()
        try:
            fitted = fit(one.site)
        except SpineError:
            continue
        fitting, shape = perf_counter() - started, shape_of(one.truth)
        assert shape is not None
        surface = shape.surface()
        for method in methods:
            started = perf_counter()
            try:
                repaired, _, uncertain = fill(fitted, networks.get(method), replace(settings, method=method))
            except SpineError:  # no neighbour to copy
                continue
            seconds = fitting + perf_counter() - started
            region = one.truth.with_array(one.site.region.astype(np.uint8))
            mask = one.truth.with_array(repaired.astype(np.uint8))
            found = repair_figures(one.truth, mask, region, surface, uncertain)
            rows.append(
                {
                    "case": one.case,
                    "simulated": one.simulated,
                    "vertebra": level_name(one.site.label),
                    "kind": one.kind,
                    "method": method,
                    "dice": found.dice,
                    "mean_mm": found.mean_mm,
                    "p95_mm": found.p95_mm,
                    "volume_error": found.volume_error,
                    "piece_error": found.piece_error,
                    "within_bound": found.within_bound,
                    "bound_mm": found.bound_mm,
                    "seconds": seconds,
                }
            )
    if not rows:
        raise SpineError("No vertebra could be repaired; give labels of columns with whole vertebrae.")
    return InpaintEvaluation(rows, summarise(rows))


def summarise(rows: Sequence[dict]) -> list[dict]:
    """Medians of each method, real and simulated apart, over all kinds of damage and of each kind."""
    summary = []
    for simulated in (False, True):
        for method in dict.fromkeys(row["method"] for row in rows):
            group = [row for row in rows if row["simulated"] == simulated and row["method"] == method]
            kinds = list(dict.fromkeys(row["kind"] for row in group))
            for kind in ["all", *kinds] if len(kinds) > 1 else kinds:
                chosen = [row for row in group if kind in ("all", row["kind"])]
                summary.append(
                    {
                        "simulated": simulated,
                        "method": method,
                        "kind": kind,
                        "repairs": len(chosen),
                        "vertebrae": len({(row["case"], row["vertebra"]) for row in chosen}),
                        **_medians(chosen),
                    }
                )
    return summary


_MEDIANS = ("dice", "mean_mm", "p95_mm", "volume_error", "piece_error", "within_bound", "bound_mm", "seconds")


def _medians(rows: Sequence[dict]) -> dict[str, float]:
    result = {}
    for key in _MEDIANS:
        values = np.abs([row.get(key, np.nan) for row in rows])
        values = values[np.isfinite(values)]
        result[key] = float(np.median(values)) if len(values) else float("nan")
    return result
