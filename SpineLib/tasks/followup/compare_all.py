"""Several metastases and the necroses at each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.shape import Shape, Surface, shape_of
from SpineLib.metrics.surface import distances_to
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.followup.compare import CompareSettings, Comparison, compare
from SpineLib.volume.transform import check_linear
from SpineLib.volume.volume import Volume

#: A necrosis farther from a metastasis than this was not meant for it, mm.
FARTHEST_MM = 10.0


@dataclass(frozen=True, eq=False)
class ComparedLesion:
    """One metastasis.

    Attributes:
        metastasis: index in the given order.
        necroses: indices of the necroses at it, taken together; none: it was not treated.
        comparison: with them, or with an empty necrosis.
    """

    metastasis: int
    necroses: tuple[int, ...]
    comparison: Comparison


@dataclass(frozen=True, eq=False)
class ComparedLesions:
    """All of one patient.

    Attributes:
        lesions: every metastasis in the given order.
        stray: indices of necroses that lie at no metastasis.
        notes: sentences the user should read.
    """

    lesions: tuple[ComparedLesion, ...]
    stray: tuple[int, ...]
    notes: list[str]


def compare_all(
    metastases: Sequence[Volume],
    necroses: Sequence[Volume],
    after_to_before: np.ndarray | Mapping[int, np.ndarray] | None = None,
    settings: CompareSettings = CompareSettings(),
    progress: Progress = silent,
    error_mm: float | None = None,
    trusted: bool = True,
    farthest_mm: float = FARTHEST_MM,
    grid_after: Volume | None = None,
) -> ComparedLesions:
    """Compare every metastasis with the necroses at it (:func:`pair_necroses`), taken together.

    Args:
        metastases: masks on grids of the scan before.
        necroses: masks on one grid of the scan after.
        after_to_before: as for :func:`compare`, or one for each index of a metastasis, since spines bend.
        settings, error_mm, trusted: as for :func:`compare`.
        progress: may raise ``Cancelled``.
        farthest_mm: a necrosis that overlaps no metastasis and lies farther away than this is left out.
        grid_after: what the scan after shows, where there is no necrosis; None: all of it.

    Raises:
        SpineError: no metastasis, an empty one, a transform is missing or of no use.
        Cancelled: by ``progress``.
    """
    if not metastases:
        raise SpineError("There is no metastasis to compare: segment it, or choose another mask of the scan before.")
    numbers, unmoved = range(len(metastases)), after_to_before is None
    if not isinstance(after_to_before, Mapping):
        after_to_before = dict.fromkeys(numbers, np.eye(4) if after_to_before is None else after_to_before)
    if set(numbers) - set(after_to_before):
        raise SpineError("The transform of a metastasis is missing: register around each of them.")
    matrices = [check_linear(after_to_before[n]) for n in numbers]
    progress(0.0, "Finding what belongs together")
    pairs, stray = pair_necroses(metastases, necroses, matrices, farthest_mm)
    lesions = []
    for n, metastasis in enumerate(metastases):
        share = part(progress, 0.1 + 0.9 * n / len(metastases), 0.1 + 0.9 * (n + 1) / len(metastases))
        necrosis = _together(necroses, pairs[n], grid_after or metastasis)
        comparison = compare(metastasis, necrosis, None if unmoved else matrices[n], settings, share, error_mm, trusted)
        lesions.append(ComparedLesion(n, pairs[n], comparison))
    notes = []
    shared = sorted({n for n in range(len(necroses)) if sum(n in ids for ids in pairs) > 1})
    if shared:
        notes.append(
            f"{len(shared)} of {len(necroses)} necroses overlap several metastases and count for each of them."
        )
    if stray:
        notes.append(
            f"{len(stray)} of {len(necroses)} necroses lie more than {farthest_mm:g} mm away from every "
            "metastasis and were left out."
        )
    return ComparedLesions(tuple(lesions), stray, notes)


def pair_necroses(
    metastases: Sequence[Volume],
    necroses: Sequence[Volume],
    matrices: Sequence[np.ndarray | None],
    farthest_mm: float = FARTHEST_MM,
) -> tuple[list[tuple[int, ...]], tuple[int, ...]]:
    """Which necroses belong to which metastasis.

    A necrosis belongs to every metastasis it overlaps; one that overlaps none to the one whose surface is nearest, if
    that is no farther away than ``farthest_mm``.

    Args:
        metastases, necroses: masks; empty ones belong to nothing.
        matrices: 4 x 4, LPS mm of the scan after to LPS mm before, one for each metastasis; None: it is left out.
        farthest_mm: see above.

    Returns:
        Indices of necroses for each metastasis, and those that belong to none.
    """
    tumours = [_with_surface(mask) if matrix is not None else None for mask, matrix in zip(metastases, matrices)]
    pairs: list[list[int]] = [[] for _ in metastases]
    stray = []
    for number, mask in enumerate(necroses):
        dead = _with_surface(mask)
        gaps = {
            n: _gap(tumour, dead, matrix)
            for n, (tumour, matrix) in enumerate(zip(tumours, matrices))
            if tumour and dead and matrix is not None
        }
        nearest = min(gaps, key=gaps.__getitem__) if gaps else None
        chosen = [n for n, gap in gaps.items() if gap == 0]
        if not chosen and nearest is not None and gaps[nearest] <= farthest_mm:
            chosen = [nearest]
        if not chosen:
            stray.append(number)
        for n in chosen:
            pairs[n].append(number)
    return [tuple(ids) for ids in pairs], tuple(stray)


def _with_surface(mask: Volume) -> tuple[Shape, Surface] | None:
    shape = shape_of(mask)
    return None if shape is None else (shape, shape.surface())


def _gap(tumour: tuple[Shape, Surface], dead: tuple[Shape, Surface], matrix: np.ndarray) -> float:
    """Distance of two surfaces, mm; 0 when the shapes overlap."""
    points = dead[1].points @ matrix[:3, :3].T + matrix[:3, 3]
    if (tumour[0].at(points) >= 0).any() or (dead[0].moved(matrix).at(tumour[1].points) >= 0).any():
        return 0.0
    return float(distances_to(points, tumour[1]).min())


def _together(necroses: Sequence[Volume], ids: Sequence[int], grid: Volume) -> Volume:
    if not necroses:
        return grid.with_array(np.zeros(grid.shape, np.uint8), "necrosis")
    union = np.zeros(necroses[0].shape, np.uint8)
    for n in ids:
        if not necroses[n].same_grid(necroses[0]):
            raise SpineError("The necroses lie on different grids; draw them on one scan.")
        union[necroses[n].array != 0] = 1
    return necroses[0].with_array(union)
