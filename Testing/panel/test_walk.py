"""The walk through the real application (Testing/slicer/walk.py), taken on the stand-in as far as that goes."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from Testing.pythonqt import api, conformance

REPOSITORY = Path(__file__).resolve().parents[2]
WALK = REPOSITORY / "Testing" / "slicer" / "walk.py"
PARTS = sorted(WALK.parent.rglob("*.py"))


@pytest.fixture
def walk(desktop, necrosis, inpaint, monkeypatch):
    """The script as a module, all three modules loaded, an empty scene."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec = importlib.util.spec_from_file_location("walk", WALK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    desktop.slicer.mrmlScene.Clear(0)
    yield module
    for name in ("SpineMetSeg", "SpineNecrosis", "SpineInpaint"):
        if name in desktop._widgets:
            desktop.close_panel(name)
    for name in [name for name in sys.modules if name.split(".")[0] == "walking"]:
        del sys.modules[name]


@pytest.mark.parametrize("name", ["SpineInpaint", "SpineMetSeg", "SpineNecrosis"])
def test_the_walk_passes_on_the_stand_in(walk, tmp_path, name, model_folder):
    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    code = walk.main([f"out={tmp_path}", f"modules={name}", "data=phantom", "seconds=180"], {})
    steps = json.loads((tmp_path / "walk.json").read_text(encoding="utf-8"))["steps"]
    failed = {step["step"]: step["words"] for step in steps if step["status"] not in ("passed", "skipped")}
    assert not failed
    assert code == 0 and len(steps) > 15
    assert sum(step["status"] == "passed" for step in steps) > 13
    assert (tmp_path / "walk.csv").read_text(encoding="utf-8").count(f"{name},") == len(steps)
    assert "<table>" in (tmp_path / "walk.html").read_text(encoding="utf-8")


def test_a_step_that_fails_is_noted_and_the_walk_goes_on(walk, tmp_path, desktop):
    from walking.record import Record
    from walking.stage import Skipped, Stage

    record = Record(tmp_path)
    record.module = "SpineMetSeg"
    stage = Stage(record, 1.0, "phantom")

    def skip():
        raise Skipped("no model is installed")

    def slot():
        import qt

        button = qt.QPushButton()
        button.connect("clicked(bool)", lambda: 1 / 0)
        button.click()

    assert not stage.step("fails", lambda: stage.expect(False, "the table is empty"))
    assert not stage.step("waits in vain", lambda: stage.wait(lambda: False, "the run ends"))
    assert not stage.step("an error in a slot", slot)
    assert not stage.step("is skipped", skip)
    assert stage.step("passes", lambda: "seen")
    stage.close()
    desktop.errors.clear()
    assert [row["status"] for row in record.rows] == ["failed", "failed", "failed", "skipped", "passed"]
    assert "the table is empty" in record.rows[0]["words"] and "the run ends" in record.rows[1]["words"]
    assert "ZeroDivisionError" in record.rows[2]["words"]
    assert record.write() == 1 and "3 failed" in record.table()


def test_a_window_that_waits_for_an_answer_is_closed_and_its_step_fails(walk, tmp_path):
    from walking.record import Record
    from walking.stage import Stage

    record = Record(tmp_path)
    stage = Stage(record, 1.0, "phantom")

    def ask():
        import qt

        window = qt.QMessageBox()
        window.windowTitle, window.text = "Operate on invisible segment?", "It is hidden."
        window.setModal(True)
        window.show()
        stage.wait(lambda: not window.visible, "it is answered", 5)

    assert not stage.step("asks", ask, picture=False)
    stage.close()
    assert record.rows[0]["words"] == "nobody answered: Operate on invisible segment? It is hidden."


def test_what_breaks_between_two_steps_is_noted_and_the_walk_ends(walk, tmp_path, monkeypatch):
    from walking.stage import Stage

    def leave(self):
        raise RuntimeError("the scene cannot be emptied")

    monkeypatch.setattr(Stage, "leave", leave)
    monkeypatch.setitem(walk.WALKS, "SpineMetSeg", lambda stage: stage.step("passes", lambda: None, picture=False))
    assert walk.main([f"out={tmp_path}", "modules=SpineMetSeg"], {}) == 1
    steps = json.loads((tmp_path / "walk.json").read_text(encoding="utf-8"))["steps"]
    assert [step["status"] for step in steps] == ["passed", "failed"] and "emptied" in steps[1]["words"]


def test_the_table_of_an_application_that_crashed_shows_where(walk, tmp_path):
    from walking.record import Record

    record = Record(tmp_path)
    record.note("before", "passed", 1.0)
    record.begin("the step that crashed")
    steps = json.loads((tmp_path / "walk.json").read_text(encoding="utf-8"))["steps"]
    assert [step["status"] for step in steps] == ["passed", "running"] and record.write() == 1


def test_options_come_from_words_and_from_the_environment(walk):
    asked = walk.options(
        ["walk.py", "size=1366x768", "colour=red"], {"SPINE_WALK_THEME": "dark", "SPINE_WALK_SIZE": "9x9"}
    )
    assert asked["size"] == "1366x768" and asked["theme"] == "dark" and "colour" not in asked


def test_a_module_that_there_is_no_walk_for_is_told_before_anything_begins(walk, tmp_path, capsys):
    assert walk.main([f"out={tmp_path}", "modules=SpineNowhere"], {}) == 2
    assert "choose among" in capsys.readouterr().err


@pytest.mark.skipif(api.load() is None, reason="the application's list of names is not here; set SPINE_PYTHONQT_API")
@pytest.mark.parametrize("path", PARTS, ids=lambda path: path.relative_to(WALK.parent).as_posix())
def test_the_walk_uses_only_names_that_the_application_has(path):
    assert len(PARTS) > 6
    own = {"spinemetseg", "spinenecrosis", "spineinpaint", "sampleDataSources"}
    assert not conformance.problems_of_source(path.read_text(encoding="utf-8"), {}, own, path.name)
