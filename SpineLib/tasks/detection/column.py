"""Where the vertebral column lies on MR: near labelled vertebrae, or near those that a small network sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from SpineLib.preprocess import Preparation, prepare
from SpineLib.progress import Progress, part, silent
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

if TYPE_CHECKING:
    from SpineLib.models.bundle import ModelBundle

#: The model that sees vertebrae on MR of any sequence, as it comes with the project.
SPINE_MODEL = "spine-mr"
#: Candidates may lie so far from vertebrae, mm.
_NEAR_MM = 8.0
#: The column's ends, at the image's upper and lower edge, are left out, mm: a patch there shows the image's reflection,
#: in which a vertebra that is cut off looks like another thing. On held-out simulated cases it was mistaken for a
#: metastasis more often than a metastasis lay there: mean sensitivity 0.65 with the ends, 0.74 without.
ENDS_MM = 4.0
#: Gaps of less than twice this between what the network sees are bridged, mm: it may not know a vertebra any more that
#: a metastasis has replaced.
_BRIDGE_MM = 15.0
#: A piece of less than this share of the largest one is no spine, nor is one of less than so many ml: a vertebra has
#: more, from the neck to the sacrum.
_SMALLEST_SHARE, _SMALLEST_ML = 0.2, 5.0


def within(likelihood: Volume, column: Volume | None) -> Volume:
    """The likelihood, 0 outside of the column (on the same grid); as it is where there is no column."""
    return likelihood if column is None else likelihood.with_array(likelihood.array * (column.array > 0))


def without_ends(column: Volume) -> Volume:
    """A column, of slices (s, rows, columns), less its ends at the image's upper and lower edge."""
    ends = round(ENDS_MM / column.spacing[1])
    kept = np.array(column.array)
    kept[:, :ends] = kept[:, kept.shape[1] - ends :] = 0
    return column.with_array(kept)


def column_from_labels(labels: Volume, like: Volume) -> Volume:
    """Within 8 mm of labelled vertebrae, uint8 on the grid of ``like``."""
    inside = resample_like(labels.with_array((np.asarray(labels.array) > 0).astype(np.uint8)), like, nearest=True).array
    if not inside.any():
        return like.with_array(np.zeros(like.shape, np.uint8), "column")
    near = ndimage.distance_transform_edt(inside == 0, sampling=like.spacing[::-1]) <= _NEAR_MM
    return like.with_array(near.astype(np.uint8), "column")


def find_column(
    image: Volume,
    bundle: ModelBundle,
    like: Volume,
    *,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> Volume:
    """Within 8 mm of the vertebrae that a network sees.

    Args:
        image: MR of any sequence and orientation.
        bundle: a model of the task "spine-segmentation".
        like: says on which grid.
        device, precision: of ``SpineLib.inference.predict.predict``.
        progress: told what is done; may raise ``Cancelled``.

    Returns:
        uint8 on the grid of ``like``; all 0 where no vertebra is seen.

    Raises:
        SpineError: the image cannot be used, no such device, not enough memory.
        Cancelled: by ``progress``.
    """
    from SpineLib.inference.predict import predict

    card = bundle.card
    prepared = prepare(
        {card.inputs[0]: image}, Preparation.from_dict(card.preparation), progress=part(progress, 0.0, 0.4)
    )
    seen = predict(
        prepared.channels,
        bundle.network(),
        whiten_windows=False,
        threshold=card.threshold,
        device=device,
        precision=precision,
        progress=part(progress, 0.4, 1.0),
    )
    near = near_vertebrae(seen.probability >= card.threshold, prepared.spacing)
    there = resample_like(prepared.to_input(near.astype(np.float32)), like).array >= 0.5
    return like.with_array(there.astype(np.uint8), "column")


def near_vertebrae(seen: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """What lies within 8 mm of a spine, of which some vertebrae may not be seen and beside which something else may be.

    Args:
        seen: bool (s, y, x), the vertebrae that are seen.
        spacing: mm along (s, y, x).

    Returns:
        bool (s, y, x): gaps of less than 30 mm are bridged, small pieces left out.
    """
    voxel_ml = float(np.prod(spacing)) / 1000
    if seen.sum() * voxel_ml < _SMALLEST_ML:
        return np.zeros(seen.shape, bool)
    bridged = ndimage.distance_transform_edt(~seen, sampling=spacing) <= _BRIDGE_MM
    pieces, count = ndimage.label(bridged)
    sizes = np.bincount(pieces[seen], minlength=count + 1)
    spine = bridged & (sizes >= max(_SMALLEST_SHARE * sizes.max(), _SMALLEST_ML / voxel_ml))[pieces]
    # Beyond the image there is nothing to shrink from: the spine goes on there.
    reach = [int(np.ceil(_BRIDGE_MM / step)) for step in spacing]
    inner = ndimage.distance_transform_edt(np.pad(spine, [(n, n) for n in reach], mode="edge"), sampling=spacing)
    inner = inner[tuple(slice(n, -n) for n in reach)]
    return (inner > _BRIDGE_MM - _NEAR_MM) & spine
