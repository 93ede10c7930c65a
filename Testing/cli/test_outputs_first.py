"""Outputs that cannot be written are refused before any work, whatever the command."""

import re
import sys
from pathlib import Path

import pytest

from SpineLib.cli.main import main
from SpineLib.cli.outputs import all_or_none, check_folder, check_outputs, check_writable
from SpineLib.errors import SpineError

#: Everybody, root too, is told that this folder may be written; nobody can.
REFUSES = Path("/proc")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a folder that says yes and refuses")


@LINUX
def test_a_folder_that_says_it_may_be_written_and_refuses_is_found_by_trying():
    for check in (
        lambda: check_writable(REFUSES),
        lambda: check_folder(REFUSES / "new" / "run", overwrite=False),
        lambda: check_outputs([REFUSES / "a.nrrd"], [], overwrite=False),
    ):
        with pytest.raises(SpineError, match="cannot be written"):
            check()


def test_trying_leaves_nothing_behind(tmp_path):
    check_outputs([tmp_path / "a.nrrd"], [], overwrite=False)
    check_folder(tmp_path / "new" / "run", overwrite=False)
    assert not list(tmp_path.iterdir())


def test_a_new_folder_within_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpineError, match="lie in a file"):
        check_writable(tmp_path / "file" / "run")


@pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")
def test_a_new_folder_within_one_without_permission_is_refused(open_folder, ordinary_user):
    open_folder.chmod(0o555)
    with ordinary_user(), pytest.raises(SpineError, match="no permission"):
        check_writable(open_folder / "new" / "run")


def test_outputs_come_together_or_not_at_all(tmp_path):
    old, new = tmp_path / "old.txt", tmp_path / "new.txt"
    old.write_text("old")
    with pytest.raises(KeyboardInterrupt), all_or_none(old, None, new) as (first, nothing, second):
        assert nothing is None
        first.write_text("first")
        raise KeyboardInterrupt
    assert old.read_text() == "old" and list(tmp_path.iterdir()) == [old]
    with all_or_none(old, new) as (first, second):
        first.write_text("first")
        second.write_text("second")
        assert old.read_text() == "old" and not new.exists()
    assert (old.read_text(), new.read_text()) == ("first", "second") and len(list(tmp_path.iterdir())) == 2


@LINUX
@pytest.mark.parametrize(
    "command",
    [
        "export --mask v.nrrd -o OUT/x.stl",
        "export --mask v.nrrd -o x.stl --painted OUT/x.vtp",
        "inpaint --vertebrae v.nrrd --lesion l.nrrd -o OUT/x.nrrd",
        "inpaint --vertebrae v.nrrd --lesion l.nrrd -o x.nrrd --report OUT/x.html",
        "segment --task vertebrae --ct ct.nrrd -o OUT/x.nrrd",
        "segment --task vertebrae --ct ct.nrrd -o x.nrrd --csv OUT/x.csv",
        "detect --task ct-lesion --image ct.nrrd -o OUT/x.json",
        "detect --image stir.nrrd -o OUT/x.json",
        "column --image t2.nrrd -o OUT/x.nrrd",
        "followup --before-t1 a.nrrd --after-cet1 b.nrrd -o OUT/x",
        "phantom --ct -o OUT/x",
        "phantom --column --shapes shapes -o OUT/x",
        "demo --out OUT/x",
        "study miao --data . -o OUT/x",
        "train gan --config wgan-gp --cohort c --out OUT/x",
        "evaluate gan --model none --masks m.nii -o OUT/x",
        "evaluate calibration --cohort c --model none --plot OUT/x.svg",
        "cohort column --scan a b -o OUT/x",
    ],
)
def test_each_long_command_refuses_an_output_that_cannot_be_written_first(command, tmp_path, monkeypatch, capsys):
    """The inputs do not even exist: whoever looks at them first says so."""
    monkeypatch.chdir(tmp_path)
    assert main(command.replace("OUT", str(REFUSES)).split()) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert re.search("(output|folder) cannot be (written|created|made)", told), told
    assert not list(tmp_path.iterdir())
