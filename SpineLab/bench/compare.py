"""``spine bench compare``: surface distances of two masks beside MONAI's surface metrics."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.geometry.shape import Surface, shape_of
from SpineLib.metrics.surface import distances_to, summarise
from SpineLib.volume import Volume
from SpineLib.volume.triples import triple

#: Array (k, j, i) and spacing along it, mm: a scan as the network sees it. The voxels are cubes, so that MONAI, which
#: counts voxels, favours no direction.
SHAPE, SPACING = (64, 384, 384), (0.8, 0.8, 0.8)
#: The finer masks' voxels are so many times smaller, in a box of this side around the bodies, mm.
FINER, BOX_MM = 4, 57.6
REPEATS = 3
_MEASURES = ("hausdorff", "hausdorff95", "average_symmetric")


def measure(seed: int = 1) -> dict:
    """Seconds of both ways on the same two simulated masks, in turn, the best of some; and how far results differ.

    The masks are a metastasis and a larger, longer necrosis, a few millimetres apart. Both ways start from the whole
    arrays and end with Hausdorff distance, its 95 % percentile and the average symmetric surface distance. MONAI
    measures between centres of voxels within the border, whose means move towards those of surfaces as voxels get
    smaller, and counts voxels, not area. So results are compared twice: on the same masks, and where the definitions
    meet, on finer masks of the same two bodies with the surfaces' points weighted as voxels are counted.
    """
    bodies = _Bodies(seed)
    masks = bodies.masks(SHAPE, SPACING)
    finer = triple(side / FINER for side in SPACING)
    fine_masks = bodies.masks(tuple(round(BOX_MM / side) for side in finer), finer)
    seconds: dict[str, float] = {}
    results: dict[str, dict[str, float]] = {}
    for _ in range(REPEATS):
        for way, function in (("ours", surface_distances), ("monai", monai_distances)):
            started = time.perf_counter()
            results[way] = function(masks[0], masks[1], SPACING)
            seconds[way] = min(seconds.get(way, np.inf), time.perf_counter() - started)
    results["ours_finer"] = surface_distances(fine_masks[0], fine_masks[1], finer, counted=True)
    results["monai_finer"] = monai_distances(fine_masks[0], fine_masks[1], finer)
    difference = {
        end: max(abs(results[f"ours{end}"][name] - results[f"monai{end}"][name]) for name in _MEASURES)
        for end in ("", "_finer")
    }
    ml = float(np.prod(SPACING)) / 1000
    return {
        "kind": "compare",
        "shape": list(SHAPE),
        "spacing_mm": list(SPACING),
        "simulated": True,
        "volumes_ml": [float(mask.sum()) * ml for mask in masks],
        "seconds": seconds,
        "times_faster": seconds["monai"] / seconds["ours"],
        "results_mm": results,
        "largest_difference_mm": difference[""],
        "largest_difference_finer_mm": difference["_finer"],
    }


def surface_distances(
    first: np.ndarray, second: np.ndarray, spacing: tuple[float, ...], counted: bool = False
) -> dict[str, float]:
    """This library's way: triangles, weighted by area, or as voxels at the border are counted."""
    shapes = (shape_of(Volume(mask, triple(spacing[::-1]))) for mask in (first, second))
    one, other = (shape.surface() for shape in shapes if shape is not None)
    weights = _border_voxels if counted else Surface.areas
    both = summarise(distances_to(one.points, other), weights(one), distances_to(other.points, one), weights(other))
    return {name: getattr(both, name) for name in _MEASURES}


def _border_voxels(surface) -> np.ndarray:
    """Proportional to the number of cubic voxels that lie within the border at each point (n,).

    A plane has one voxel for each face of a voxel on the side on which it is seen largest.
    """
    a, b, c = (surface.points[surface.triangles[:, n]] for n in range(3))
    seen = np.abs(np.cross(b - a, c - a)).max(axis=1)
    return np.bincount(surface.triangles.ravel(), np.repeat(seen, 3), minlength=len(surface.points))


def monai_distances(first: np.ndarray, second: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    """The same three by MONAI's metrics."""
    try:
        import torch
        from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance
    except ImportError as error:
        raise SpineError("MONAI is not installed; install 'SpineLib[test]' to measure beside it.") from error
    one, other = (torch.from_numpy(mask)[None, None] for mask in (first, second))
    how: dict[str, Any] = {"include_background": True, "spacing": spacing}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI tells itself that its own argument is deprecated
        return {
            "hausdorff": float(compute_hausdorff_distance(one, other, **how)),
            "hausdorff95": float(compute_hausdorff_distance(one, other, percentile=95, **how)),
            "average_symmetric": float(compute_average_surface_distance(one, other, symmetric=True, **how)),
        }


class _Bodies:
    """A metastasis (20 ml, knobbly) and a necrosis (35 ml, longer) as functions of place."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        self._waves = [(rng.normal(size=(6, 3)) * 0.35, rng.uniform(0, 2 * np.pi, 6)) for _ in range(2)]
        self._offset = rng.uniform(-2, 2, 3)

    def masks(self, shape: tuple[int, ...], spacing: tuple[float, ...]) -> list[np.ndarray]:
        """Both as uint8 on a grid whose middle is the bodies' middle."""
        bodies = (20.0, np.zeros(3), (1.0, 1.0, 1.0)), (35.0, self._offset, (0.9, 0.95, 1.15))
        found = []
        for (ml, centre, stretch), (frequencies, phases) in zip(bodies, self._waves):
            radius = (ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
            places = [(np.arange(n, dtype=np.float32) - (n - 1) / 2) * side for n, side in zip(shape, spacing)]
            box = tuple(slice(*np.searchsorted(place, (-BOX_MM / 2, BOX_MM / 2))) for place in places)
            k, j, i = np.meshgrid(*(place[part] for place, part in zip(places, box)), indexing="ij", sparse=True)
            away = np.sqrt(sum(((x - c) / s) ** 2 for x, c, s in zip((k, j, i), centre, stretch)))
            knobs = sum(np.sin((f[0] * k + f[1] * j + f[2] * i) + p) for f, p in zip(frequencies, phases)) / 6
            mask = np.zeros(shape, np.uint8)
            mask[box] = away < radius * (1 + 0.15 * knobs)
            found.append(mask)
        return found


def told(figures: dict) -> str:
    """The figures in lines."""
    size = "x".join(str(n) for n in figures["shape"])
    volumes = " and ".join(f"{ml:.1f} ml" for ml in figures["volumes_ml"])
    seconds, results = figures["seconds"], figures["results_mm"]
    lines = [
        f"Surface distances of two simulated masks ({volumes}) of {size}: {seconds['ours']:.3f} s, MONAI "
        f"{seconds['monai']:.3f} s, {figures['times_faster']:.1f} times faster",
        "mm                           Hausdorff  95 %    average symmetric",
    ]
    finer = f", voxels 1/{FINER}"
    for way, name in (
        ("ours", "surfaces"),
        ("monai", "MONAI"),
        ("ours_finer", f"surfaces{finer}"),
        ("monai_finer", f"MONAI{finer}"),
    ):
        lines.append(
            f"{name:28s} {results[way]['hausdorff']:9.2f} {results[way]['hausdorff95']:7.2f} "
            f"{results[way]['average_symmetric']:10.2f}"
        )
    lines.append(
        f"largest difference: {figures['largest_difference_mm']:.2f} mm, with the finer voxels "
        f"{figures['largest_difference_finer_mm']:.2f} mm"
    )
    return "\n".join(lines)
