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
            "size_mm": [3]}, "start": {"before_lps_mm": [[3]...], "after_lps_mm": [[3]...]} or None, "settings":
            {...}}``; "settings" are those of :class:`SpineLib.tasks.registration.register.RegisterSettings`.
        folder: gets ``after_to_before.tfm``.

    Returns:
        ``{"transform": name, "after_to_before_lps": 4 x 4, "quality": {...}, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.registration.points import rigid_from_points
    from SpineLib.tasks.registration.region import Region
    from SpineLib.tasks.registration.register import RegisterSettings, register
    from SpineLib.volume import read_volume
    from SpineLib.volume.transform import write_transform

    settings = RegisterSettings.from_dict(parameters.get("settings") or {})
    place, points = parameters["region"], parameters.get("start")
    progress(0.0, "Reading the scans")
    if "mask" in place:
        region = Region.from_mask(read_volume(place["mask"], "metastasis"))
    else:
        region = Region.from_box(place.get("centre_lps_mm"), place.get("size_mm"))
    start, left_mm = rigid_from_points(points["before_lps_mm"], points["after_lps_mm"]) if points else (None, None)
    scans = [read_volume(parameters["inputs"][when], when) for when in ("before", "after")]
    result = register(*scans, region, settings, part(progress, 0.05, 0.98), start)
    write_transform(result.after_to_before, folder / "after_to_before.tfm")
    notes = [] if left_mm is None else [f"The pairs of points fit each other to {left_mm:.1f} mm."]
    return {"transform": "after_to_before.tfm"} | result.to_dict() | {"notes": notes + result.notes}
