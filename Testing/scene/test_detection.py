"""The likelihood over the image, its legend, and the candidates as markups that follow the threshold."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.errors import SpineError  # noqa: E402
from SpineLib.scene.detection import (  # noqa: E402
    LEVELS,
    LIKELIHOOD_ROLE,
    LikelihoodOverlay,
    add_candidates,
    add_likelihood,
    candidate_mask,
    keep_levels,
    list_candidates,
    update_candidates,
)
from SpineLib.scene.nodes import volume_from_node  # noqa: E402
from SpineLib.scene.results import SOURCE_ROLE, provenance_of  # noqa: E402
from SpineLib.tasks.segmentation.levels import place_at  # noqa: E402
from SpineLib.tasks.segmentation.places import LevelPlaces  # noqa: E402
from Testing.scene.grids import add_transform, add_volume, axis_matrix, rotation, warp  # noqa: E402

PROVENANCE = {"task": "detect", "model": {"id": "detect-stir"}}


def candidate(number, probability=0.8, centre=(1.0, 2.0, 3.0)):
    return SimpleNamespace(id=number, probability=probability, centre_ras_mm=centre)


@pytest.fixture
def source(scene):
    """An oblique image under a transform."""
    node = add_volume(rotation() @ axis_matrix((0, 2, 1), (1, -1, -1)), (10, 16, 18))
    node.SetAndObserveTransformNodeID(add_transform(rotation((4, 5, 6))).GetID())
    return node


@pytest.fixture
def likelihood(source):
    volume = volume_from_node(source)
    array = np.zeros(volume.shape, np.float32)
    array[3:6, 4:8, 5:9] = 0.9
    return add_likelihood(volume.with_array(array), source, "image likelihood", PROVENANCE)


def views():
    return [
        (
            node.GetBackgroundVolumeID(),
            node.GetForegroundVolumeID(),
            node.GetForegroundOpacity(),
            node.GetLabelVolumeID(),
            node.GetLabelOpacity(),
            node.GetLinkedControl(),
        )
        for node in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    ]


def geometry():
    return [
        str(node.GetSliceToRAS()) + str(node.GetFieldOfView())
        for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")
    ]


def nodes(scene):
    return [scene.GetNthNode(n).GetID() for n in range(scene.GetNumberOfNodes())]


def test_the_likelihood_lies_on_its_image_and_moves_with_it(source, likelihood):
    assert volume_from_node(likelihood).same_grid(volume_from_node(source), 1e-6)
    assert likelihood.GetParentTransformNode() is source.GetParentTransformNode()
    assert likelihood.GetNodeReference(SOURCE_ROLE) is source
    assert provenance_of(likelihood) == PROVENANCE
    assert slicer.util.arrayFromVolume(likelihood).max() == np.float32(0.9)


def test_its_colours_run_from_0_to_1_and_leave_the_image_bare_where_there_is_nothing(likelihood):
    display = likelihood.GetDisplayNode()
    assert display.GetColorNode().GetName() == "Iron"
    assert (display.GetWindowLevelMin(), display.GetWindowLevelMax()) == (0, 1)
    assert display.GetApplyThreshold() and display.GetLowerThreshold() == pytest.approx(0.1)


def test_adding_it_changes_no_view(source, scene):
    before = views()
    add_likelihood(volume_from_node(source), source, "likelihood", PROVENANCE)
    assert views() == before


def test_showing_sets_foreground_and_opacity_and_legend_only_and_hiding_restores_them(source, likelihood):
    other = add_volume()
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetBackgroundVolumeID(source.GetID())
        composite.SetForegroundVolumeID(other.GetID())
        composite.SetForegroundOpacity(0.2)
        composite.SetLabelOpacity(0.7)
    before, places = views(), geometry()
    overlay = LikelihoodOverlay(likelihood, 0.5)
    overlay.show()
    overlay.show()
    assert views() == [(one[0], likelihood.GetID(), 0.5, *one[3:]) for one in before]
    legend = slicer.vtkSlicerColorLogic.GetColorLegendDisplayNode(likelihood)
    assert legend.GetVisibility() and legend.GetTitleText() == "Likelihood"
    assert geometry() == places
    overlay.hide()
    assert views() == before and not legend.GetVisibility() and not overlay.shown
    overlay.hide()
    assert views() == before


def test_a_foreground_the_user_chose_meanwhile_stays(source, likelihood):
    overlay = LikelihoodOverlay(likelihood)
    overlay.show()
    composite = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")[0]
    composite.SetForegroundVolumeID(source.GetID())
    composite.SetForegroundOpacity(0.9)
    overlay.hide()
    assert composite.GetForegroundVolumeID() == source.GetID() and composite.GetForegroundOpacity() == 0.9


def test_what_was_shown_before_and_is_deleted_now_does_not_come_back(source, likelihood, scene):
    other = add_volume()
    for composite in slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode"):
        composite.SetForegroundVolumeID(other.GetID())
    overlay = LikelihoodOverlay(likelihood)
    overlay.show()
    scene.RemoveNode(other)
    overlay.hide()
    assert {one[1] for one in views()} == {None}


def test_a_deleted_likelihood_or_a_closed_scene_does_no_harm(likelihood, scene):
    overlay = LikelihoodOverlay(likelihood)
    overlay.show()
    scene.RemoveNode(likelihood)
    overlay.hide()
    overlay.show()
    assert {one[1] for one in views()} == {None}
    scene.Clear(0)
    overlay.hide()


def test_a_deleted_source_leaves_the_likelihood_where_the_image_lay(source, scene):
    volume = volume_from_node(source)
    scene.RemoveNode(source)
    node = add_likelihood(volume, source, "likelihood", PROVENANCE)
    assert volume_from_node(node).same_grid(volume, 1e-6) and node.GetParentTransformNode() is None


def test_candidates_are_one_list_of_locked_points_with_number_and_probability(likelihood):
    node = add_candidates([candidate(1, 0.91, (10, 20, 30)), candidate(2, 0.456, (-5, 0, 7))], likelihood, "found")
    assert node.GetNumberOfControlPoints() == 2
    assert node.GetNodeReference(LIKELIHOOD_ROLE) is likelihood and provenance_of(node) == PROVENANCE
    for index, (label, text, place) in enumerate(
        [("1", "probability 0.91", (10, 20, 30)), ("2", "probability 0.46", (-5, 0, 7))]
    ):
        assert node.GetNthControlPointLabel(index) == label
        assert node.GetNthControlPointDescription(index) == text
        assert node.GetNthControlPointLocked(index)
        assert node.GetNthControlPointPositionWorld(index) == pytest.approx(place)


def test_another_threshold_changes_the_list_in_place_and_nothing_else(likelihood, scene):
    node = add_candidates([candidate(1), candidate(2), candidate(3)], likelihood, "found")
    node.GetDisplayNode().SetGlyphScale(7.5)
    before = nodes(scene)
    events = []
    node.AddObserver("ModifiedEvent", lambda *_: events.append(1))
    update_candidates(node, [candidate(1, 0.5, (9, 9, 9))])
    assert node.GetNumberOfControlPoints() == 1
    assert node.GetNthControlPointPositionWorld(0) == pytest.approx((9, 9, 9))
    assert node.GetNthControlPointDescription(0) == "probability 0.50"
    update_candidates(node, [candidate(n) for n in range(1, 6)])
    assert node.GetNumberOfControlPoints() == 5
    update_candidates(node, [])
    assert node.GetNumberOfControlPoints() == 0
    assert nodes(scene) == before and node.GetDisplayNode().GetGlyphScale() == 7.5


def test_candidates_move_with_their_image(source, likelihood):
    node = add_candidates([candidate(1, 0.9, (10, 20, 30))], likelihood, "found")
    parent = source.GetParentTransformNode()
    old = slicer.util.arrayFromTransformMatrix(parent, toWorld=True)
    shift = np.eye(4)
    shift[:3, 3] = (1, 2, 3)
    parent.SetMatrixTransformToParent(slicer.util.vtkMatrixFromArray(shift @ old))
    assert node.GetNthControlPointPositionWorld(0) == pytest.approx((11, 22, 33))


def test_under_a_warp_the_candidates_stay_as_they_are_and_a_sentence_says_why(source, likelihood):
    node = add_candidates([candidate(1)], likelihood, "found")
    node.SetAndObserveTransformNodeID(warp().GetID())
    with pytest.raises(SpineError, match="warping transform over the list of candidates"):
        update_candidates(node, [])
    assert node.GetNumberOfControlPoints() == 1


def test_the_voxels_of_a_candidate_end_where_the_next_one_begins(scene):
    """Two places whose likelihoods run into each other, 19 mm apart in sagittal slices."""
    node = add_volume(axis_matrix((2, 1, 0), (1, -1, -1)), (6, 60, 30))
    image = volume_from_node(node)
    array = np.zeros(image.shape, np.float32)
    array[:, 2:40], array[:, 2:16], array[:, 26:40] = 0.6, 0.95, 0.9
    likelihood = add_likelihood(image.with_array(array), node, "likelihood", PROVENANCE)
    found = list_candidates(likelihood, 0.5, 1.0)
    masks = [candidate_mask(likelihood, node, 0.5, one).array > 0 for one in found]
    assert len(found) == 2 and not (masks[0] & masks[1]).any()
    assert (masks[0] | masks[1]).sum() == (array > 0).sum()


def test_each_candidate_has_its_level_whatever_the_threshold_and_wherever_the_image_was_moved(likelihood, source):
    volume = volume_from_node(source)
    labels = np.zeros(volume.shape, np.uint8)
    labels[2:5, 3:8, 4:10], labels[6:9, 3:8, 4:10] = 22, 23
    vertebrae = volume.with_array(labels)
    assert [one.level for one in list_candidates(likelihood, 0.5)] == [""], "nobody knows"
    keep_levels(likelihood, LevelPlaces.from_text(LevelPlaces.of(vertebrae).text()))
    (one,) = list_candidates(likelihood, 0.5)
    assert one.level == "L3" == place_at(one.centre_lps_mm, vertebrae).name
    source.SetAndObserveTransformNodeID(add_transform(rotation((40, 5, -30))).GetID())
    likelihood.SetAndObserveTransformNodeID(source.GetTransformNodeID())
    assert [one.level for one in list_candidates(likelihood, 0.5)] == ["L3"]
    likelihood.SetAttribute(LEVELS, "broken")
    assert [one.level for one in list_candidates(likelihood, 0.5)] == [""]


def test_levels_that_are_counted_only_are_counted_from_below(source):
    volume = volume_from_node(source)
    labels = np.zeros(volume.shape, np.uint8)
    labels[2:5, 3:8, 4:10], labels[6:9, 3:8, 4:10] = 101, 102
    places = LevelPlaces.of(volume.with_array(labels))
    at = {number: places.points[places.numbers == number].mean(axis=0) for number in (101, 102)}
    assert places.level_at(at[102]) == "vertebra 1 from below" and places.level_at(at[101]) == "vertebra 2 from below"
    assert places.level_at(at[101] + 500) == ""
