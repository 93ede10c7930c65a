"""Job "compare", seen from the scene: two segments and a registration out, tables, painted surface and chart in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.comparisonnodes import PARTS, fill_comparison
from SpineLib.scene.registration import trust
from SpineLib.scene.results import place_beside, scene_unchanged_on_failure, source_volume
from SpineLib.scene.scans import after_to_before
from SpineLib.scene.segmentvolumes import segments_volume
from SpineLib.scene.spineparts import add_parts, canal_volume
from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
from SpineLib.volume import Volume, write_volume

#: Attributes of the table of overlap, the comparison's head: figures as JSON, and what they were made of.
COMPARISON, FINGERPRINT = "SpineOncology.Comparison", "SpineOncology.Fingerprint"
#: Node reference from a head to another part, and to what was compared.
PART_ROLE, METASTASIS_ROLE, NECROSIS_ROLE = "SpineOncology.{}", "SpineOncology.Metastasis", "SpineOncology.Necrosis"
TRANSFORM_ROLE, _ASKED = "SpineOncology.Transform", "SpineOncology.Segments"
CANAL_ROLE = "SpineOncology.Canal"


@dataclass(frozen=True, eq=False)
class Pair:
    """What is compared, as it is now.

    Attributes:
        metastasis, necrosis: masks, each in its own scan's space (the necrosis without the registration), LPS mm.
        after_to_before: 4 x 4, LPS mm; None: both are in one space.
        error_mm, trusted: of the registration.
        settings: as ``SpineLib.tasks.followup.compare.CompareSettings.from_dict`` takes them.
        nodes: the two segmentation nodes.
        ids: of their segments; None: all.
        registration: the transform node, or None.
        canal: mask of the spinal canal in the space of the scan before, and the model that found it; or None.
        canal_node: its segmentation node, or None.
    """

    metastasis: Volume
    necrosis: Volume
    after_to_before: np.ndarray | None
    error_mm: float | None
    trusted: bool
    settings: Mapping
    nodes: tuple
    ids: tuple
    registration: Any | None
    canal: tuple[Volume, str] | None = None
    canal_node: Any | None = None

    def fingerprint(self) -> str:
        """The same text for the same masks, places and settings, and only for those."""
        digest = hashlib.sha256()
        for mask in (self.metastasis, self.necrosis, *([self.canal[0]] if self.canal else [])):
            digest.update(np.packbits(mask.array > 0).tobytes())
            digest.update(np.round(mask.ijk_to_lps, 6).tobytes())
        matrix = np.eye(4) if self.after_to_before is None else self.after_to_before
        digest.update((np.round(matrix, 6) + 0.0).tobytes())
        digest.update(json.dumps([self.error_mm, self.trusted, dict(self.settings)], sort_keys=True).encode())
        return digest.hexdigest()

    def parameters(self, folder: str | Path) -> dict:
        """Write the masks; the job's parameters."""
        files = {}
        for name, mask in (("metastasis", self.metastasis), ("necrosis", self.necrosis)):
            files[name] = str(Path(folder) / f"{name}.nrrd")
            write_volume(mask, files[name], compress=False)
        matrix = None if self.after_to_before is None else self.after_to_before.tolist()
        canal = None
        if self.canal is not None:
            canal = {"path": str(Path(folder) / "canal.nrrd"), "by": self.canal[1]}
            write_volume(self.canal[0], canal["path"], compress=False)
        return {
            "inputs": files,
            "canal": canal,
            "after_to_before_lps": matrix,
            "error_mm": self.error_mm,
            "trusted": self.trusted,
            "settings": dict(self.settings),
        }


def collect_pair(metastasis, necrosis, registration=None, settings: Mapping | None = None, canal=None) -> Pair:
    """Read two segments and the registration between their scans from the scene, without touching them.

    Args:
        metastasis, necrosis: (segmentation node, segment ids or None for all of them).
        registration: transform node that moves the scan after onto the scan before, whether the necrosis lies under it
            or not; None: both are in one space as they lie.
        settings: of the comparison.
        canal: segmentation node with the spinal canal, or None.

    Raises:
        SpineError: a segmentation is missing, both are the same segment, one is empty, the transform is singular or
            warps.
    """
    if metastasis[0] is not None and metastasis[0] is necrosis[0]:
        ids = [set(chosen) for _, chosen in (metastasis, necrosis) if chosen is not None]
        if len(ids) < 2 or ids[0] & ids[1]:
            raise SpineError("Metastasis and necrosis are the same segment: choose two different ones.")
    matrix, error, trusted = None, None, True
    if registration is not None:
        matrix = after_to_before(registration)
        error, trusted = trust(registration)
    tumour, dead = (
        segments_volume(node, chosen, name, registration)
        for (node, chosen), name in ((metastasis, "metastasis"), (necrosis, "necrosis"))
    )
    nodes, chosen = zip(metastasis, necrosis, strict=True)
    tube = _canal(canal, registration)
    return Pair(tumour, dead, matrix, error, trusted, dict(settings or {}), nodes, chosen, registration, tube, canal)


def _canal(segmentation, registration) -> tuple[Volume, str] | None:
    """What can be measured from; an empty or missing segment is none, as the comparison does not need it."""
    try:
        return canal_volume(segmentation, registration=registration)
    except SpineError:
        return None


def pair_of(head) -> Pair:
    """What a comparison was made of, read from the scene anew.

    Raises:
        SpineError: it is gone, or was changed since.
    """
    nodes = [head.GetNodeReference(role) for role in (METASTASIS_ROLE, NECROSIS_ROLE)]
    asked = json.loads(head.GetAttribute(_ASKED) or "{}")
    if None in nodes or not asked:
        raise SpineError("What was compared is not in the scene any more: compare again.")
    registration = head.GetNodeReference(TRANSFORM_ROLE)
    metastasis, necrosis = zip(nodes, asked["ids"], strict=True)
    canal = head.GetNodeReference(CANAL_ROLE)
    pair = collect_pair(metastasis, necrosis, registration, asked["settings"], canal)
    if not is_current(head, pair):
        raise SpineError("The comparison is out of date: compare again.")
    return pair


@dataclass(frozen=True)
class ImportedComparison:
    """What a comparison brought into the scene.

    Attributes:
        head: the table of overlap; it refers to the other nodes (:func:`part_of`).
        comparison: ``SpineLib.tasks.followup.compare.Comparison.to_dict``.
        notes: sentences for the user.
        canal: segmentation with the canal that distances were measured from, or None.
    """

    head: Any
    comparison: dict
    notes: list[str] = field(default_factory=list)
    canal: Any | None = None


def import_comparison(
    folder: str | Path, result: Mapping, pair: Pair, *, existing=None, notes: Sequence[str] = (), scan=None
) -> ImportedComparison:
    """Bring the result of job "compare" into the scene: all of it, or nothing.

    Args:
        folder: where the job wrote its files.
        result: what the job answered.
        pair: what was compared.
        existing: the head of an earlier comparison whose nodes are filled anew, so that views keep what they show; new
            nodes when it is None or was deleted.
        notes: further ones.
        scan: volume node before, in which the spinal canal was looked for; None: it is gone.

    Raises:
        SpineError: the surface cannot be read. The scene is then as it was.
    """
    comparison = dict(result["comparison"])
    comparison["notes"] = [*comparison.get("notes", ()), *notes]
    there = existing is not None and existing.GetScene() is slicer.mrmlScene
    with scene_unchanged_on_failure():
        nodes: dict[str, Any] = {part: part_of(existing, part) if there else None for part in PARTS}
        fill_comparison(nodes, comparison, Path(folder) / result["surface"])
        head = nodes["Overlap"]
        for part, node in nodes.items():
            if node is not head:
                head.SetNodeReferenceID(PART_ROLE.format(part), node.GetID())
            node.SetAttribute(PROVENANCE, provenance_text(result["provenance"]))
        if result.get("parts"):
            found = add_parts(folder, result["parts"], scan)
            pair = replace(pair, canal=_canal(found, pair.registration), canal_node=found)
        roles = (METASTASIS_ROLE, NECROSIS_ROLE, TRANSFORM_ROLE, CANAL_ROLE)
        for role, node in zip(roles, (*pair.nodes, pair.registration, pair.canal_node), strict=True):
            alive = node is not None and node.GetScene() is slicer.mrmlScene
            head.SetNodeReferenceID(role, node.GetID() if alive else None)
        if not there and pair.nodes[0].GetScene() is slicer.mrmlScene:
            beside = source_volume(pair.nodes[0]) or pair.nodes[0]
            for part in ("Overlap", "Distance", "Untreated", "Surface", "Histogram"):
                place_beside(nodes[part], beside)
    head.SetAttribute(FINGERPRINT, pair.fingerprint())
    head.SetAttribute(_ASKED, json.dumps({"ids": list(pair.ids), "settings": dict(pair.settings)}))
    head.SetAttribute(COMPARISON, json.dumps(comparison))
    return ImportedComparison(head, comparison, list(comparison["notes"]), pair.canal_node)


def part_of(head, part: str):
    """A node of a comparison: one of :data:`SpineLib.scene.comparisonnodes.PARTS`; None when it was deleted."""
    if head is None:
        return None
    return head if part == "Overlap" else head.GetNodeReference(PART_ROLE.format(part))


def comparison_of(head) -> dict:
    """The figures stored on a head; {} for any other table."""
    text = head.GetAttribute(COMPARISON) if head is not None else None
    try:
        return json.loads(text or "{}")
    except ValueError:
        return {}


def is_current(head, pair: Pair) -> bool:
    """Whether a comparison was made of exactly this."""
    return head is not None and head.GetAttribute(FINGERPRINT) == pair.fingerprint()
