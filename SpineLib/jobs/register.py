"""Job: the scan after an ablation to the one before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from SpineLib.progress import Progress, part, silent

NOUN, NEEDS = "The registration", ("inputs", "region")


def run(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Run the job.

    Args:
        parameters: ``{"inputs": {"before": path, "after": path}, "region": {"mask": path} or {"centre_lps_mm": [3],
            "size_mm": [3]}, "start": {"before_lps_mm": [[3] or None...], "after_lps_mm": [[3] or None...]} or None,
            "settings": {...}}``; points are paired by their places in the lists, None is one that is not placed;
            "settings" are those of :class:`SpineLib.tasks.registration.register.RegisterSettings`.
        folder: gets ``after_to_before.tfm``.

    Returns:
        ``{"transform": name, "after_to_before_lps": 4 x 4, "quality": {...}, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.registration.points import blaming_points, pairs_of, start_of_pairs
    from SpineLib.tasks.registration.region import Region
    from SpineLib.tasks.registration.register import RegisterSettings, register
    from SpineLib.volume import read_volume
    from SpineLib.volume.segments import read_mask
    from SpineLib.volume.transform import write_transform

    settings = RegisterSettings.from_dict(parameters.get("settings") or {})
    place, points = parameters["region"], parameters.get("start")
    progress(0.0, "Reading the scans")
    if "mask" in place:
        region = Region.from_mask(read_mask(place["mask"], "metastasis"))
    else:
        region = Region.from_box(place.get("centre_lps_mm"), place.get("size_mm"))
    start = start_of_pairs(pairs_of(points["before_lps_mm"], points["after_lps_mm"])) if points else None
    before, after = (read_volume(parameters["inputs"][when], when) for when in ("before", "after"))
    begin = None if start is None else start.matrix
    result = register(before, after, region, settings, part(progress, 0.05, 0.98), begin)
    result = result if start is None else blaming_points(result, start)
    write_transform(result.after_to_before, folder / "after_to_before.tfm")
    return {"transform": "after_to_before.tfm"} | result.to_dict()
