"""A job on a part of an image, around one place: the part out to files, the lesion found there back as a segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.nodes import volume_from_node
from SpineLib.scene.results import add_segmentation
from SpineLib.scene.runs import RunInputs
from SpineLib.tasks.segmentation.lesions import measure_lesion
from SpineLib.volume import Volume, check_image, read_volume, write_volume
from SpineLib.volume.crop import box_around, crop
from SpineLib.volume.places import ras_lps, to_lps
from SpineLib.volume.triples import triple

#: A lesion farther from the place than this is another one (the radius of a hit, Wang et al. 2017, section 3.3).
_FAR_MM = 20.0


@dataclass(frozen=True)
class RegionInputs:
    """Parts of volumes, written for the worker.

    Attributes:
        inputs: the files, and the nodes they were cut from.
        boxes: index box (k, j, i) of each role's part in its volume.
        shapes: of the whole volumes.
        centre_ras_mm: the place, in the world.
    """

    inputs: RunInputs
    boxes: Mapping[str, tuple[slice, slice, slice]]
    shapes: Mapping[str, tuple[int, int, int]]
    centre_ras_mm: tuple[float, float, float]


@dataclass(frozen=True)
class ImportedLesion:
    """A segment that came into the scene: its segmentation, its id there, and sentences for the user."""

    segmentation: Any
    segment_id: str
    notes: list[str]


def export_region(
    nodes: Mapping[str, Any],
    centre_ras_mm: Sequence[float],
    size_mm: Sequence[float],
    folder: str | Path,
    masks: Mapping[str, tuple[str, Volume]] | None = None,
) -> RegionInputs:
    """Write the box of ``size_mm`` (right-left, front-back, up-down) around a place of each volume.

    Args:
        nodes: role to volume node; roles without one are left out.
        folder: private folder of the job.
        masks: further files, name to (role, mask on that role's grid), cut alike.

    Raises:
        SpineError: no volume, one that cannot be used or does not show the place; the disk is full.
    """
    nodes = {role: node for role, node in nodes.items() if node is not None}
    if not nodes:
        raise SpineError("No volume is selected: choose at least one.")
    centre = ras_lps(centre_ras_mm)
    files, boxes, shapes = {}, {}, {}

    def write(volume: Volume, name: str) -> None:
        files[name] = str(Path(folder) / f"{name}.nrrd")
        write_volume(volume, files[name], compress=False)  # the window waits for this

    for role, node in nodes.items():
        volume = volume_from_node(node, role)
        boxes[role], shapes[role] = box_around(volume, centre, size_mm), volume.shape
        part = crop(volume, boxes[role])
        check_image(part, role)
        write(part, role)
    for name, (role, mask) in (masks or {}).items():
        write(crop(mask, boxes[role]), name)
    return RegionInputs(RunInputs(nodes, files), boxes, shapes, triple(float(value) for value in centre_ras_mm))


def nearest_lesion(labels: Volume, centre_ras_mm: Sequence[float]) -> int:
    """The id of the lesion with the voxel nearest to a place; 0 when none comes within 20 mm."""
    kji = np.argwhere(labels.array)
    if not len(kji):
        return 0
    distances = np.linalg.norm(to_lps(kji, labels) - ras_lps(centre_ras_mm), axis=1)
    nearest = int(distances.argmin())
    return int(labels.array[tuple(kji[nearest])]) if distances[nearest] <= _FAR_MM else 0


def import_lesion(
    folder: str | Path,
    result: Mapping,
    region: RegionInputs,
    role: str,
    *,
    number: int,
    probability: float | None = None,
    existing=None,
) -> ImportedLesion | None:
    """Bring what a job found at the place into the scene as one segment, all of it or nothing.

    Args:
        result: of job "segment" (the lesion nearest to the place is taken) or "refine".
        region: of :func:`export_region`; it is released.
        role: on whose volume the result lies.
        number: of the segment, e.g. the candidate's.
        probability: mean probability of the segment; None: the job's own.
        existing: segmentation that gets it; a new one when it was deleted meanwhile.

    Returns:
        The segment; None when the scene was closed meanwhile.

    Raises:
        SpineError: nothing was found at the place; the files cannot be read or do not fit. The scene is as it was.
    """
    inputs = region.inputs
    try:
        if inputs.scene_closed:
            return None
        notes = list(result.get("notes", ()))
        if existing is not None and existing.GetScene() is not slicer.mrmlScene:
            existing = None
            notes.append("The chosen segmentation was deleted meanwhile; the result is in a new one.")
        labels = read_volume(Path(folder) / result["labels" if "labels" in result else "mask"], "lesion")
        chosen = nearest_lesion(labels, region.centre_ras_mm)
        if not chosen:
            raise SpineError("Nothing was found at this place: use Refine boundary, or draw it in the Segment Editor.")
        mask = labels.with_array((np.asarray(labels.array) == chosen).astype(np.uint16) * number)
        found = next((one["mean_probability"] for one in result.get("lesions", ()) if one["id"] == chosen), np.nan)
        measured = measure_lesion(mask, number=number)
        assert measured is not None
        lesion = replace(measured, mean_probability=float(found if probability is None else probability))
        source = inputs.node(role)
        if source is not None:
            whole = np.zeros(region.shapes[role], np.uint16)
            whole[region.boxes[role]] = mask.array
            mask = Volume(whole)  # only the voxels count: the segment lies on the source's own grid
        name = f"{inputs.name(role)} metastases (candidates)"
        segmentation, (segment_id,) = add_segmentation(
            mask, [lesion], source, name=name, provenance=result["provenance"], existing=existing
        )
    finally:
        inputs.release()
    return ImportedLesion(segmentation, segment_id, notes)
