"""The repair's panel with tiny models in the real worker; sample data; the module's own test; layout."""

import numpy as np
import pytest


def finish(inpaint, widget):
    assert inpaint.wait(lambda: not widget.panel.jobs.busy, 180)


@pytest.fixture(scope="module")
def ct_models(model_folder):
    """Models made by hand: what is bright is bone; bright blocks are lesions. Installed for this file only."""
    import shutil

    from SpineLib.models import ModelCard, save_bundle
    from Testing.tasks.tiny import WIDTHS, bright_network
    from Testing.tasks.tiny_ct_lesions import save_bright_block_detector

    card = ModelCard(
        id="bright-bone", title="Bright is bone (test)", task="vertebra-segmentation",
        network={"type": "unet", "dimensions": 2, "inputs": 1, "widths": list(WIDTHS)}, inputs=("CT",),
        preparation={"window": [-250, 1000], "pixel_mm": 1.5}, patch=(64, 64), licence="Apache-2.0",
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
    )  # fmt: skip
    save_bundle(model_folder / "bright-bone", bright_network(2, 1, 0.4), card)
    save_bright_block_detector(model_folder / "bright-blocks-ct")
    yield
    for name in ("bright-bone", "bright-blocks-ct"):
        shutil.rmtree(model_folder / name)


def show(volume, name):
    from SpineLib.scene.nodes import volume_to_node

    return volume_to_node(volume, name)


def test_segmenting_brings_a_segment_a_vertebra_named_from_the_topmost_level(ct_models, open_inpaint, inpaint):
    from Testing.tasks.simulated_spine import spine_ct

    ct, _ = spine_ct()
    show(ct, "Doe^Jane CT")
    widget = open_inpaint()
    ui, node = widget.ui, widget._parameterNode
    assert ui.vertebraeModelCombo.currentText == "Bright is bone (test)" and not ui.vertebraeBadgeLabel.isHidden()
    index = [ui.topmostCombo.itemText(n) for n in range(ui.topmostCombo.count)].index("T12")
    ui.topmostCombo.currentIndex = index
    ui.topmostCombo.activated(index)
    ui.vertebraeApplyButton.click()
    assert ui.vertebraeCancelButton.enabled and not ui.lesionApplyButton.enabled
    finish(inpaint, widget)
    assert ui.vertebraeStatusLabel.text.startswith("3 vertebrae found."), ui.vertebraeStatusLabel.text
    table = ui.vertebraeTable
    assert [table.item(row, 0).text() for row in range(table.rowCount)] == ["T12", "L1", "L2"]
    assert "✓  T12 to L2" in ui.vertebraeSection.text
    assert node.vertebrae.GetName().startswith("Doe^Jane CT vertebrae (bright-bone")
    assert not list(inpaint.temporary.glob("spine-oncology-*"))


def test_detecting_brings_boxes_that_can_be_chosen_moved_and_used_as_the_lesion(ct_models, open_inpaint, inpaint):
    import slicer

    from SpineLib.scene.ctlesions import box_geometry
    from Testing.tasks.tiny_ct_lesions import ct_with_blocks

    show(ct_with_blocks((3, 56, 56), (3, 56, 120)), "CT")
    widget = open_inpaint()
    ui, node = widget.ui, widget._parameterNode
    ui.lesionApplyButton.click()
    finish(inpaint, widget)
    assert ui.lesionStatusLabel.text.startswith("2 lesions found."), ui.lesionStatusLabel.text
    boxes = slicer.util.getNodesByClass("vtkMRMLMarkupsROINode")
    assert len(boxes) == 2 and ui.roiSelector.currentNode() is node.roi is boxes[0]
    assert ui.lesionTable.rowCount == 2 and ui.lesionTable.currentRow() == 0
    assert float(ui.lesionTable.item(0, 1).text()) > 0.9 and "×" in ui.lesionTable.item(0, 2).text()
    ui.lesionTable.cellClicked(1, 0)
    assert node.roi is boxes[1] and "✓  Lesion 2 (CT)" in ui.lesionSection.text
    centre = box_geometry(boxes[1])[0]
    red = slicer.mrmlScene.GetSingletonNode("Red", "vtkMRMLSliceNode")
    assert red.GetSliceToRAS().GetElement(2, 3) == pytest.approx(centre[2], abs=2)
    size = ui.lesionTable.item(1, 3).text()
    boxes[1].SetSize(33, 22, 11)
    assert inpaint.wait(lambda: ui.lesionTable.item(1, 3).text() not in (size, ""), 10)
    assert ui.lesionTable.item(1, 3).text() == "33 × 22 × 11"
    slicer.mrmlScene.RemoveNode(boxes[1])
    assert node.roi is None and inpaint.wait(lambda: ui.lesionTable.rowCount == 1, 10)


@pytest.fixture
def gan(model_folder):
    """A GAN that has learned nothing, where the paper's should be."""
    import shutil

    import torch

    from SpineLib.models import ModelCard, save_bundle
    from SpineLib.networks.gan import Gan

    torch.manual_seed(0)
    card = ModelCard(
        id="inpaint-wgan-gp", title="Noise (test)", task="vertebra-inpainting", inputs=("mask",), preparation={},
        network={"type": "wgan-gp", "latent": 8, "widths": [4, 4, 4, 4]}, patch=(64, 64), licence="Apache-2.0",
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
    )  # fmt: skip
    save_bundle(model_folder / "inpaint-wgan-gp", Gan("wgan-gp", 8, (4, 4, 4, 4)), card)
    yield
    shutil.rmtree(model_folder / "inpaint-wgan-gp")


def test_the_papers_way_shows_itself_again_and_again_while_z_converges(gan, damaged, inpaint):
    import slicer

    ui, shown = damaged.ui, []
    damaged.node.method = "wgan-gp"
    assert ui.repairApplyButton.enabled and not ui.methodBadgeLabel.isHidden()
    assert "Simulated" in ui.methodBadgeLabel.text and "Made by hand" in ui.methodCombo.toolTip
    preview = damaged.widget.panel.repair.preview
    show = preview.show
    preview.show = lambda path: (show(path), shown.append(path.name))
    count = len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
    ui.repairApplyButton.click()
    finish(inpaint, damaged.widget)
    assert len(shown) > 3 and shown == sorted(set(shown))
    assert damaged.node.repaired is not None, ui.repairStatusLabel.text
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == count + 1


def test_cancelling_a_search_leaves_the_scene_as_it_was(ct_models, open_inpaint, inpaint):
    import slicer

    from Testing.tasks.tiny_ct_lesions import ct_with_blocks

    show(ct_with_blocks((3, 56, 56)), "CT")
    widget = open_inpaint()
    count = slicer.mrmlScene.GetNumberOfNodes()
    widget.ui.lesionApplyButton.click()
    assert inpaint.wait(lambda: widget.panel.jobs.worker.session.state == "running", 90)
    widget.ui.lesionCancelButton.click()
    finish(inpaint, widget)
    assert "Cancelled" in widget.ui.lesionStatusLabel.text and slicer.mrmlScene.GetNumberOfNodes() == count


def test_what_only_one_step_needs_is_asked_for_when_that_step_is_used(damaged, inpaint, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "manifold3d" else found(name))
    inpaint.packaging.missing.add("manifold3d")
    damaged.ui.repairedSelector.setCurrentNode(damaged.vertebrae)
    damaged.ui.modelApplyButton.click()
    inpaint.packaging.missing.clear()
    requirements, kept, requester = inpaint.packaging.installed[-1]
    assert requirements == ["manifold3d>=3.2"] and "numpy" in kept and requester == "Spine Vertebra Repair"
    assert "was not installed" in damaged.ui.modelStatusLabel.text and not damaged.widget.panel.jobs.busy


def test_the_simulated_ct_is_in_sample_data(open_inpaint, monkeypatch):
    import SampleData
    import slicer

    from SpineInpaintLib import sampledata
    from SpineLib.scene.scans import SIMULATED

    slicer.app.startupCompleted()
    small = {**sampledata._SETTINGS, "matrix": 96, "spacing": 1.6, "slices": 24, "thickness": 4.0}
    monkeypatch.setattr(sampledata, "_SETTINGS", small)
    ct, vertebrae, lesion, intact = SampleData.click(sampledata.SAMPLE)
    assert ct.GetAttribute(SIMULATED) and all("imulated" in node.GetName() for node in (ct, vertebrae, lesion, intact))
    widget = open_inpaint()
    assert widget._parameterNode.ct is ct
    assert widget._parameterNode.vertebrae is vertebrae, "the bone before the tumour is hidden: it is not meant"
    widget.ui.lesionSelector.setCurrentNode(lesion)
    assert "L" in widget.ui.vertebraCombo.currentText and "✓" in widget.ui.lesionSection.text


def test_the_modules_own_test_passes(open_inpaint):
    """Repair, model and file from a script."""
    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    import slicer

    slicer.selfTests["SpineInpaint"]()
    assert len(slicer.util.getNodesByClass("vtkMRMLSegmentationNode")) == 3


def test_no_text_is_cut_off_at_the_width_slicer_gives(damaged, inpaint):
    from PySide6 import QtWidgets

    widget, ui = damaged.widget, damaged.ui
    ui.logSection.collapsed = False
    inpaint.show(400, 2600)
    inpaint.wait(lambda: False, 0.1)
    assert widget.parent._object.minimumSizeHint().width() <= 400
    for kind in (QtWidgets.QLabel, QtWidgets.QPushButton, QtWidgets.QCheckBox):
        for child in widget.parent._object.findChildren(kind):
            if child.isVisible() and type(child) is kind and not (kind is QtWidgets.QLabel and child.wordWrap()):
                assert child.width() >= child.minimumSizeHint().width(), child.objectName()
    silent = [
        name
        for name, one in vars(ui).items()
        if name.endswith(("Button", "Combo", "Selector", "Slider", "Table", "SpinBox"))
        and isinstance(one._object, QtWidgets.QWidget)
        and not one.toolTip
    ]
    assert not silent


def test_the_previews_slices_stand_upright_and_in_proportion(inpaint):
    """Head up, front up in the axial slice, the patient's right on the left: as radiologists look at it."""
    from SpineInpaintLib.preview import slices_picture
    from SpineLib.volume import Volume

    array = np.zeros((40, 30, 20), np.float32)  # k upwards, j backwards, i to the left
    array[10:30, 10:20, 5:15] = 0.6
    array[10:30, 10:20, 5:9] = 1.0  # the right side
    array[24:30, 10:20, 5:9] = 0.8  # its top
    picture = slices_picture(Volume(array, (2.0, 2.0, 1.0), (0.0, 0.0, 0.0)), 330)
    assert picture.shape[1] == 330 and picture.dtype == np.uint8
    shown = picture > 0
    columns = np.flatnonzero(shown.any(axis=0))
    parts = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    assert len(parts) == 3
    for part, ratio in zip(parts, (1.0, 1.0, 1.0)):  # 20 mm across, 20 mm high
        rows = np.flatnonzero(shown[:, part].any(axis=1))
        assert len(part) / len(rows) == pytest.approx(ratio, rel=0.06)
    coronal = picture[:, parts[1]]
    assert coronal[:, 3].max() == 255 and coronal[:, -3].max() < 200, "the patient's right is on the left"
    filled = coronal[coronal[:, 3] > 0, 3]
    assert filled[2] == pytest.approx(0.8 * 255, abs=1) and filled[-3] == 255, "the head is up"
