"""Job "register", seen from the scene: two scans and a region out to files, a transform node back in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.dicomfacts import write_header
from SpineLib.scene.nodes import RAS_LPS, transform_to_world
from SpineLib.scene.results import place_beside, scene_unchanged_on_failure
from SpineLib.scene.runs import RunInputs
from SpineLib.scene.scans import (
    REGISTRATION,
    after_to_before,
    lies_under,
    points_lps,
    to_world_unregistered,
    unregistered_parent,
    unregistered_volume,
)
from SpineLib.tasks.registration.points import pairs_of
from SpineLib.tasks.registration.quality import RegistrationQuality, record_of
from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
from SpineLib.volume import Volume, check_image, write_volume
from SpineLib.volume.json_object import json_object
from SpineLib.volume.places import ras_lps

#: Fewer pairs of points do not fix a rigid transform.
LEAST_PAIRS = 3
#: What a new region of interest leaves around the metastasis, mm.
_AROUND_MM = 15.0
#: A transform that differs more than this (mm, 10 cm around the origin) from what the run gave was edited.
_EDITED_MM = 1e-3


@dataclass(frozen=True)
class ImportedRegistration:
    """A registration that came into the scene: its transform node, and sentences for the user."""

    transform: Any
    notes: list[str] = field(default_factory=list)


def export_scans(before, after, folder: str | Path, registration=None) -> RunInputs:
    """Write the two scans, each where it lies without a registration; beside each what its header tells of fat.

    Args:
        before, after: scalar volume nodes.
        folder: private folder of the job.
        registration: transform node that is left out, besides those that a run made.

    Raises:
        SpineError: one is missing, both are the same, one cannot be used; the disk is full.
    """
    if before is None or after is None:
        raise SpineError("A registration needs a scan from before and one from after the ablation: choose both.")
    if before is after:
        raise SpineError("Before and after are the same volume: choose two different scans.")
    nodes, files = {"before": before, "after": after}, {}
    for role, node in nodes.items():
        volume = unregistered_volume(node, registration, f"scan {role}")
        check_image(volume, f"scan {role}")
        files[role] = str(Path(folder) / f"{role}.nrrd")
        write_volume(volume, files[role], compress=False)  # the window waits for this
        write_header(node, volume, files[role])
    return RunInputs(nodes, files)


def region_of_mask(mask: Volume, folder: str | Path) -> dict:
    """A mask as the job's parameter "region"; writes its file."""
    path = Path(folder) / "region.nrrd"
    write_volume(mask, path, compress=False)
    return {"mask": str(path)}


def region_of_roi(roi) -> dict:
    """The box around a markups ROI, along the patient's axes, as the job's parameter "region".

    Raises:
        SpineError: it has no size.
    """
    bounds = [0.0] * 6
    roi.GetRASBounds(bounds)
    low, high = np.array(bounds[::2]), np.array(bounds[1::2])
    if not (np.isfinite([low, high]).all() and (high > low).all()):
        raise SpineError("The region of interest has no size: place it around the treated vertebra.")
    return {"centre_lps_mm": ras_lps((low + high) / 2).tolist(), "size_mm": (high - low).tolist()}


def fit_roi(roi, mask: Volume) -> None:
    """Place a new region of interest around a mask, with room for the vertebra around it."""
    kji = np.argwhere(mask.array)
    corners = np.array([[a, b, c, 1] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    low, high = kji.min(axis=0)[::-1] - 0.5, kji.max(axis=0)[::-1] + 0.5
    places = (RAS_LPS @ mask.ijk_to_lps @ np.where(corners, [*high, 1], [*low, 1]).T)[:3]
    roi.SetCenterWorld(*((places.max(axis=1) + places.min(axis=1)) / 2))
    roi.SetSizeWorld(*(np.ptp(places, axis=1) + 2 * _AROUND_MM))


def start_of_points(before_points, after_points, after, registration=None) -> dict | None:
    """Two lists of points as the job's parameter "start", paired by their places in the lists; None without points.

    Args:
        before_points, after_points: markups nodes or None; a list without points counts as none.
        after: the scan after. A list that was placed while a registration moved that scan is taken back with it.
        registration: the transform node that may move ``after``.

    Raises:
        SpineError: the lists have different lengths, or fewer than three points are placed on both scans.
    """
    lists = [node for node in (before_points, after_points) if node is not None]
    if not any(node.GetNumberOfDefinedControlPoints() for node in lists):
        return None
    if len(lists) < 2:
        raise SpineError(
            "The two lists of points differ in length: place the same landmarks, in the same order, on both scans."
        )
    to_world = to_world_unregistered(after_points, registration, "list of points")
    if registration is not None and lies_under(after, registration) and not lies_under(after_points, registration):
        to_world = RAS_LPS @ np.linalg.inv(after_to_before(registration)) @ RAS_LPS @ to_world
    before_to_world = transform_to_world(before_points.GetParentTransformNode(), "list of points")
    start = {
        "before_lps_mm": points_lps(before_points, before_to_world),
        "after_lps_mm": points_lps(after_points, to_world),
    }
    count = len(pairs_of(start["before_lps_mm"], start["after_lps_mm"]).names)
    if count < LEAST_PAIRS:
        raise SpineError(
            f"{count} pairs of points do not fix a position: place {LEAST_PAIRS} or more, or clear both lists."
        )
    return start


def import_registration(
    result: Mapping, inputs: RunInputs, name: str = "After to before"
) -> ImportedRegistration | None:
    """Add the result of job "register" as a linear transform node; nothing is moved or resampled.

    The node lies under what the scan after lies under, so :func:`SpineLib.scene.scans.put_under` can put that scan, and
    nothing else, under it.

    Args:
        result: what the job answered.
        inputs: of :func:`export_scans`; it is released.
        name: of the node.

    Returns:
        None when the scene was closed meanwhile, and then nothing is added.
    """
    try:
        if inputs.scene_closed:
            return None
        matrix = np.asarray(result["after_to_before_lps"], float)
        after = inputs.node("after")
        parent = unregistered_parent(after) if after is not None else None
        above = transform_to_world(parent, "scan after")
        own = np.linalg.inv(above) @ RAS_LPS @ matrix @ RAS_LPS @ above
        record = {
            "after_to_before_lps": matrix.tolist(),
            "quality": result["quality"],
            "provenance": result["provenance"],
            "notes": list(result.get("notes", ())),
            "accepted": False,
        }
        with scene_unchanged_on_failure():
            name = slicer.mrmlScene.GenerateUniqueName(name)
            node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
            node.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(own))
            node.SetAndObserveTransformNodeID(parent.GetID() if parent is not None else None)
            node.SetAttribute(REGISTRATION, json.dumps(record))
            node.SetAttribute(PROVENANCE, provenance_text(result["provenance"]))
            if after is not None:
                place_beside(node, after)
    finally:
        inputs.release()
    return ImportedRegistration(node, record["notes"])


def is_untouched(transform) -> bool:
    """Whether a transform is a registration as its run made it: neither turned by hand nor accepted."""
    record = registration_record(transform)
    if not record or record.get("accepted"):
        return False
    try:
        moved = after_to_before(transform)
    except SpineError:
        return False
    return bool(np.allclose(moved, record["after_to_before_lps"], atol=1e-6))


def registration_record(transform) -> dict:
    """What a run stored on its transform node: "quality", "provenance", "notes", "accepted"; {} for any other node.

    Of a transform that was read from a file it is what lies beside that (:mod:`SpineLib.tasks.registration.record`).
    """
    text = transform.GetAttribute(REGISTRATION) if transform is not None else None
    try:
        record = json.loads(text or "{}")
    except ValueError:
        return {}
    record = record if isinstance(record, dict) else {}
    return record if "quality" in record or transform is None else _record_beside(transform) | record


def _record_beside(transform) -> dict:
    """What lies beside the file that a transform was read from; {} where there is none."""
    storage = transform.GetStorageNode()
    name = storage.GetFileName() if storage is not None else None
    if not name:
        return {}
    record = json_object(record_of(name))
    try:
        RegistrationQuality.from_dict(record["quality"])
    except (KeyError, TypeError):
        return {}
    return record


def accept(transform, accepted: bool) -> None:
    """Note on the node that the user has looked and found the scans to lie on each other (or takes that back)."""
    record = registration_record(transform) | {"accepted": bool(accepted)}
    transform.SetAttribute(REGISTRATION, json.dumps(record))


def was_edited(transform) -> bool:
    """Whether the transform differs from what the run gave; also True for a transform that no run made."""
    known = registration_record(transform).get("after_to_before_lps")
    if known is None:
        return True
    corners = np.array([[x, y, z, 1] for x in (-100, 100) for y in (-100, 100) for z in (-100, 100)], float).T
    moved = transform_to_world(transform, "registration")
    above = transform_to_world(transform.GetParentTransformNode(), "registration")
    own = np.linalg.solve(above.T, moved.T).T if abs(np.linalg.det(above)) > 1e-12 else moved
    return bool(np.abs((RAS_LPS @ own @ RAS_LPS - np.asarray(known)) @ corners).max() > _EDITED_MM)


def trust(transform) -> tuple[float | None, bool]:
    """Error in mm (None: not known) and whether the transform is to be trusted, for a comparison.

    A transform by hand is the user's own word; the error of one that a run began stays what the run estimated.
    """
    record = registration_record(transform)
    quality = record.get("quality") or {}
    error = quality.get("error_mm")
    return (
        float(error) if isinstance(error, (int, float)) and np.isfinite(error) else None,
        bool(quality.get("trusted", True) or record.get("accepted")),
    )


def quality_text(transform) -> tuple[str, bool]:
    """What to say of a registration in a panel, and whether it is a warning."""
    if transform is None:
        return "", False
    record = registration_record(transform)
    quality = record.get("quality")
    if not quality:
        return "This transform was made by hand: its error is not known.", False
    figures = (
        f"Estimated error {quality['error_mm']:.1f} mm, spread between starts {quality['spread_mm']:.1f} mm, "
        f"{100 * quality['overlap']:.0f} % of the region on both scans, mutual information {quality['metric']:.2f}."
    )
    if was_edited(transform):
        figures += " Edited since; the figures are those of the run."
    if quality["trusted"]:
        return "The scans fit. " + figures, False
    reasons = " ".join(str(reason) for reason in quality["reasons"])
    if record.get("accepted"):
        return f"Accepted by eye, although: {reasons} {figures}", False
    return f"Not to be trusted: {reasons} {figures}", True
