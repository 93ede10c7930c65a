"""Job "model", seen from the scene: masks before and after out, painted surfaces, checks and figures in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.masks import bounding_box
from SpineLib.scene.printmodelnodes import PARTS, fill_model
from SpineLib.scene.repair import BEFORE, FINGERPRINT, REPAIRED, part_segment, repair_of, uncertainty_of
from SpineLib.scene.results import place_beside, scene_unchanged_on_failure, source_volume
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
from SpineLib.volume import Volume, write_volume
from SpineLib.volume.crop import crop
from SpineLib.volume.triples import triple

#: Attribute of the table of checks, a model's head: checks, figures and settings as JSON.
MODEL = "SpineOncology.PrintModel"
#: Node reference from a head to another part, and to what the model was made of.
PART_ROLE, REPAIRED_ROLE = "SpineOncology.{}", "SpineOncology.Repaired"
#: Voxels around the masks that go to the worker: their surfaces close within.
_BORDER = 3


@dataclass(frozen=True, eq=False)
class Shape:
    """What a model is made of, as it is now.

    Attributes:
        name: of the vertebra, "L3".
        mask, before: masks, uint8, LPS, on the same voxels; ``before`` is None where it is not known.
        settings: as job "model" takes them.
        segmentation: the node they are from.
        uncertainty: of the repair, mm, on any voxels; None where it is not known.
    """

    name: str
    mask: Volume
    before: Volume | None
    settings: Mapping
    segmentation: Any
    uncertainty: Volume | None = None

    def fingerprint(self) -> str:
        """The same text for the same masks, places and settings, and only for those."""
        digest = hashlib.sha256()
        for mask in (self.mask, self.before):
            if mask is not None:
                digest.update(np.packbits(mask.array > 0).tobytes())
                digest.update(np.round(mask.ijk_to_lps, 6).tobytes())
        digest.update(json.dumps(dict(self.settings), sort_keys=True).encode())
        return digest.hexdigest()

    def parameters(self, folder: str | Path) -> dict:
        """Write the masks; the job's parameters."""
        files: dict[str, str | None] = {"before": None, "uncertainty": None}
        for name, mask in (("mask", self.mask), ("before", self.before), ("uncertainty", self.uncertainty)):
            if mask is not None:
                path = files[name] = str(Path(folder) / f"{name}.nrrd")
                write_volume(mask, path, compress=False)
        return {"inputs": files, "settings": dict(self.settings), "formats": []}


def collect_shape(segmentation, settings: Mapping | None = None) -> Shape:
    """Read a repaired vertebra, and the vertebra before, from the scene without touching them.

    Args:
        segmentation: of a repair, or any: then its first segment is taken.
        settings: of the model.

    Raises:
        SpineError: no segmentation, no or an empty segment, a warping transform.
    """
    if segmentation is None:
        raise SpineError("Choose a segmentation of the repaired vertebra in step 3, or repair it first.")
    repaired, before = (part_segment(segmentation, part) for part in (REPAIRED, BEFORE))
    if not repaired:
        raise SpineError("The segment of the repaired vertebra is gone: repair again, or choose another segmentation.")
    masks = [segments_volume(segmentation, [repaired], "repaired vertebra")]
    inner = segmentation.GetSegmentation()
    if before:
        try:
            masks.append(segments_volume(segmentation, [before], "vertebra before"))
        except SpineError:  # emptied by the user: then there is nothing to compare with
            before = ""
    inside = bounding_box(np.logical_or.reduce([mask.array > 0 for mask in masks]))
    assert inside is not None
    box = triple(
        slice(max(part.start - _BORDER, 0), min(part.stop + _BORDER, size))
        for part, size in zip(inside, masks[0].shape, strict=True)
    )
    masks = [crop(mask, box) for mask in masks]
    name = repair_of(segmentation).get("level") or inner.GetSegment(repaired).GetName()
    uncertainty = uncertainty_of(segmentation)
    return Shape(name, masks[0], masks[1] if before else None, dict(settings or {}), segmentation, uncertainty)


@dataclass(frozen=True)
class ImportedModel:
    """What a model brought into the scene.

    Attributes:
        head: the table of checks; it refers to the other nodes (:func:`part_of`).
        model: ``{"name", "passed", "checks", "measures", "settings", "attention", "notes"}``.
        notes: sentences for the user.
    """

    head: Any
    model: dict
    notes: list[str] = field(default_factory=list)


def import_model(folder: str | Path, result: Mapping, shape: Shape, *, existing=None) -> ImportedModel:
    """Bring the result of job "model" into the scene: all of it, or nothing.

    Args:
        folder: where the job wrote its files.
        result: what the job answered.
        shape: what the model was made of.
        existing: the head of an earlier model whose nodes are filled anew, so that views keep what they show.

    Raises:
        SpineError: a surface cannot be read. The scene is then as it was.
    """
    model = {
        "name": shape.name,
        "settings": dict(shape.settings),
        "passed": bool(result["passed"]),
        "checks": result["checks"],
        "measures": result["measures"],
        "attention": list(result.get("attention", ())),
        "notes": list(result.get("notes", ())),
    }
    there = existing is not None and existing.GetScene() is slicer.mrmlScene
    files = {part: Path(folder) / result[part] if result.get(part) else None for part in ("model", "before")}
    with scene_unchanged_on_failure():
        nodes: dict[str, Any] = {part: part_of(existing, part) if there else None for part in PARTS}
        fill_model(nodes, model, files["model"], files["before"])
        head = nodes["Checks"]
        alive = shape.segmentation.GetScene() is slicer.mrmlScene
        for part, node in nodes.items():
            if node is not head:
                head.SetNodeReferenceID(PART_ROLE.format(part), node.GetID() if node is not None else None)
            if node is not None:
                node.SetAttribute(PROVENANCE, provenance_text(result["provenance"]))
                if alive and not there:
                    place_beside(node, source_volume(shape.segmentation) or shape.segmentation)
        head.SetNodeReferenceID(REPAIRED_ROLE, shape.segmentation.GetID() if alive else None)
    head.SetAttribute(FINGERPRINT, shape.fingerprint())
    head.SetAttribute(MODEL, json.dumps(model))
    return ImportedModel(head, model, model["notes"])


def part_of(head, part: str):
    """A node of a model: one of :data:`SpineLib.scene.printmodelnodes.PARTS`; None when it was deleted."""
    if head is None:
        return None
    return head if part == "Checks" else head.GetNodeReference(PART_ROLE.format(part))


def model_of(head) -> dict:
    """What is stored on a head; {} for any other table."""
    try:
        return json.loads(head.GetAttribute(MODEL) or "{}") if head is not None else {}
    except ValueError:
        return {}


def is_current(head, shape: Shape) -> bool:
    """Whether a model was made of exactly this."""
    return head is not None and head.GetAttribute(FINGERPRINT) == shape.fingerprint()
