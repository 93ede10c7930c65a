"""The folder of ``spine demo``: written again and again, never somebody else's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from SpineLab.demo.folder import demo_folder
from SpineLib.errors import Cancelled, SpineError


def write(folder, **texts):
    with demo_folder(folder) as part:
        for name, text in texts.items():
            (part / name).write_text(text)


def contents(folder) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != "demo.json"}


@pytest.fixture
def alone(tmp_path):
    """The demo's folder, and the promise that nothing is left beside it."""
    yield tmp_path / "with space ü" / "demo"
    beside = tmp_path / "with space ü"
    assert not beside.exists() or [p.name for p in beside.iterdir()] in ([], ["demo"])


def test_a_new_folder_is_made_with_those_above_it(alone):
    write(alone, a="1", b="2")
    assert contents(alone) == {"a": "1", "b": "2"}
    assert json.loads((alone / "demo.json").read_text())["files"] == ["a", "b"]


def test_a_second_run_replaces_its_own_files_and_keeps_others(alone):
    write(alone, a="1", b="2")
    (alone / "notes").write_text("mine")
    write(alone, a="3", c="4")
    assert contents(alone) == {"a": "3", "c": "4", "notes": "mine"}


def test_a_foreign_folder_is_refused_before_any_work(alone):
    alone.mkdir(parents=True)
    (alone / "thesis").write_text("ten years")
    worked = False
    with pytest.raises(SpineError, match="no demo wrote it"), demo_folder(alone):
        worked = True
    assert not worked and contents(alone) == {"thesis": "ten years"}


def test_a_file_is_refused(alone):
    alone.parent.mkdir()
    alone.write_text("a file")
    with pytest.raises(SpineError, match="no demo wrote it"):
        write(alone, a="1")
    assert alone.read_text() == "a file"


@pytest.mark.parametrize("record", ["no json", "[]", '{"made_by": "me", "files": []}',
                                    '{"made_by": "spine demo", "files": ["../thesis"]}'])  # fmt: skip
def test_a_folder_with_a_record_that_is_none_is_refused(alone, record):
    alone.mkdir(parents=True)
    (alone / "demo.json").write_text(record)
    with pytest.raises(SpineError, match="no demo wrote it"):
        write(alone, a="1")


def test_a_file_of_the_same_name_that_no_demo_wrote_stays(alone):
    write(alone, a="1")
    (alone / "b").write_text("mine")
    with pytest.raises(SpineError, match="'b' that no demo wrote"):
        write(alone, a="2", b="2")
    assert contents(alone) == {"a": "1", "b": "mine"}


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt, ValueError])
def test_a_run_that_ends_early_leaves_the_folder_as_it_was(alone, error):
    write(alone, a="1")
    with pytest.raises(error), demo_folder(alone) as part:
        (part / "a").write_text("half")
        raise error
    assert contents(alone) == {"a": "1"}


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="nobody may write into Linux's /proc, root neither")
def test_a_folder_without_permission_gives_one_sentence():
    with pytest.raises(SpineError, match="cannot be made there"):
        write(Path("/proc/demo"), a="1")


def test_a_full_disk_gives_one_sentence_and_leaves_nothing(alone, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("SpineLab.demo.folder.os.replace", full)
    with pytest.raises(SpineError, match="disk is full"):
        write(alone, a="1")
