"""The section Models: cards are shown; models are imported, exported and removed by the worker."""

import contextlib
import zipfile

import pytest

from SpineLib.errors import SpineError
from SpinePanel.tinymodel import brightSpots


@pytest.fixture
def section(phantom, tmp_path, desktop, monkeypatch):
    """The section open, and a colleague's model in a zip file."""
    from SpineLib.models import export_bundle, remove_bundle

    phantom.ui, phantom.folder = phantom.widget.ui, tmp_path
    made = brightSpots(tmp_path / "made", "metastasis-segmentation", ("T1",), identifier="colleague")
    phantom.file = export_bundle(made, tmp_path / "colleague.zip")
    phantom.ui.modelsSection.collapsed = False
    phantom.widget.panel.modelsChanged()
    yield phantom
    with contextlib.suppress(SpineError):
        remove_bundle("colleague")


def press(section, desktop, button):
    button.click()
    desktop.wait(lambda: not section.widget.panel.jobs.busy, 300)
    section.widget.panel.update()


def test_a_model_is_imported_looked_at_exported_and_removed(section, desktop, monkeypatch):
    import qt

    ui = section.ui
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", staticmethod(lambda *_: str(section.file)), raising=False)
    press(section, desktop, ui.modelsApplyButton)
    assert "'colleague' was imported" in ui.modelsStatusLabel.text
    names = [ui.modelsCombo.itemText(index) for index in range(ui.modelsCombo.count)]
    ui.modelsCombo.currentIndex = [card.id for card in section.widget.panel.installedModels._cards].index("colleague")
    section.widget.panel.update()
    assert len(names) == 4 and "Made by hand for tests" in ui.modelsCardLabel.text
    copy = section.folder / "copy.zip"
    monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", staticmethod(lambda *_: str(copy)), raising=False)
    press(section, desktop, ui.modelsExportButton)
    assert "colleague/model.json" in zipfile.ZipFile(copy).namelist()
    monkeypatch.setattr(desktop.slicer.util, "confirmOkCancelDisplay", lambda *_, **__: True)
    press(section, desktop, ui.modelsRemoveButton)
    assert ui.modelsCombo.count == 3 and "'colleague' was removed" in ui.modelsStatusLabel.text


def test_a_file_that_is_no_model_is_refused_in_red(section, desktop, monkeypatch, is_red):
    import qt

    broken = section.folder / "broken.zip"
    broken.write_bytes(b"no zip")
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", staticmethod(lambda *_: str(broken)), raising=False)
    press(section, desktop, section.ui.modelsApplyButton)
    assert is_red(section.ui.modelsStatusLabel) and "zip" in section.ui.modelsStatusLabel.text
