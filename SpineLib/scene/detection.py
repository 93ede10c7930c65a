"""A likelihood of metastasis over its image, and the candidates as markups; nothing else in the views moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import slicer

from SpineLib.scene.legend import hide_legend, show_legend
from SpineLib.scene.nodes import RAS_LPS, transform_to_world, volume_from_node, volume_to_node
from SpineLib.scene.results import SOURCE_ROLE, place_beside, scene_unchanged_on_failure
from SpineLib.scene.runs import RunInputs, result_name
from SpineLib.tasks.segmentation.naming import PROVENANCE, provenance_text
from SpineLib.volume import Volume, read_volume
from SpineLib.volume.places import to_index
from SpineLib.volume.resampling import resample_like

if TYPE_CHECKING:
    from SpineLib.tasks.detection.candidates import Candidate
    from SpineLib.tasks.segmentation.places import LevelPlaces

#: Node reference from the list of candidates to the likelihood it was made from.
LIKELIHOOD_ROLE = "SpineOncology.Likelihood"
#: Attribute of a likelihood: where vertebrae lie, in the node's own RAS.
LEVELS = "SpineOncology.LevelPlaces"
#: Black, red, yellow, white; every Slicer has it.
COLOURS = "vtkMRMLColorTableNodeIron"
#: Likelihoods below this are not painted, so that the image stays as it is there.
FAINTEST = 0.1
_OPACITY = 0.5


@dataclass(frozen=True)
class ImportedDetection:
    """Nodes that a search brought into the scene, and sentences for the user."""

    likelihood: Any
    candidates: Any
    notes: list[str]


def import_detection(
    folder: str | Path, result: Mapping, inputs: RunInputs, threshold: float, smallest_cm2: float
) -> ImportedDetection | None:
    """Bring the result of job "detect" into the scene, all of it or nothing.

    Args:
        folder: where the job wrote its files.
        result: what the job answered.
        inputs: of ``SpineLib.scene.runs.export_inputs``; it is released.
        threshold, smallest_cm2: of the list, see :func:`list_candidates`.

    Returns:
        The new nodes; None when the scene was closed meanwhile, and then nothing is added.

    Raises:
        SpineError: the file cannot be read. The scene is then as it was.
    """
    try:
        if inputs.scene_closed:
            return None
        provenance, role = result["provenance"], next(iter(inputs.files))
        # The slices that were searched, not the copy on the image's grid: so the list is that of the shell.
        likelihood = read_volume(Path(folder) / result["slices"], "likelihood")
        name = result_name(inputs.name(role), provenance).replace(" metastases", " likelihood", 1)
        with scene_unchanged_on_failure():
            node = add_likelihood(likelihood, inputs.node(role), name, provenance)
            if result.get("levels"):
                from SpineLib.tasks.segmentation.places import LevelPlaces

                keep_levels(node, LevelPlaces.from_text(result["levels"]))
            found = list_candidates(node, threshold, smallest_cm2)
            points = add_candidates(found, node, name.replace(" likelihood", " candidates", 1))
    finally:
        inputs.release()
    return ImportedDetection(node, points, list(result.get("notes", ())))


def list_candidates(likelihood_node, threshold: float, smallest_cm2: float = 0.0) -> list[Candidate]:
    """The candidates of a likelihood as it lies in the world now, numbered from the top of the spine downwards."""
    from SpineLib.tasks.detection.candidates import find_candidates

    found = find_candidates(volume_from_node(likelihood_node, "likelihood"), threshold, smallest_cm2)
    found.sort(key=lambda one: -one.centre_lps_mm[2])
    levels = levels_of(likelihood_node) if found else None
    return [
        replace(one, id=number, level="" if levels is None else levels.level_at(one.centre_lps_mm))
        for number, one in enumerate(found, start=1)
    ]


def keep_levels(node, places: LevelPlaces) -> None:
    """Keep with a likelihood where the vertebrae lie (LPS mm, in the world as it is now); they move along with it."""
    matrix = np.linalg.inv(transform_to_world(node.GetParentTransformNode(), "likelihood")) @ RAS_LPS
    node.SetAttribute(LEVELS, places.moved(matrix).text())


def levels_of(node) -> LevelPlaces | None:
    """What :func:`keep_levels` kept, LPS mm in the world as it is now; None where nobody knows."""
    text = node.GetAttribute(LEVELS)
    if not text:
        return None
    from SpineLib.tasks.segmentation.places import LevelPlaces  # brings scipy

    return LevelPlaces.from_text(text).moved(RAS_LPS @ transform_to_world(node.GetParentTransformNode(), "likelihood"))


def candidate_mask(likelihood_node, image_node, threshold: float, candidate: Candidate) -> Volume:
    """The voxels of a candidate, uint8 on the grid of an image (which may be another than the likelihood's).

    Args:
        threshold: the candidate was listed with.
    """
    from scipy import ndimage

    likelihood = volume_from_node(likelihood_node, "likelihood")
    bodies, _ = ndimage.label(likelihood.array >= threshold, np.ones((3, 3, 3)))
    corners = np.array(np.meshgrid(*zip(*candidate.bounds_lps_mm, strict=True))).reshape(3, -1).T
    kji = np.round(to_index(corners, likelihood)).astype(int)
    first, last = np.clip(kji.min(axis=0), 0, None), kji.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    inside = bodies[box]
    counts = np.bincount(inside[inside > 0], minlength=1)
    chosen = np.zeros(likelihood.shape, np.uint8)  # what touches it beyond its bounds is another candidate
    chosen[box] = (inside == counts.argmax()) & counts.any()
    body = likelihood.with_array(chosen, "candidate")
    image = volume_from_node(image_node, "image")
    return image.with_array(resample_like(body, image, nearest=True).array, "candidate")


def add_likelihood(likelihood: Volume, source_node, name: str, provenance: Mapping):
    """Add a likelihood (0 to 1) as a volume node with colours; views do not change yet.

    Args:
        likelihood: where it lies in the world (LPS).
        source_node: volume it was made from: the node goes under the same transform, so that it moves along. ``None``
            (it was deleted): the node lies where the image lay.
        provenance: JSON-able; becomes a node attribute.

    Returns:
        The new node. The scene is as it was when it fails.
    """
    if source_node is not None and source_node.GetScene() is not slicer.mrmlScene:
        source_node = None
    with scene_unchanged_on_failure():
        parent = None if source_node is None else source_node.GetParentTransformNode()
        node = volume_to_node(likelihood, name, parent_transform=parent)
        node.SetAttribute(PROVENANCE, provenance_text(provenance))
        if source_node is not None:
            node.SetNodeReferenceID(SOURCE_ROLE, source_node.GetID())
            place_beside(node, source_node)
        display = node.GetDisplayNode()
        display.SetAndObserveColorNodeID(COLOURS)
        display.AutoWindowLevelOff()
        display.SetWindowLevelMinMax(0.0, 1.0)
        display.AutoThresholdOff()
        display.SetThreshold(FAINTEST, 1.0)
        display.ApplyThresholdOn()
    return node


class LikelihoodOverlay:
    """Shows a likelihood as the foreground of all slice views, and gives back what was there before.

    Args:
        node: of :func:`add_likelihood`.
        opacity: of the foreground, 0 to 1.
    """

    def __init__(self, node, opacity: float = _OPACITY):
        self.node, self._opacity = node, opacity
        self._before: dict[str, tuple[str | None, float]] = {}

    @property
    def shown(self) -> bool:
        return bool(self._before)

    def show(self) -> None:
        """Put the likelihood over the image in each slice view; a second call changes nothing."""
        if self.shown or self.node.GetScene() is not slicer.mrmlScene:
            return
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self._before[composite.GetID()] = (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity())
            _set_foreground(composite, self.node.GetID(), self._opacity)
        self._show_legend(True)

    def hide(self) -> None:
        """Restore foreground and opacity of each view that still shows the likelihood; what the user chose stays."""
        before, self._before = self._before, {}
        for composite_id, (volume_id, opacity) in before.items():
            composite = slicer.mrmlScene.GetNodeByID(composite_id)
            if composite is None or composite.GetForegroundVolumeID() not in (self.node.GetID(), None):
                continue
            there = volume_id is not None and slicer.mrmlScene.GetNodeByID(volume_id) is not None
            _set_foreground(composite, volume_id if there else None, opacity)
        if self.node.GetScene() is slicer.mrmlScene:
            self._show_legend(False)

    def _show_legend(self, shown: bool) -> None:
        if shown:
            show_legend(self.node, "Likelihood", "%.2f", 6, "Yellow")  # the images are sagittal
        else:
            hide_legend(self.node)


def add_candidates(candidates: Sequence[Candidate], likelihood_node, name: str):
    """Add candidates as one list of points, under the likelihood's transform; see :func:`update_candidates`."""
    with scene_unchanged_on_failure():
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLMarkupsFiducialNode", name)
        node.CreateDefaultDisplayNodes()
        node.SetNodeReferenceID(LIKELIHOOD_ROLE, likelihood_node.GetID())
        node.SetAttribute(PROVENANCE, likelihood_node.GetAttribute(PROVENANCE))
        node.SetAndObserveTransformNodeID(likelihood_node.GetTransformNodeID())
        place_beside(node, likelihood_node)
        update_candidates(node, candidates)
    return node


def update_candidates(node, candidates: Sequence[Candidate]) -> None:
    """Let a list of points hold these candidates, in place: its display and its transform stay as the user set them.

    Args:
        node: of :func:`add_candidates`.
        candidates: of :func:`list_candidates`. A point's label is the candidate's number, its description the
            probability; points are locked, they are results.

    Raises:
        SpineError: a warping transform lies over the list.
    """
    transform_to_world(node.GetParentTransformNode(), "list of candidates")
    modifying = node.StartModify()
    try:
        while node.GetNumberOfControlPoints() > len(candidates):
            node.RemoveNthControlPoint(node.GetNumberOfControlPoints() - 1)
        for index, candidate in enumerate(candidates):
            place = [float(value) for value in candidate.centre_ras_mm]
            if index < node.GetNumberOfControlPoints():
                node.SetNthControlPointPositionWorld(index, place)
            else:
                node.AddControlPointWorld(place)
            node.SetNthControlPointLabel(index, str(candidate.id))
            node.SetNthControlPointDescription(index, f"probability {candidate.probability:.2f}")
            node.SetNthControlPointLocked(index, True)
    finally:
        node.EndModify(modifying)


def _set_foreground(composite, volume_id: str | None, opacity: float) -> None:
    modifying = composite.StartModify()
    composite.SetForegroundVolumeID(volume_id)
    composite.SetForegroundOpacity(opacity)
    composite.EndModify(modifying)
