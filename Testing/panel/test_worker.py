"""One worker for all panels: a warm one holds half a gigabyte."""

import pytest

from SpineLib.temporary import process_is_alive


@pytest.fixture
def both(phantom, inpaint):
    """SpineMetSeg with a phantom, and SpineInpaint opened after it."""
    from types import SimpleNamespace

    other = inpaint.open_panel("SpineInpaint")
    inpaint.select("SpineMetSeg")
    yield SimpleNamespace(metastases=phantom.widget, repair=other, desktop=inpaint)
    if "SpineInpaint" in inpaint._widgets:
        inpaint.close_panel("SpineInpaint")


def start(both):
    both.metastases.ui.segmentApplyButton.click()
    session = both.metastases.panel.jobs.worker.session
    assert both.desktop.wait(lambda: session.state == "running", 90)
    return session._worker_pid


def test_both_panels_have_one_worker(both):
    assert both.metastases.panel.jobs.worker is both.repair.panel.jobs.worker


def test_while_one_panel_runs_the_other_says_whose_run_it_waits_for(both):
    start(both)
    both.desktop.select("SpineInpaint")
    assert "A run of Spine Metastasis Segmentation is going on" in both.repair.ui.vertebraeApplyButton.toolTip
    assert not both.repair.ui.vertebraeCancelButton.enabled and both.repair.ui.vertebraeProgressBar.isHidden()
    assert both.desktop.wait(lambda: not both.metastases.panel.jobs.busy, 120)
    assert "A run of" not in both.repair.ui.vertebraeApplyButton.toolTip


def test_a_panel_that_closes_leaves_the_others_run_alone(both):
    pid = start(both)
    both.desktop.close_panel("SpineInpaint")
    assert process_is_alive(pid)
    assert both.desktop.wait(lambda: not both.metastases.panel.jobs.busy, 120)
    assert both.metastases.ui.segmentStatusLabel.text.startswith("2 lesions found.")


def test_a_panel_that_closes_takes_its_own_run_with_it_and_the_other_can_run(both):
    pid = start(both)
    both.desktop.close_panel("SpineMetSeg")
    assert both.desktop.wait(lambda: not process_is_alive(pid), 10)
    both.desktop.select("SpineInpaint")
    assert "A run" not in both.repair.ui.vertebraeApplyButton.toolTip
    assert both.repair.panel.jobs.worker.holder is None


def test_the_warm_worker_ends_with_the_last_panel(both):
    pid = start(both)
    assert both.desktop.wait(lambda: not both.metastases.panel.jobs.busy, 120)
    both.desktop.close_panel("SpineMetSeg")
    assert process_is_alive(pid), "the other panel may need it"
    both.desktop.close_panel("SpineInpaint")
    assert both.desktop.wait(lambda: not process_is_alive(pid), 10)
