"""Where levels are wrong or unknown, the user names the lowest vertebra."""

import json

import pytest


def choose(combo, text):
    """As a user picks an entry."""
    index = [combo.itemText(row) for row in range(combo.count)].index(text)
    combo.currentIndex = index
    combo.activated(index)


def test_levels_follow_the_lowest_vertebra_that_the_user_names(open_panel, desktop, shared_data):
    """DzZ's lowest vertebra above the sacrum is L5; the user says L4, so only the choice explains it."""
    from SpineLib.scene.nodes import volume_to_node
    from SpineLib.tasks.segmentation.naming import PROVENANCE
    from SpineLib.volume import read_volume

    path = shared_data / "mr_lumbar" / "DzZ_T1.nii.gz"
    if not path.is_file():
        pytest.skip("the shared data has no mr_lumbar/DzZ_T1.nii.gz")
    volume_to_node(read_volume(path, "T1"), "DzZ_T1")
    widget = open_panel()
    ui, node = widget.ui, widget._parameterNode
    assert ui.lowestCombo.currentText == "Told by the sacrum" and node.lowest == ""
    choose(ui.lowestCombo, "L4")
    assert node.lowest == "L4"
    ui.segmentApplyButton.click()
    assert desktop.wait(lambda: not widget.panel.jobs.busy, 200)
    assert node.result is not None, ui.segmentStatusLabel.text
    said = json.loads(node.result.GetAttribute(PROVENANCE))
    assert said["parameters"]["lowest"] == "L4" and said["levels_by"]["levels"] == "user"
    levels = {ui.lesionTable.item(row, 1).text() for row in range(ui.lesionTable.rowCount)}
    assert "L5" not in levels, "no vertebra below the one that was named"
    assert "counted from" not in ui.segmentStatusLabel.text


def test_the_choice_is_kept_with_the_scene_and_shown_again(open_panel):
    widget = open_panel()
    widget._parameterNode.lowest = "T12"
    assert widget.ui.lowestCombo.currentText == "T12"


@pytest.mark.parametrize("target", ["metastasis", "necrosis"])
def test_before_and_after_have_a_choice_of_their_own(open_necrosis, target):
    widget = open_necrosis()
    choose(getattr(widget.ui, f"{target}LowestCombo"), "L3")
    node = widget._parameterNode
    assert {"metastasis": node.metastasisLowest, "necrosis": node.necrosisLowest} == {
        "metastasis": "",
        "necrosis": "",
    } | {target: "L3"}
