"""No file is overwritten unasked: the question is about the name that is written, not the one that was typed.

Slicer's save dialog asks about the name as it is typed; an ending that is added later makes it another file.
"""

from types import SimpleNamespace

import pytest

from Testing.panel.patients import compared, finish

OLD = b"somebody's file"


@pytest.fixture
def confirm(monkeypatch):
    """What the user is asked, and the answer."""
    import slicer

    asked = SimpleNamespace(questions=[], answer=True)

    def answer(text, *arguments, **options):
        asked.questions.append(text)
        return asked.answer

    for name in ("confirmOkCancelDisplay", "confirmYesNoDisplay"):
        monkeypatch.setattr(slicer.util, name, answer, raising=False)
    return asked


@pytest.fixture
def built(damaged, inpaint, confirm, monkeypatch):
    """A model that prints, and a dialog in which a name is typed."""
    import qt

    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    damaged.vertebrae.GetSegmentation().RemoveSegment(damaged.vertebrae.GetSegmentation().GetNthSegmentID(0))
    damaged.ui.repairedSelector.setCurrentNode(damaged.vertebrae)
    damaged.ui.modelApplyButton.click()
    finish(inpaint, damaged.widget)
    assert damaged.ui.exportButton.enabled, damaged.ui.exportButton.toolTip

    def export(typed):
        monkeypatch.setattr(qt.QFileDialog, "getSaveFileName", staticmethod(lambda *rest: str(typed)), raising=False)
        damaged.ui.exportButton.click()
        finish(inpaint, damaged.widget)

    damaged.export, damaged.confirm = export, confirm
    return damaged


def test_a_name_typed_without_its_ending_is_asked_about_when_that_file_is_there(built, tmp_path):
    (tmp_path / "L3.stl").write_bytes(OLD)
    built.confirm.answer = False
    built.export(tmp_path / "L3")
    assert len(built.confirm.questions) == 1 and "L3.stl" in built.confirm.questions[0]
    assert (tmp_path / "L3.stl").read_bytes() == OLD
    built.confirm.answer = True
    built.export(tmp_path / "L3")
    assert (tmp_path / "L3.stl").read_bytes() != OLD and "was written" in built.ui.modelStatusLabel.text


def test_a_name_typed_without_its_ending_gets_it(built, tmp_path):
    built.export(tmp_path / "L3")
    assert [file.name for file in tmp_path.iterdir()] == ["L3.stl"] and not built.confirm.questions


def test_a_name_typed_with_its_ending_is_not_asked_about_twice(built, tmp_path):
    (tmp_path / "L3.stl").write_bytes(OLD)
    built.export(tmp_path / "L3.stl")
    assert not built.confirm.questions, "the dialog has asked"
    assert (tmp_path / "L3.stl").read_bytes() != OLD


def test_a_dialog_that_is_left_writes_nothing(built, tmp_path):
    built.export("")
    assert not list(tmp_path.iterdir()) and not built.widget.panel.jobs.busy


@pytest.mark.parametrize(
    "name",
    ["report.html", "comparison.csv", "comparison.json"],
)
def test_a_report_asks_before_any_of_its_files_is_replaced(patient, necrosis, tmp_path, name):
    (tmp_path / name).write_bytes(OLD)
    ui = compared(patient, necrosis).ui
    ui.folderEdit.text = str(tmp_path)
    patient.asked.questions.clear()
    patient.asked.answer = False
    ui.reportApplyButton.click()
    finish(necrosis, patient.widget)
    assert patient.asked.questions and (tmp_path / name).read_bytes() == OLD
