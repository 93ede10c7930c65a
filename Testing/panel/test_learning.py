"""Learn from corrections, in the panel: what is offered when, and the whole way through the worker."""

import numpy as np
import pytest


@pytest.fixture
def corrected(phantom, tmp_path, monkeypatch):
    """A result of the tiny model in the panel, of which the user has erased one lesion; an empty training set."""
    from SpineLib.scene.nodes import volume_from_node
    from SpineLib.scene.results import add_segmentation
    from SpineLib.tasks.segmentation.lesions import find_lesions

    monkeypatch.setenv("SPINE_CORRECTIONS", str(tmp_path / "corrections"))
    volume = volume_from_node(phantom.t1)
    _, labels, lesions = find_lesions(volume.with_array(phantom.truth.astype(np.float32)), 0.5)
    made = {"model": {"id": "bright-spots-2d"}, "parameters": {"threshold": 0.5, "smallest_lesion_ml": 0.1}}
    phantom.node, phantom.ids = add_segmentation(labels, lesions, phantom.t1, name="lesions", provenance=made)
    phantom.ui, phantom.set = phantom.widget.ui, tmp_path / "corrections" / "metastasis"
    phantom.widget.panel.learn.lookAgain()
    phantom.ui.resultSelector.setCurrentNode(phantom.node)
    phantom.ui.learnSection.collapsed = False
    phantom.widget.panel.update()
    return phantom


def press(corrected, desktop, button, seconds=300):
    button.click()
    desktop.wait(lambda: not corrected.widget.panel.jobs.busy, seconds)
    corrected.widget.panel.update()


def test_without_a_segmentation_adding_says_what_is_missing(phantom, monkeypatch, tmp_path):
    monkeypatch.setenv("SPINE_CORRECTIONS", str(tmp_path))
    phantom.widget.panel.update()
    assert not phantom.widget.ui.learnAddButton.enabled
    assert "correct the segmentation" in phantom.widget.ui.learnAddButton.toolTip


def test_without_the_laboratory_the_step_says_so_and_offers_nothing(corrected, monkeypatch):
    import SpineLib.plugins

    monkeypatch.setattr(SpineLib.plugins, "plugins", lambda: ())
    corrected.widget.panel.update()
    assert "not installed" in corrected.ui.learnPatientsLabel.text
    assert not corrected.ui.learnAddButton.enabled and not corrected.ui.learnApplyButton.enabled


def test_a_segmentation_of_other_images_is_refused(corrected, desktop, is_red):
    other = desktop.slicer.util.addVolumeFromArray(np.ones((4, 8, 8), np.int16), name="somebody else")
    corrected.node.SetNodeReferenceID("SpineOncology.Source", other.GetID())
    press(corrected, desktop, corrected.ui.learnAddButton)
    assert "made of another image" in corrected.ui.learnStatusLabel.text
    assert is_red(corrected.ui.learnStatusLabel) and not (corrected.set / "sub-001").exists()


def test_a_patient_is_added_replaced_after_a_question_and_removed(corrected, desktop, monkeypatch):
    from SpineLib.cohort.corrections import read_corrections

    questions = []
    monkeypatch.setattr(
        desktop.slicer.util, "confirmOkCancelDisplay", lambda text, *_, **__: questions.append(text) or True
    )
    corrected.node.GetSegmentation().RemoveSegment(corrected.ids[1])
    press(corrected, desktop, corrected.ui.learnAddButton)
    (one,) = read_corrections(corrected.set)
    assert one.lesions == 1 and one.model["id"] == "bright-spots-2d" and one.first.removed == 1
    assert "sub-001 was added with 1 lesion." in corrected.ui.learnStatusLabel.text
    assert corrected.ui.learnPatientsTable.rowCount == 1 and not questions
    press(corrected, desktop, corrected.ui.learnAddButton)
    desktop.wait(lambda: "was added" in corrected.ui.learnStatusLabel.text, 300)
    desktop.wait(lambda: not corrected.widget.panel.jobs.busy, 60)
    assert "Replace what is there?" in questions[0] and len(read_corrections(corrected.set)) == 1
    corrected.ui.learnPatientsTable.setCurrentCell(0, 0)
    corrected.widget.panel.update()
    press(corrected, desktop, corrected.ui.learnRemoveButton)
    assert not read_corrections(corrected.set) and corrected.ui.learnPatientsTable.rowCount == 0


def test_a_new_model_is_taken_and_the_former_comes_back(corrected, desktop, model_folder, monkeypatch):
    """The comparison and the proposed bundle as a fine-tuning leaves them."""
    import shutil
    from dataclasses import replace

    from SpineLib.cohort.corrections import LearningState, write_comparison, write_state
    from SpineLib.models import load_bundle, save_bundle

    corrected.set.mkdir(parents=True)
    (corrected.set / "learning").mkdir()
    base = load_bundle(model_folder / "bright-spots-2d")
    card = replace(
        base.card,
        id="bright-spots-2d-local-1",
        training_data={**base.card.training_data, "local_patients": 3, "local_number": 1, "base": base.card.id},
    )
    save_bundle(corrected.set / "learning" / "proposed", base.network(), card)
    means = {"cases": 3, "dice": 0.5, "lesions": 4, "found": 3, "false_positives": 1}
    lesion = {"group": "patients", "case": "sub-001", "lesion": 1, "volume_ml": 1.0}
    write_comparison(
        corrected.set,
        {
            "promise": "Three patients are few.",
            "summary": {"patients": {"former": means, "new": {**means, "dice": 0.7}}},
            "lesions": [{**lesion, "former": {"dice": 0.0, "found": False}, "new": {"dice": 0.7, "found": True}}],
        },
    )
    write_state(corrected.set, LearningState(proposed=card.id, base=base.card.id, trained=1))
    corrected.widget.panel.learn.lookAgain()
    corrected.widget.panel.update()
    table = corrected.ui.learnCompareTable
    assert [table.item(3, column).text() for column in (0, 2, 3)] == ["sub-001, lesion 1", "missed", "0.70"]
    assert "few" in corrected.ui.learnCompareLabel.text
    press(corrected, desktop, corrected.ui.learnAcceptButton)
    node = corrected.widget._parameterNode
    assert node.model == card.id and (model_folder / card.id).is_dir()
    press(corrected, desktop, corrected.ui.learnBackButton)
    assert node.model == base.card.id and not (model_folder / card.id).exists()
    shutil.rmtree(corrected.set)
