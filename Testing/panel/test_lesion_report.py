"""The report of lesions from the panel: page, text in the clipboard, and what makes an old one void."""

from __future__ import annotations

from Testing.panel.patients import draw, finish


def test_a_report_is_written_opened_and_copied(phantom, desktop, tmp_path, monkeypatch):
    import qt
    import slicer

    ui, node = phantom.widget.ui, phantom.widget._parameterNode
    assert "Choose the segmentation" in ui.reportApplyButton.toolTip
    drawn = draw(phantom.t1, "Lesion Doe^Jane", (0, 0, 0), (6, 6, 6))
    drawn.SetName("Doe^Jane")
    drawn.GetSegmentation().GetNthSegment(0).SetName("Lesion 1")
    node.result = drawn
    desktop.wait(lambda: ui.lesionTable.rowCount == 1, 10)
    assert "Choose a folder" in ui.reportApplyButton.toolTip and not ui.copyTextButton.enabled
    assert not ui.dicomCheckBox.enabled and "not loaded from DICOM" in ui.dicomCheckBox.toolTip
    ui.folderEdit.text = str(tmp_path / "new")
    desktop.wait(lambda: ui.reportApplyButton.enabled, 10)
    ui.reportApplyButton.click()
    finish(desktop, phantom.widget)
    assert "3 files written" in ui.reportStatusLabel.text, ui.reportStatusLabel.text
    text = (tmp_path / "new" / "report.txt").read_text(encoding="utf-8")
    page = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert text.startswith("1 metastasis on T1") and "no model" in text
    assert "Doe" not in text + page and "Research use only" in page
    assert ui.openButton.enabled and ui.copyTextButton.enabled
    ui.copyTextButton.click()
    assert qt.QApplication.clipboard().text() == text.strip()
    asked = []
    monkeypatch.setattr(
        slicer.util, "confirmOkCancelDisplay", lambda text, *rest, **more: asked.append(text), raising=False
    )
    ui.reportApplyButton.click()
    assert "report.html" in asked[0] and not phantom.widget.panel.jobs.busy
    node.result = None
    desktop.wait(lambda: not ui.openButton.enabled, 10)
    assert not ui.copyTextButton.enabled, "the text is of another segmentation"
