"""Apply, progress, cancel, and everything that can happen meanwhile, with the real worker as a child process."""

import os

import numpy as np
import pytest

from SpineLib.temporary import process_is_alive


def worker_pid(widget):
    return widget.panel.jobs.worker.session._worker_pid


def running(widget):
    """The network's process has the job."""
    return widget.panel.jobs.worker.session.state == "running"


def start(desktop, widget):
    widget.ui.segmentApplyButton.click()
    assert desktop.wait(lambda: running(widget), 90)


def finish(desktop, widget):
    assert desktop.wait(lambda: not widget.panel.jobs.busy, 120)


def overlap(widget, phantom):
    import slicer

    node = widget.logic.getParameterNode().result
    found = np.zeros(phantom.truth.shape, bool)
    for number in range(node.GetSegmentation().GetNumberOfSegments()):
        segment = node.GetSegmentation().GetNthSegmentID(number)
        found |= slicer.util.arrayFromSegmentBinaryLabelmap(node, segment, phantom.t1) > 0
    return 2 * (found & phantom.truth).sum() / (found.sum() + phantom.truth.sum())


def test_apply_brings_lesions_and_a_table_and_leaves_no_file(phantom, desktop, scene_names):
    ui = phantom.widget.ui
    before = scene_names()
    ui.segmentApplyButton.click()
    assert not ui.segmentProgressBar.isHidden() and ui.segmentStageLabel.text, (
        "progress is visible before the worker has begun"
    )
    assert ui.segmentCancelButton.enabled and not ui.segmentApplyButton.enabled
    assert "A run is going on" in ui.segmentApplyButton.toolTip
    ui.segmentApplyButton.click()
    phantom.widget.panel.segment.onApply()
    finish(desktop, phantom.widget)
    assert ui.segmentStatusLabel.text.startswith("2 lesions found.")
    assert overlap(phantom.widget, phantom) > 0.8
    assert ui.lesionTable.rowCount == 2 and ui.lesionTable.item(0, 0).text() == "Lesion 1"
    assert len(scene_names()) == len(before) + 2, "one segmentation and one table came"
    assert not list(desktop.temporary.glob("spine-oncology-*"))
    assert ui.segmentProgressBar.isHidden() and ui.segmentApplyButton.enabled

    ui.segmentApplyButton.click()
    finish(desktop, phantom.widget)
    assert len(scene_names()) == len(before) + 4, "the second run leaves the first one's result alone"

    chosen = phantom.widget._parameterNode.result
    ui.outputSelector.setCurrentNode(chosen)
    ui.segmentApplyButton.click()
    finish(desktop, phantom.widget)
    assert chosen.GetSegmentation().GetNumberOfSegments() == 4
    assert phantom.widget._parameterNode.result is chosen and ui.lesionTable.rowCount == 4


def test_cancel_ends_the_run_and_leaves_the_scene_as_it_was(phantom, desktop, scene_names):
    before = scene_names()
    start(desktop, phantom.widget)
    phantom.widget.ui.segmentCancelButton.click()
    assert desktop.wait(lambda: not phantom.widget.panel.jobs.busy, 10)
    assert "Cancelled" in phantom.widget.ui.segmentStatusLabel.text
    assert scene_names() == before
    assert not list(desktop.temporary.glob("spine-oncology-*"))
    assert phantom.widget.ui.segmentApplyButton.enabled and not phantom.widget.ui.segmentCancelButton.enabled


def test_cancel_works_before_the_worker_has_started(phantom, desktop):
    phantom.widget.ui.segmentApplyButton.click()
    phantom.widget.ui.segmentCancelButton.click()
    assert not phantom.widget.panel.jobs.busy
    assert "Cancelled" in phantom.widget.ui.segmentStatusLabel.text


def test_closing_the_scene_cancels_the_run(phantom, desktop, scene_names):
    import slicer

    start(desktop, phantom.widget)
    slicer.mrmlScene.Clear(0)
    assert desktop.wait(lambda: not phantom.widget.panel.jobs.busy, 10)
    assert "scene was closed" in phantom.widget.ui.segmentStatusLabel.text
    assert scene_names() == []


def test_a_source_deleted_meanwhile_does_not_lose_the_result(phantom, desktop):
    import slicer

    start(desktop, phantom.widget)
    slicer.mrmlScene.RemoveNode(phantom.t1)
    slicer.mrmlScene.RemoveNode(phantom.t2)
    finish(desktop, phantom.widget)
    assert phantom.widget._parameterNode.result.GetSegmentation().GetNumberOfSegments() == 2
    assert phantom.widget.ui.lesionTable.rowCount == 2, "what was found is listed, not only told"
    assert float(phantom.widget.ui.lesionTable.item(0, 3).text()) > 1


def test_a_killed_worker_is_reported_and_replaced(phantom, desktop, scene_names, is_red):
    before = scene_names()
    start(desktop, phantom.widget)
    os.kill(worker_pid(phantom.widget), 9)
    finish(desktop, phantom.widget)
    assert "worker was ended" in phantom.widget.ui.segmentStatusLabel.text
    assert is_red(phantom.widget.ui.segmentStatusLabel)
    assert scene_names() == before
    phantom.widget.ui.segmentApplyButton.click()
    finish(desktop, phantom.widget)
    assert phantom.widget.ui.segmentStatusLabel.text.startswith("2 lesions found.")


def test_a_run_goes_on_while_another_module_is_shown(phantom, desktop):
    start(desktop, phantom.widget)
    desktop.select("Data")
    finish(desktop, phantom.widget)
    desktop.select("SpineMetSeg")
    assert phantom.widget.ui.lesionTable.rowCount == 2
    assert phantom.widget.ui.resultSelector.currentNode() is not None


def test_leaving_the_application_ends_the_worker_at_once(phantom, desktop):
    start(desktop, phantom.widget)
    pid = worker_pid(phantom.widget)
    desktop.close_panel("SpineMetSeg")
    assert desktop.wait(lambda: not process_is_alive(pid), 10)
    assert not list(desktop.temporary.glob("spine-oncology-*"))
    from SpinePanel import qprocess

    assert not qprocess._alive, "no QProcess and no connection outlives the application"


def test_reloading_the_module_ends_the_run_and_gives_a_working_panel(phantom, desktop):
    from pathlib import Path

    start(desktop, phantom.widget)
    pid = worker_pid(phantom.widget)
    widget = desktop.reload(Path(desktop.slicer.modules.spinemetseg.path))
    assert desktop.wait(lambda: not process_is_alive(pid), 10)
    assert widget.ui.segmentApplyButton.enabled
    widget.ui.segmentApplyButton.click()
    finish(desktop, widget)
    assert widget.ui.lesionTable.rowCount == 2


def test_a_result_that_breaks_unexpectedly_is_one_sentence_and_the_panel_goes_on(
    phantom, desktop, monkeypatch, scene_names, caplog
):
    from SpineLib.scene import runs

    def broken(*arguments, **settings):
        raise KeyError("something nobody thought of")

    before = scene_names()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "import_result", broken)
        phantom.widget.ui.segmentApplyButton.click()
        finish(desktop, phantom.widget)
    assert "the log holds the details" in phantom.widget.ui.segmentStatusLabel.text
    assert "something nobody thought of" in caplog.text
    assert phantom.widget.panel._run is None and phantom.widget.ui.segmentApplyButton.enabled
    assert scene_names() == before and not desktop.errors


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda array: array.fill(np.nan), "T1"),
        (lambda array: array.fill(3), "T1"),
        (lambda array: np.copyto(array, 20 * (array - 110)), "is a CT"),
    ],
)
def test_an_image_without_content_is_refused_in_one_red_sentence(
    phantom, desktop, scene_names, spoil, sentence, is_red
):
    import slicer

    spoil(slicer.util.arrayFromVolume(phantom.t1))
    slicer.util.arrayFromVolumeModified(phantom.t1)
    before = scene_names()
    phantom.widget.ui.segmentApplyButton.click()
    finish(desktop, phantom.widget)
    text = phantom.widget.ui.segmentStatusLabel.text
    assert sentence in text and text.count(". ") == 0 and "Traceback" not in text
    assert is_red(phantom.widget.ui.segmentStatusLabel)
    assert scene_names() == before and phantom.widget.ui.segmentApplyButton.enabled


def test_images_of_two_places_are_refused_in_one_red_sentence(phantom, desktop, scene_names, is_red):
    phantom.t2.SetOrigin(0, 500, 0)
    before = scene_names()
    phantom.widget.ui.segmentApplyButton.click()
    finish(desktop, phantom.widget)
    assert "do not show the same place" in phantom.widget.ui.segmentStatusLabel.text
    assert is_red(phantom.widget.ui.segmentStatusLabel)
    assert scene_names() == before and not list(desktop.temporary.glob("spine-oncology-*"))


def test_a_temporary_folder_that_cannot_be_written_is_one_sentence(phantom, desktop, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    phantom.widget.ui.segmentApplyButton.click()
    assert "No temporary folder can be made" in phantom.widget.ui.segmentStatusLabel.text
    assert not phantom.widget.panel.jobs.busy and phantom.widget.ui.segmentApplyButton.enabled


def test_what_waits_for_a_quiet_moment_is_not_called_after_the_panel_was_closed(open_panel, desktop):
    widget, called = open_panel(), []
    widget.panel.whenIdle(lambda: called.append("open"))
    assert desktop.wait(lambda: called, 5)
    widget.panel.whenIdle(lambda: called.append("closed"))
    desktop.close_panel("SpineMetSeg")
    desktop.wait(lambda: False, 0.2)
    assert called == ["open"]
