"""Job "inpaint", seen from the scene: vertebrae and lesion out, the repaired vertebra in, beside the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.ctlesions import roi_mask
from SpineLib.scene.masks import bounding_box, segment_ids
from SpineLib.scene.nodes import volume_from_node, volume_to_node
from SpineLib.scene.results import Entry, add_labels, scene_unchanged_on_failure, segment_tag, source_volume
from SpineLib.scene.runs import RunInputs, result_name
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.scene.vertebrae import Vertebrae, VertebraSegment, collect_vertebrae
from SpineLib.tasks import colours
from SpineLib.tasks.ct.vertebra_naming import vertebra_terminology
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.crop import crop
from SpineLib.volume.places import ras_lps
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.triples import triple

#: Attributes of a segmentation that a repair made: its figures, and what it was made of.
REPAIR, FINGERPRINT = "SpineOncology.Repair", "SpineOncology.Fingerprint"
#: Tag of a segment: "repaired" or "before".
PART = "SpineOncology.Part"
REPAIRED, BEFORE = "repaired", "before"
#: Node reference from that segmentation to the volume of its uncertainty.
UNCERTAINTY_ROLE = "SpineOncology.Uncertainty"
_COLOURS = {REPAIRED: colours.REPAIRED, BEFORE: colours.BEFORE}
#: So much around vertebra and lesion goes to the worker, mm: both neighbours of a vertebra lie within.
_AROUND_MM = 60.0


@dataclass(frozen=True, eq=False)
class Damage:
    """What is to be repaired, as it is now.

    Attributes:
        vertebra: the one to repair.
        labels: all vertebrae, uint8, LPS, cut to what lies around it.
        lesion: mask on the same voxels.
        ct: the CT on the same voxels; None where it has other voxels or is not there.
        box: index box (k, j, i) of that cut in the grid of the image, and the shape of the whole.
        shape: see ``box``.
        settings: as ``SpineLib.tasks.inpainting.settings.InpaintSettings.from_dict`` takes them.
        nodes: role to node of what the user chose.
    """

    vertebra: VertebraSegment
    labels: Volume
    lesion: Volume
    ct: Volume | None
    box: tuple[slice, slice, slice]
    shape: tuple[int, int, int]
    settings: Mapping
    nodes: Mapping

    def fingerprint(self) -> str:
        """The same text for the same masks, places and settings, and only for those."""
        digest = hashlib.sha256()
        for volume in (self.labels, self.lesion):
            digest.update(np.ascontiguousarray(volume.array).tobytes())
        digest.update(np.round(self.labels.ijk_to_lps, 6).tobytes())
        asked = {
            name: value for name, value in self.settings.items() if name != "device"
        }  # which makes no other repair
        digest.update(json.dumps([self.vertebra.number, asked], sort_keys=True).encode())
        return digest.hexdigest()

    def parameters(self, folder: str | Path, model: str | None = None) -> dict:
        """Write the volumes; the job's parameters."""
        files: dict[str, str | None] = {"CT": None}
        for name, volume in (("vertebrae", self.labels), ("lesion", self.lesion), ("CT", self.ct)):
            if volume is not None:
                path = files[name] = str(Path(folder) / f"{name}.nrrd")
                write_volume(volume, path, compress=False)  # the window waits for this
        return {
            "inputs": files,
            "label": self.vertebra.number,
            "settings": dict(self.settings),
            "model": model,
            "preview": True,
        }


def collect_damage(
    vertebrae,
    segment_id: str,
    lesion=(None, None),
    roi=None,
    ct=None,
    settings: Mapping | None = None,
    known: Vertebrae | None = None,
) -> Damage:
    """Read vertebrae and lesion from the scene, without touching them.

    Args:
        vertebrae: segmentation node.
        segment_id: of the vertebra to repair.
        lesion: (segmentation node, segment ids or None for all of them).
        roi: markups ROI in its place.
        ct: volume node.
        settings: of the repair.
        known: the vertebrae, where they were just collected.

    Raises:
        SpineError: something is missing, empty or under a warping transform; the lesion lies outside the vertebra.
    """
    found = known or collect_vertebrae(vertebrae)
    vertebra = found.of(segment_id)
    if vertebra is None:
        raise SpineError("The vertebra to repair is not in the segmentation any more: choose another one.")
    if vertebra.centre_ras_mm is None:
        raise SpineError(f"The segment of {vertebra.name} is empty: draw it, or choose another vertebra.")
    grid = found.labels
    mask = lesion_mask(grid, lesion, roi)
    margins = [int(np.ceil(_AROUND_MM / step)) for step in reversed(grid.spacing)]
    box = triple(
        slice(max(part.start - m, 0), min(part.stop + m, size))
        for part, m, size in zip(found.boxes[segment_id], margins, grid.shape, strict=True)
    )
    image = None
    if ct is not None and ct.GetImageData() is not None:
        whole = volume_from_node(ct, "CT", voxels=False)
        if whole.same_grid(grid):
            image = crop(whole, box).with_array(slicer.util.arrayFromVolume(ct)[box].copy(), "CT")
    nodes = {"vertebrae": vertebrae, "lesion": lesion[0], "roi": roi, "CT": ct}
    return Damage(vertebra, crop(grid, box), crop(mask, box), image, box, grid.shape, dict(settings or {}), nodes)


def lesion_mask(grid: Volume, lesion=(None, None), roi=None) -> Volume:
    """The lesion on a grid, uint8: the box where there is one, else the segments.

    Raises:
        SpineError: neither is chosen; nothing of it lies on the grid.
    """
    if roi is not None:
        return roi_mask(roi, grid, "box of the lesion")
    if lesion[0] is None:
        raise SpineError("No lesion is chosen: choose a box or a segment in step 2.")
    mask = segments_volume(lesion[0], lesion[1], "lesion")
    if not mask.same_grid(grid):
        mask = grid.with_array(resample_like(mask, grid, nearest=True).array, "lesion")
        if not mask.array.any():
            raise SpineError("The lesion lies outside the image of the vertebrae: choose a lesion on the same CT.")
    return mask


def most_affected(vertebrae: Vertebrae, mask: Volume) -> str:
    """The segment id of the vertebra that the lesion lies in, or nearest to; "" without vertebrae."""
    box = bounding_box(mask.array)
    counts = np.zeros(256, int)
    if box is not None:
        counts = np.bincount(vertebrae.labels.array[box][mask.array[box] > 0], minlength=256)
        counts[0] = 0
    if counts.any():
        number = int(counts.argmax())
        return next(one.segment_id for one in vertebrae.segments if one.number == number)
    centres = {one.segment_id: one.centre_ras_mm for one in vertebrae.segments if one.centre_ras_mm}
    if not centres or box is None:
        return ""
    kji = np.argwhere(mask.array[box]).mean(axis=0) + [part.start for part in box]
    place = ras_lps((mask.ijk_to_lps @ [*kji[::-1], 1])[:3])
    return min(centres, key=lambda one: np.linalg.norm(place - centres[one]))


@dataclass(frozen=True)
class ImportedRepair:
    """What a repair brought into the scene.

    Attributes:
        segmentation: new; its segments are the vertebra repaired, and as it was (hidden).
        repaired, before: ids of its segments.
        measures: figures of the repair.
        notes: sentences for the user.
    """

    segmentation: Any
    repaired: str
    before: str
    measures: dict
    notes: list[str] = field(default_factory=list)


def import_repair(folder: str | Path, result: Mapping, damage: Damage, inputs: RunInputs) -> ImportedRepair | None:
    """Bring the result of job "inpaint" into the scene, all of it or nothing.

    Args:
        folder: where the job wrote its files.
        result: what the job answered.
        damage: what was repaired.
        inputs: watches the scene since the run's start, with the role "vertebrae"; it is released.

    Returns:
        The new node; None when the scene was closed meanwhile.

    Raises:
        SpineError: a file cannot be read or does not fit. The scene is then as it was.
    """
    try:
        if inputs.scene_closed:
            return None
        level, parts = damage.vertebra.name, []
        vertebrae = inputs.node("vertebrae")
        source = source_volume(vertebrae) if vertebrae is not None else None
        for part in (REPAIRED, BEFORE):
            mask = read_volume(Path(folder) / result[part], part)
            if mask.shape != damage.labels.shape:
                raise SpineError("The result of the repair does not fit the vertebrae: repair again.")
            array = (np.asarray(mask.array) > 0).astype(np.uint8)
            entry = Entry(
                1, part.capitalize(), f"{level} {part}", _COLOURS[part], vertebra_terminology(level), {PART: part}
            )
            parts.append((_whole(array, damage) if source is not None else mask.with_array(array), [entry]))
        provenance = result["provenance"]
        # "L3 repaired (templates, 14.05.09)": the method tells more than its model.
        known = {**provenance, "model": provenance.get("method", "")}
        name = result_name(level, known).replace(" metastases", " repaired", 1)
        node, ids = add_labels(parts, source, name=name, provenance=provenance)
        node.SetAttribute(FINGERPRINT, damage.fingerprint())
        figures = {
            "level": level,
            "settings": dict(damage.settings),
            "measures": result.get("measures", {}),
            "centre_ras_mm": _centre(parts, damage),
        }
        node.SetAttribute(REPAIR, json.dumps(figures))
        node.GetDisplayNode().SetSegmentVisibility(ids[1], False)
        if result.get("uncertainty"):
            _add_uncertainty(node, read_volume(Path(folder) / result["uncertainty"], "uncertainty"))
    finally:
        inputs.release()
    return ImportedRepair(node, ids[0], ids[1], dict(result.get("measures", {})), list(result.get("notes", ())))


def _add_uncertainty(segmentation, uncertainty: Volume) -> None:
    """Keep the uncertainty with the repair, as a volume that the segmentation refers to and no list shows."""
    parent = segmentation.GetParentTransformNode()
    name = f"{segmentation.GetName()} uncertainty"
    with scene_unchanged_on_failure():
        node = volume_to_node(uncertainty, name, parent_transform=parent)
        node.SetHideFromEditors(True)
        segmentation.SetNodeReferenceID(UNCERTAINTY_ROLE, node.GetID())


def uncertainty_of(segmentation) -> Volume | None:
    """The uncertainty of a repair, LPS, mm; None where it is not known, or its node was deleted."""
    node = segmentation.GetNodeReference(UNCERTAINTY_ROLE) if segmentation is not None else None
    if node is None or node.GetImageData() is None:
        return None
    return volume_from_node(node, "uncertainty")


def repair_of(segmentation) -> dict:
    """The figures stored on a segmentation that a repair made; {} for any other."""
    try:
        return json.loads(segmentation.GetAttribute(REPAIR) or "{}") if segmentation is not None else {}
    except ValueError:
        return {}


def part_segment(segmentation, part: str) -> str:
    """The id of the segment that is :data:`REPAIRED` or :data:`BEFORE`; "" when there is none.

    Of a segmentation that no repair made, the first segment counts as repaired.
    """
    if segmentation is None:
        return ""
    ids, inner = segment_ids(segmentation), segmentation.GetSegmentation()
    tagged = [one for one in ids if segment_tag(inner.GetSegment(one), PART) == part]
    if tagged:
        return tagged[0]
    return ids[0] if ids and part == REPAIRED and not repair_of(segmentation) else ""


def is_current(segmentation, damage: Damage) -> bool:
    """Whether a repair was made of exactly this."""
    return segmentation is not None and segmentation.GetAttribute(FINGERPRINT) == damage.fingerprint()


def _whole(array: np.ndarray, damage: Damage) -> Volume:
    """The mask in the whole image: only the voxels count there, as the segment lies on the source's own grid."""
    whole = np.zeros(damage.shape, np.uint8)
    whole[damage.box] = array
    return Volume(whole)


def _centre(parts: Sequence, damage: Damage) -> list[float]:
    """Where most was added, RAS mm; where nothing was, the middle of the vertebra."""
    (repaired, _), (before, _) = parts
    added = np.argwhere((repaired.array > 0) & (before.array == 0))
    if not len(added):
        assert damage.vertebra.centre_ras_mm is not None
        return list(damage.vertebra.centre_ras_mm)
    middle = added.mean(axis=0)
    kji = added[np.linalg.norm(added - middle, axis=1).argmin()].astype(float)
    if repaired.shape == damage.shape and repaired.shape != damage.labels.shape:
        kji -= [part.start for part in damage.box]
    return [float(value) for value in ras_lps((damage.labels.ijk_to_lps @ [*kji[::-1], 1])[:3])]
