"""How much of a metastasis a necrosis covers, in volumes, and what is left where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from SpineLib.geometry.shape import Shape, Surface
from SpineLib.metrics.surface import distances_to
from SpineLib.volume.places import ras_lps
from SpineLib.volume.triples import triple

#: Most samples of the common grid, and its step, of the shortest side of a voxel, where that is enough.
_SAMPLES, _STEP = 1_000_000, 0.25
#: Points of an untreated piece whose depth is looked at, and pieces that are listed one by one.
_PROBES, _MOST_PIECES = 2000, 20


@dataclass(frozen=True)
class UntreatedPiece:
    """A connected piece of the metastasis outside the necrosis.

    Attributes:
        volume_ml: how large.
        depth_mm: distance of its farthest point from the necrosis's surface; nan without a necrosis.
        centre_ras_mm: its centre of gravity.
        where: its place seen from the metastasis's centre, "left posterior upper", or "central".
        seen_share: share of it that lies within the image with the necrosis.
    """

    volume_ml: float
    depth_mm: float
    centre_ras_mm: tuple[float, float, float]
    where: str
    seen_share: float


@dataclass(frozen=True)
class Coverage:
    """What of the metastasis M the necrosis N covers.

    Attributes:
        common_ml: |M and N|.
        unseen_ml: of M, outside the image with the necrosis; counted as untreated.
        pieces: of M without N, the largest first; those below ``smallest_ml`` are left out, and all after the 20th.
        smallest_ml: smaller pieces do not matter.
        grid_mm: step of the grid in which the volumes in common were counted.
        error_ml: by how much the counted shapes miss the known volumes of M and N, the larger of both; a mask of few
            coarse voxels has no smooth shape of just its volume.
    """

    common_ml: float
    unseen_ml: float
    pieces: tuple[UntreatedPiece, ...]
    smallest_ml: float
    grid_mm: float
    error_ml: float

    def to_dict(self) -> dict:
        """The JSON form of what is no measure."""
        values = asdict(self)
        return {key: values[key] for key in ("pieces", "smallest_ml", "grid_mm", "error_ml")}


def coverage(
    metastasis: Shape,
    necrosis: Shape | None,
    metastasis_surface: Surface,
    necrosis_surface: Surface | None,
    smallest_ml: float,
) -> Coverage:
    """Volumes of two shapes of one space, counted in a fine grid around the metastasis, along the patient's axes.

    Neither mask's own grid is favoured, and coarse slices do not show as steps: the common grid's step is a quarter of
    the shortest side of a voxel of either mask (more where that would be more than a million samples).
    """
    from scipy import ndimage

    finest = min(one.voxel_mm[0] for one in (metastasis, necrosis or metastasis))
    to_lps, shape, step = _common_grid(metastasis_surface, _STEP * finest)
    tumour = metastasis.on_grid(to_lps, shape)
    covered = tumour & necrosis.on_grid(to_lps, shape) if necrosis is not None else np.zeros_like(tumour)
    seen = necrosis.seen_on_grid(to_lps, shape) if necrosis is not None else np.ones_like(tumour)
    sample_ml = step**3 / 1000
    inside = int(np.count_nonzero(tumour))
    volume = metastasis.volume_ml
    ml = volume / max(inside, 1)  # a sample's, so that the whole is the mask's own volume
    necrosis_ml = necrosis.volume_ml if necrosis is not None else 0.0
    common = min(int(np.count_nonzero(covered)) * ml, necrosis_ml)
    error = max(
        abs(inside * sample_ml - volume),
        abs(necrosis_surface.volume_ml() - necrosis_ml) if necrosis_surface is not None else 0.0,
    )

    left = tumour & ~covered
    labels, _ = ndimage.label(left, np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    order = [n for n in np.argsort(-sizes, kind="stable")[:_MOST_PIECES] if sizes[n] and sizes[n] * ml >= smallest_ml]
    middle = _place(np.argwhere(tumour).mean(axis=0), to_lps) if inside else np.zeros(3)
    size = np.cbrt(volume * 1000 * 3 / (4 * np.pi))
    boxes = ndimage.find_objects(labels)
    pieces = []
    for n in order:
        kji = np.argwhere(labels[boxes[n - 1]] == n) + [part.start for part in boxes[n - 1]]
        centre = _place(kji.mean(axis=0), to_lps)
        depth = np.nan
        if necrosis_surface is not None:
            probes = kji[:: max(1, len(kji) // _PROBES)]
            depth = float(distances_to(_place(probes, to_lps), necrosis_surface).max())
        pieces.append(
            UntreatedPiece(
                float(sizes[n] * ml),
                depth,
                triple(float(v) for v in np.round(ras_lps(centre), 3)),
                direction_words(centre - middle, size),
                float(seen[tuple(kji.T)].mean()),
            )
        )
    return Coverage(
        common_ml=common,
        unseen_ml=int(np.count_nonzero(tumour & ~seen)) * ml,
        pieces=tuple(pieces),
        smallest_ml=smallest_ml,
        grid_mm=step,
        error_ml=error,
    )


def direction_words(offset_lps: Sequence[float], size_mm: float) -> str:
    """Where something lies, seen from a centre: "left posterior upper" ("central" within a tenth of ``size_mm``).

    Directions count that make up at least 0.38 (the sine of 22.5 degrees) of the way.
    """
    offset = np.asarray(offset_lps, float)
    length = float(np.linalg.norm(offset))
    if length <= 0.1 * size_mm:
        return "central"
    names = (("right", "left"), ("anterior", "posterior"), ("lower", "upper"))
    return " ".join(pair[int(value > 0)] for value, pair in zip(offset, names) if abs(value) >= 0.38 * length)


def _common_grid(surface: Surface, finest: float) -> tuple[np.ndarray, tuple[int, int, int], float]:
    """Index to LPS, shape (k, j, i) and step of the grid around a surface."""
    low, high = surface.points.min(axis=0).astype(float), surface.points.max(axis=0).astype(float)
    step = max(float(np.cbrt(np.prod(np.maximum(high - low, 1.0)) / _SAMPLES)), finest)
    counts = np.ceil((high - low) / step).astype(int) + 1
    matrix = np.diag([step, step, step, 1.0])
    matrix[:3, 3] = (low + high) / 2 - step * (counts - 1) / 2
    return matrix, triple(int(n) for n in counts[::-1]), step


def _place(kji: np.ndarray, to_lps: np.ndarray) -> np.ndarray:
    return kji[..., ::-1] @ to_lps[:3, :3].T + to_lps[:3, 3]
