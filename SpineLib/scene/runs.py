"""One run of a job, seen from the scene: volumes out to files, the result's files back into nodes.

The network works in another process meanwhile; the user may delete the source, edit, or close the scene.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import slicer

from SpineLib.errors import SpineError
from SpineLib.scene.dicomfacts import write_header
from SpineLib.scene.nodes import volume_from_node, volume_to_node
from SpineLib.scene.results import SOURCE_ROLE, add_segmentation, place_beside, scene_unchanged_on_failure
from SpineLib.scene.spineparts import add_parts
from SpineLib.scene.tables import MeasuredSegment, add_table, measure_segments
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text, target_of
from SpineLib.volume import Volume, check_image, read_volume, write_volume


class RunInputs:
    """The volumes of a run, written for the worker, and the nodes they came from, watched until :meth:`release`.

    Attributes:
        files: role ("T1") to the path of its NRRD file; file names hold the role only, never a patient's name.
        scene_closed: the user has closed the scene since; nothing of the run belongs there any more.
    """

    def __init__(self, nodes: Mapping[str, Any], files: Mapping[str, str]):
        self.files = dict(files)
        self.scene_closed = False
        self._nodes = dict(nodes)
        self._names = {role: node.GetName() or role for role, node in nodes.items()}
        self._scene = slicer.mrmlScene
        self._tag = self._scene.AddObserver(slicer.vtkMRMLScene.StartCloseEvent, self._on_close)

    def node(self, role: str):
        """The volume node of a role; None when it has been deleted since."""
        node = self._nodes.get(role)
        return node if node is not None and node.GetScene() is slicer.mrmlScene else None

    def name(self, role: str) -> str:
        """The name that the node of a role had at the start."""
        return self._names.get(role, role)

    def release(self) -> None:
        """Stop watching the scene; harmless the second time."""
        if self._tag is not None:
            self._scene.RemoveObserver(self._tag)
            self._tag = None
        self._nodes.clear()

    def _on_close(self, caller, event) -> None:
        self.scene_closed = True
        self.release()


@dataclass(frozen=True)
class ImportedResult:
    """Nodes that a run brought into the scene.

    Attributes:
        segmentation: new, or the one the user chose.
        segment_ids: its new segments, in the order of ``lesions``.
        lesions: :class:`SpineLib.tasks.segmentation.lesions.Lesion`, as the network found them.
        table, probability: nodes, or None when they were not wanted.
        notes: sentences for the user.
        parts: segmentation of canal and vertebrae, where they were found; it is not shown.
    """

    segmentation: Any
    segment_ids: list[str]
    lesions: list
    table: Any | None = None
    probability: Any | None = None
    notes: list[str] = field(default_factory=list)
    parts: Any | None = None


def export_inputs(nodes: Mapping[str, Any], folder: str | Path) -> RunInputs:
    """Write the chosen volumes into the job's folder.

    Args:
        nodes: role ("T1", "T2", "STIR", "ceT1") to volume node; roles without a node are left out.
        folder: private folder of the job.

    Raises:
        SpineError: no volume, one volume twice, one that cannot be used; the disk is full.
    """
    nodes = {role: node for role, node in nodes.items() if node is not None}
    if not nodes:
        raise SpineError("No volume is selected: choose at least one.")
    if len({node.GetID() for node in nodes.values()}) < len(nodes):
        raise SpineError(f"The same volume is chosen for {' and '.join(nodes)}: choose different volumes.")
    volumes = {role: volume_from_node(node, role) for role, node in nodes.items()}
    for role, volume in volumes.items():
        check_image(volume, role)
    files = {}
    for role, volume in volumes.items():
        files[role] = str(Path(folder) / f"{role}.nrrd")
        write_volume(volume, files[role], compress=False)  # the window waits for this
        write_header(nodes[role], volume, files[role])
    return RunInputs(nodes, files)


def import_result(
    folder: str | Path,
    result: Mapping,
    inputs: RunInputs,
    *,
    name: str | None = None,
    existing=None,
    with_table: bool = True,
    with_probability: bool = False,
) -> ImportedResult | None:
    """Bring the result of job "segment" into the scene, all of it or nothing.

    Args:
        folder: where the job wrote its files.
        result: what the job answered (see :func:`SpineLib.jobs.segment.run`).
        inputs: of :func:`export_inputs`; it is released.
        name: of the new segmentation; None: made of input, model and time.
        existing: segmentation that gets the segments; a new one when the user has deleted it meanwhile.
        with_table: add a table node with the lesions.
        with_probability: add the probability as a volume node (not shown).

    Returns:
        The new nodes; None when the scene was closed meanwhile, and then nothing is added.

    Raises:
        SpineError: the files cannot be read, or do not fit the source any more. The scene is then as it was.
    """
    if inputs.scene_closed:
        return None
    provenance = result["provenance"]
    role = provenance.get("reference") or next(iter(inputs.files))
    source = inputs.node(role)
    notes = list(result.get("notes", ()))
    if existing is not None and existing.GetScene() is not slicer.mrmlScene:
        existing = None
        notes.append("The chosen segmentation was deleted meanwhile; the result is in a new one.")
    labels = read_volume(Path(folder) / result["labels"], "lesions")
    probability = read_volume(Path(folder) / result["probability"], "probability") if with_probability else None
    lesions = [Lesion.from_dict(dict(one)) for one in result["lesions"]]
    name = name or result_name(inputs.name(role), provenance)

    segmentation, ids, table, shown, parts = None, [], None, None, None
    try:
        with scene_unchanged_on_failure():
            segmentation, ids = add_segmentation(
                labels, lesions, source, name=name, provenance=provenance, existing=existing
            )
            if result.get("parts"):
                parts = add_parts(folder, result["parts"], source)
            if probability is not None:
                shown = add_probability(probability, source, f"{name} probability", provenance)
            if with_table:
                grid = source or shown or volume_to_node(labels, "temporary")
                try:
                    measured = measure_segments(segmentation, grid, shown, ids)
                except SpineError as error:  # e.g. put under a warp meanwhile: the run is not lost for that
                    measured = [
                        MeasuredSegment(segment_id, f"{target_of(provenance).one} {lesion.id}", lesion)
                        for segment_id, lesion in zip(ids, lesions, strict=True)
                    ]
                    notes.append(f"The table shows the lesions as they were found. {error}")
                table = add_table(measured, f"{name} table", segmentation)
                table.SetAttribute(PROVENANCE, provenance_text(provenance))
                if source is not None:
                    place_beside(table, source)
                if grid is not source and grid is not shown:
                    slicer.mrmlScene.RemoveNode(grid)
    except BaseException:
        if existing is not None:
            for segment_id in ids:
                existing.GetSegmentation().RemoveSegment(segment_id)
        raise
    finally:
        inputs.release()
    return ImportedResult(segmentation, ids, lesions, table, shown, notes, parts)


def add_probability(probability: Volume, source_node, name: str, provenance: Mapping):
    """Add a probability (0 to 1) as a volume node on the source's grid; views do not change.

    Args:
        probability: on the grid of ``source_node``, or in the world when that is None.
    """
    node = volume_to_node(probability, name)
    if source_node is not None and source_node.GetImageData().GetDimensions() == probability.shape[::-1]:
        node.CopyOrientation(source_node)
        node.SetAndObserveTransformNodeID(source_node.GetTransformNodeID())
        node.SetNodeReferenceID(SOURCE_ROLE, source_node.GetID())
        place_beside(node, source_node)
    node.SetAttribute(PROVENANCE, provenance_text(provenance))
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(0.0, 1.0)
    display.SetVisibility(False)
    return node


def result_name(source_name: str, provenance: Mapping) -> str:
    """ "3 t1_tse_sag metastases (mets-t1t2-2d, 14.05.09)": input, model and time."""
    model = provenance.get("model") or {}
    model = model.get("id", "") if isinstance(model, Mapping) else str(model)
    try:
        # Names become file names when a scene is saved, and a colon is no part of one on Windows.
        time = datetime.fromisoformat(provenance["time"]).strftime("%H.%M.%S")
    except (KeyError, ValueError):
        time = ""
    inside = ", ".join(part for part in (model, time) if part)
    return f"{source_name.replace(':', '')} {target_of(provenance).disease}" + (f" ({inside})" if inside else "")
