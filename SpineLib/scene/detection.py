"""A likelihood of metastasis over its image, and the candidates as a list of markups; nothing else in the views moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import slicer

from SpineLib.scene.nodes import transform_to_world, volume_to_node
from SpineLib.scene.results import SOURCE_ROLE, place_beside, scene_unchanged_on_failure
from SpineLib.tasks.naming import PROVENANCE, provenance_text
from SpineLib.volume import Volume

#: Node reference from the list of candidates to the likelihood it was made from.
LIKELIHOOD_ROLE = "SpineOncology.Likelihood"
#: Black, red, yellow, white; every Slicer has it.
COLOURS = "vtkMRMLColorTableNodeIron"
#: Likelihoods below this are not painted, so that the image stays as it is there.
FAINTEST = 0.1
_OPACITY = 0.5


def add_likelihood(likelihood: Volume, source_node, name: str, provenance: Mapping):
    """Add a likelihood (0 to 1) as a volume node with colours and a legend; views do not change yet.

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
        legend = slicer.vtkSlicerColorLogic.AddDefaultColorLegendDisplayNode(node)
        legend.SetTitleText("Likelihood")
        legend.SetLabelFormat("%.1f")
        legend.SetNumberOfLabels(6)
        legend.VisibilityOff()
    return node


class LikelihoodOverlay:
    """Shows a likelihood as the foreground of all slice views, and gives back what was there before.

    Args:
        node: of :func:`add_likelihood`.
        opacity: of the foreground, 0 to 1.
    """

    def __init__(self, node, opacity: float = _OPACITY):
        self._node, self._opacity = node, opacity
        self._before: dict[str, tuple[str | None, float]] = {}

    @property
    def shown(self) -> bool:
        return bool(self._before)

    def show(self) -> None:
        """Put the likelihood over the image in each slice view; a second call changes nothing."""
        if self.shown or self._node.GetScene() is not slicer.mrmlScene:
            return
        for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
            self._before[composite.GetID()] = (composite.GetForegroundVolumeID(), composite.GetForegroundOpacity())
            _set_foreground(composite, self._node.GetID(), self._opacity)
        self._show_legend(True)

    def hide(self) -> None:
        """Restore foreground and opacity of each view that still shows the likelihood; what the user chose stays."""
        before, self._before = self._before, {}
        for composite_id, (volume_id, opacity) in before.items():
            composite = slicer.mrmlScene.GetNodeByID(composite_id)
            if composite is None or composite.GetForegroundVolumeID() not in (self._node.GetID(), None):
                continue
            there = volume_id is not None and slicer.mrmlScene.GetNodeByID(volume_id) is not None
            _set_foreground(composite, volume_id if there else None, opacity)
        if self._node.GetScene() is slicer.mrmlScene:
            self._show_legend(False)

    def _show_legend(self, shown: bool) -> None:
        legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(self._node)
        if legend is not None:
            legend.SetVisibility(shown)


def add_candidates(candidates: Sequence, likelihood_node, name: str):
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


def update_candidates(node, candidates: Sequence) -> None:
    """Let a list of points hold these candidates, in place: its display and its transform stay as the user set them.

    Args:
        node: of :func:`add_candidates`.
        candidates: :class:`SpineLib.tasks.candidates.Candidate`, the most superior first. A point's label is the
            candidate's number, its description the probability; points are locked, they are results.

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
            node.SetNthControlPointLabel(index, str(candidate.number))
            node.SetNthControlPointDescription(index, f"probability {candidate.probability:.2f}")
            node.SetNthControlPointLocked(index, True)
    finally:
        node.EndModify(modifying)


def _set_foreground(composite, volume_id: str | None, opacity: float) -> None:
    modifying = composite.StartModify()
    composite.SetForegroundVolumeID(volume_id)
    composite.SetForegroundOpacity(opacity)
    composite.EndModify(modifying)
