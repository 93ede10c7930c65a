"""Lesions painted into real scans of healthy spines, where true ones with masks cannot be had."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.phantom.fields import smooth_field
from SpineLib.volume import Volume

#: Signal of the painted lesion relative to the marrow around it, by kind and sequence. On T1 all metastases are darker
#: than marrow, on T2 lytic ones are brighter and sclerotic ones darker (Hille et al. 2020, Fig. 1); on STIR, whose
#: marrow is dark, lytic ones are much brighter. After contrast medium lytic ones come near the marrow.
RATIOS = {
    "lytic": {"T1": (0.45, 0.68), "T2": (1.4, 2.2), "STIR": (2.0, 3.5), "ceT1": (0.6, 0.85)},
    "sclerotic": {"T1": (0.25, 0.5), "T2": (0.25, 0.5), "STIR": (0.3, 0.6), "ceT1": (0.3, 0.55)},
}


def paint_lesions(
    images: Mapping[str, Volume],
    bodies: Volume,
    seed: int,
    count: int = 3,
    volume_ml: tuple[float, float] = (1.0, 8.0),
    whole: bool = False,
) -> tuple[dict[str, Volume], Volume, list[dict]]:
    """Paint lesions into vertebral bodies of a real scan.

    The marrow's own noise and texture stay; the lesion's signal is the median of its vertebra times a drawn ratio
    (:data:`RATIOS`). Shapes are sums of Gaussian blobs with a rough, soft edge, kept within the body.

    Args:
        images: of :data:`RATIOS`'s sequences, on the grid of ``bodies``.
        bodies: labels of vertebral bodies, one number each.
        seed: of everything random.
        count: lesions, each in its own body.
        volume_ml: least and largest volume aimed at.
        whole: replace whole bodies evenly instead, whatever their volume.

    Returns:
        Painted images, lesion numbers (uint8), and for each lesion its number, kind, host label and volume (ml).

    Raises:
        SpineError: the grids differ, or there are fewer bodies than lesions.
    """
    for name, volume in images.items():
        if not volume.same_grid(bodies):
            raise SpineError(f"{name} and the body labels lie on different grids; resample the labels onto the image.")
    rng = np.random.default_rng(seed)
    numbers = [int(n) for n in np.unique(bodies.array) if n > 0]
    if len(numbers) < count:
        raise SpineError(f"The labels hold {len(numbers)} vertebral bodies, fewer than the {count} lesions wanted.")
    painted = {name: volume.array.astype(np.float32) for name, volume in images.items()}
    lesions = np.zeros(bodies.shape, np.uint8)
    facts: list[dict] = []
    for host in rng.permutation(numbers)[:count]:
        kind = str(rng.choice(list(RATIOS)))
        wanted = float(np.exp(rng.uniform(*np.log(volume_ml))))
        box, weight = _whole(bodies, int(host)) if whole else _shape(rng, bodies, int(host), wanted)
        body = bodies.array[box] == host
        for name, array in painted.items():
            part = array[box]
            own = float(np.median(part[body]))
            level = own * rng.uniform(*RATIOS[kind][name])
            grain = part - ndimage.gaussian_filter(part, 2.0)
            texture = 1 + 0.10 * smooth_field(rng, part.shape, (4, 4, 4))
            part += weight * (level * texture + 0.7 * grain - part)
        number = len(facts) + 1
        lesions[box][weight > 0.5] = number
        facts.append(
            {
                "number": number,
                "kind": kind,
                "body": int(host),
                "volume_ml": round(float((weight > 0.5).sum()) * bodies.voxel_volume_ml, 3),
            }
        )
    result = {name: volume.with_array(np.clip(painted[name], 0, None)) for name, volume in images.items()}
    return result, bodies.with_array(lesions, "lesions"), facts


def _whole(bodies: Volume, host: int):
    """As :func:`_shape`, of a whole body but for its cortex: a voxel within the edge of the label."""
    where = np.argwhere(bodies.array == host)
    low, high = np.maximum(where.min(0) - 2, 0), where.max(0) + 3
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
    inside = ndimage.binary_erosion(bodies.array[box] == host)
    return box, ndimage.gaussian_filter(inside.astype(np.float32), 0.6)


def _shape(rng, bodies: Volume, host: int, wanted_ml: float):
    """Weight (0 to 1, float32) of a lesion of about ``wanted_ml`` in a body, in the body's index box."""
    where = np.argwhere(bodies.array == host)
    low, high = np.maximum(where.min(0) - 2, 0), where.max(0) + 3
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high))
    inside = bodies.array[box] == host
    spacing = bodies.spacing[::-1]
    places = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(inside.shape, spacing)), indexing="ij"), -1)
    points = places[inside]
    radius = (wanted_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    centre = points[int(rng.integers(len(points)))]
    field = np.zeros(inside.shape)
    for n in range(4):
        offset = rng.standard_normal(3) * radius * (0.45 if n else 0)
        field += np.exp(-((places - centre - offset) ** 2).sum(-1) / (2 * (0.6 * radius) ** 2))
    field += 0.10 * field.max() * smooth_field(rng, field.shape, tuple(5 / s for s in spacing))
    # The level is chosen such that the part within the body has the volume wanted (or most of the body).
    voxels = min(int(wanted_ml / bodies.voxel_volume_ml), int(0.85 * inside.sum()))
    level = np.sort(field[inside])[-max(voxels, 1)]
    soft = np.clip(0.5 + (field - level) / (0.25 * field.max()), 0, 1)
    return box, (soft * ndimage.gaussian_filter(inside.astype(np.float32), 0.5)).astype(np.float32)
