"""The headless application behaves as the tests rely on."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from Testing import headless  # noqa: E402


def test_starting_again_gives_the_same_scene(scene):
    assert headless.start().mrmlScene is scene
    assert slicer.app.mrmlScene() is scene


def test_module_logics_are_there_under_their_real_names_and_know_the_scene(scene):
    for name in ("segmentations", "volumes", "terminologies", "subjecthierarchy", "markups", "tables", "models"):
        assert getattr(slicer.modules, name).logic().GetMRMLScene() is scene
    assert slicer.util.getModuleLogic("Segmentations") is slicer.modules.segmentations.logic()
    with pytest.raises(RuntimeError, match="Could not find module"):
        slicer.util.getModuleLogic("Nonsense")


def test_views_and_singletons_survive_closing_the_scene_and_data_does_not(scene):
    kept = scene.GetNumberOfNodes()
    slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)))
    headless.close_scene()
    assert scene.GetNumberOfNodes() == kept
    assert {node.GetName() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")} == {"Red", "Yellow", "Green"}
    assert [node.GetOrientation() for node in slicer.util.getNodesByClass("vtkMRMLSliceNode")] == [
        "Axial", "Sagittal", "Coronal",
    ]  # fmt: skip


def test_the_subject_hierarchy_follows_added_and_removed_nodes(scene):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    before = hierarchy.GetNumberOfItems()
    node = slicer.util.addVolumeFromArray(np.zeros((2, 2, 2)))
    assert hierarchy.GetItemByDataNode(node)
    assert hierarchy.GetNumberOfItems() == before + 1
    scene.RemoveNode(node)
    assert hierarchy.GetNumberOfItems() == before


@pytest.mark.parametrize("suffix", [".nrrd", ".nii.gz", ".mha"])
def test_volumes_are_saved_and_loaded_by_the_file_names_slicer_knows(scene, tmp_path, suffix):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    node = slicer.util.addVolumeFromArray(array, name="T1")
    assert slicer.util.saveNode(node, str(tmp_path / f"t1{suffix}"))
    again = slicer.util.loadVolume(str(tmp_path / f"t1{suffix}"))
    assert again.GetName() == "t1"
    np.testing.assert_array_equal(slicer.util.arrayFromVolume(again), array)


def test_a_file_that_is_not_there_is_an_error(scene, tmp_path):
    with pytest.raises(RuntimeError, match="Failed to load"):
        slicer.util.loadVolume(str(tmp_path / "none.nrrd"))
