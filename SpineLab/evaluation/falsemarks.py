"""Metastases that a segmentation of necrosis marks although they are alive."""

from __future__ import annotations

import numpy as np

from SpineLib.metrics.overlap import lesion_matches
from SpineLib.volume import Volume


def false_marks(necrosis: np.ndarray, metastases: np.ndarray, mask: Volume) -> dict:
    """What is marked of living metastases in one case.

    A metastasis is untreated when the true necrosis does not touch it; it counts as marked when the segmentation covers
    a tenth of it or more (the rule by which :func:`SpineLib.metrics.overlap.lesion_matches` calls a lesion found). The
    rest is what the true necrosis leaves of the metastases it touches: marked, it makes an ablation look more complete
    than it is.

    Args:
        necrosis: the true necrosis, not 0 inside, (k, j, i) on the grid of ``mask``.
        metastases: ids of metastases in the same scan, 0 outside, likewise.
        mask: the segmentation.

    Returns:
        ``untreated`` and ``untreated_marked`` (counts), ``untreated_marked_ml``, ``rest_ml``, ``rest_marked_ml``.
    """
    dead, marked, ml = necrosis != 0, np.asarray(mask.array) != 0, mask.voxel_volume_ml
    treated = np.unique(metastases[dead])
    touched = np.isin(metastases, treated[treated > 0])
    untreated = np.where(touched, 0, metastases)
    matches = lesion_matches(untreated, marked)
    rest = touched & ~dead
    volumes = {"untreated_marked_ml": marked & (untreated > 0), "rest_ml": rest, "rest_marked_ml": rest & marked}
    return {
        "untreated": len(matches.found) + len(matches.missed),
        "untreated_marked": len(matches.found),
        **{key: float(np.count_nonzero(where)) * ml for key, where in volumes.items()},
    }


def summarise_false_marks(cases: list[dict]) -> dict:
    """Shares over all cases: of untreated metastases (by number) and of the rest of treated ones (by volume), 0 to 1.

    Args:
        cases: rows with the keys of :func:`false_marks`; those without, of a cohort whose metastases are not labelled,
            are left out.

    Returns:
        ``untreated``, ``untreated_marked``, ``untreated_marked_share``, ``rest_ml``, ``rest_marked_share``; a share of
        nothing is nan.
    """
    rows = [row for row in cases if "untreated" in row]
    keys = ("untreated", "untreated_marked", "rest_ml", "rest_marked_ml")
    sums = {key: sum(row[key] for row in rows) for key in keys}
    share = sums["untreated_marked"] / sums["untreated"] if sums["untreated"] else float("nan")
    rest = sums["rest_marked_ml"] / sums["rest_ml"] if sums["rest_ml"] else float("nan")
    return {
        "untreated": sums["untreated"],
        "untreated_marked": sums["untreated_marked"],
        "untreated_marked_share": share,
        "rest_ml": sums["rest_ml"],
        "rest_marked_share": rest,
    }
