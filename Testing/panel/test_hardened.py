"""A registration that the user hardens is not applied a second time, and never without a word.

Hardening writes a transform into the voxels' place and takes the node out from under it. A node that should lie under
the chosen transform and does not is told; Transform None is what fits then.
"""

import numpy as np
import pytest

from Testing.panel.patients import compared, draw, ellipsoid, finish
from Testing.panel.test_necrosis import origin_of


def harden(patient):
    for node in (patient.after, patient.necrosis):
        assert node.GetParentTransformNode() is patient.widget.logic.getParameterNode().transform
        node.HardenTransform()


def words(patient):
    """All that the panel says in steps 3 and 5."""
    ui = patient.ui
    labels = (ui.registerStatusLabel, ui.qualityLabel, ui.compareStatusLabel, ui.outdatedLabel)
    return " ".join(label.text for label in labels if not label.isHidden())


@pytest.fixture
def half(patient, necrosis):
    """Compared while the necrosis covers a part only, so that a second shift shows."""
    import slicer

    from SpineNecrosisLib.selftest import NECROSIS, SHIFT_MM

    segment = patient.necrosis.GetSegmentation().GetNthSegmentID(0)
    zone = ellipsoid(patient.after, np.add(NECROSIS[0], SHIFT_MM), (9, 9, 9))
    zone[:, :, : zone.shape[2] // 2] = False
    slicer.util.updateSegmentBinaryLabelmapFromArray(zone.astype(np.uint8), patient.necrosis, segment, patient.after)
    return compared(patient, necrosis)


def covered(patient):
    from SpineLib.scene.comparison import comparison_of

    return comparison_of(patient.widget._parameterNode.comparison)["overlap"]["covered_share"]


def test_after_hardening_the_panel_says_that_the_scan_is_not_under_the_transform_any_more(half, necrosis):
    harden(half)
    necrosis.wait(lambda: False, 1.2)
    assert "harden" in words(half).lower() or "not under" in words(half).lower(), words(half)
    assert "None" in words(half), "what to do: choose Transform None"


def test_after_hardening_no_other_share_is_told_without_a_word(half, necrosis):
    before = covered(half)
    harden(half)
    necrosis.wait(lambda: False, 1.2)
    half.ui.compareApplyButton.click()
    finish(necrosis, half.widget)
    assert covered(half) == pytest.approx(before, abs=0.01) or not half.ui.compareApplyButton.enabled


def test_hardened_and_without_a_transform_the_share_is_what_it_was(half, necrosis):
    before = covered(half)
    harden(half)
    half.ui.transformSelector.setCurrentNode(None)
    half.ui.compareApplyButton.click()
    finish(necrosis, half.widget)
    assert covered(half) == pytest.approx(before, abs=0.02)  # voxels of 1.5 x 1.5 x 3 mm are drawn anew by hardening


def test_a_hardened_scan_is_not_put_under_the_transform_again_when_the_scene_is_opened(half, necrosis, tmp_path):
    import slicer

    harden(half)
    place = origin_of(half.after)
    necrosis.wait(lambda: False, 0.3)
    necrosis.save_scene(tmp_path / "scene.mrb")
    necrosis.close_panel("SpineNecrosis")
    slicer.mrmlScene.Clear(0)
    necrosis.open_scene(tmp_path / "scene.mrb")
    widget = necrosis.open_panel("SpineNecrosis")
    after = widget._parameterNode.afterCeT1
    np.testing.assert_allclose(origin_of(after), place, atol=1e-3)


def test_a_hardened_scan_stays_where_it_is_when_another_node_of_the_scan_is_chosen(half, necrosis):
    """Another choice makes the panel put nodes under the transform anew."""
    harden(half)
    place = origin_of(half.after)
    other = draw(half.after, "another zone", (36, 42, 48), (5, 5, 5))
    half.ui.necrosisSelector.setCurrentNode(other)
    necrosis.wait(lambda: False, 0.3)
    np.testing.assert_allclose(origin_of(half.after), place, atol=1e-3)


def test_what_was_hardened_while_another_module_was_shown_is_told_on_coming_back(half, necrosis):
    necrosis.select("Transforms")
    harden(half)
    necrosis.wait(lambda: False, 0.3)
    necrosis.select("SpineNecrosis")
    necrosis.wait(lambda: False, 1.2)
    assert "harden" in words(half).lower() or "not under" in words(half).lower(), words(half)


def test_a_scan_taken_from_under_the_transform_by_hand_is_told(half, necrosis):
    """In the module Data: not hardened, but the same for the user, who sees scans that do not lie on each other."""
    half.after.SetAndObserveTransformNodeID(None)
    necrosis.wait(lambda: False, 1.2)
    assert "under" in words(half).lower(), words(half)


def test_a_saved_registration_that_was_not_hardened_comes_back_as_it_was(half, necrosis, tmp_path):
    import slicer

    place = origin_of(half.after)
    necrosis.save_scene(tmp_path / "scene.mrb")
    necrosis.close_panel("SpineNecrosis")
    slicer.mrmlScene.Clear(0)
    necrosis.open_scene(tmp_path / "scene.mrb")
    widget = necrosis.open_panel("SpineNecrosis")
    after = widget._parameterNode.afterCeT1
    assert after.GetParentTransformNode() is widget._parameterNode.transform
    np.testing.assert_allclose(origin_of(after), place, atol=1e-3)
