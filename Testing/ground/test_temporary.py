"""Private folders: closed to others, always removed, and nothing else with them."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from SpineLib.temporary import process_is_alive, remove_private_folder, staged
from SpineLib.worker import PrivateFolder, sweep_stale_folders
from SpineLib.worker.process_tree import kill_tree
from SpineLib.worker.redaction import redact

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="modes of POSIX")


def _make_stale(folder: PrivateFolder, **owner):
    file = folder.path / "owner.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "pid": _dead_pid(), **owner}))


def _dead_pid():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


@POSIX
def test_only_the_user_may_look_into_a_private_folder(tmp_path):
    with PrivateFolder(tmp_path) as path:
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_private_folder_goes_with_all_in_it_after_an_error_too(tmp_path):
    with pytest.raises(RuntimeError), PrivateFolder(tmp_path) as path:
        (path / "a" / "b").mkdir(parents=True)
        (path / "a" / "b" / "T1.nrrd").write_bytes(b"0")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import resource, signal, sys
from SpineLib.worker import PrivateFolder
from SpineLib.errors import SpineError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    PrivateFolder(sys.argv[1])
except SpineError as error:
    sys.exit(str(error))
"""


@POSIX
def test_a_full_disk_gives_one_sentence_and_leaves_no_folder(tmp_path):
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, cwd=root)
    assert done.stderr.startswith("No temporary folder can be made") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@POSIX
def test_read_only_files_and_folders_inside_do_not_stop_the_removal(tmp_path):
    folder = PrivateFolder(tmp_path)
    (folder.path / "inner").mkdir()
    (folder.path / "inner" / "file").write_text("")
    (folder.path / "inner").chmod(0o500)
    folder.remove()
    assert not folder.path.exists()
    folder.remove()


@POSIX
def test_a_link_inside_is_removed_and_not_followed(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("")
    folder = PrivateFolder(tmp_path)
    (folder.path / "link").symlink_to(tmp_path / "kept")
    folder.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "file").exists()


def test_the_folder_goes_when_python_ends_without_a_removal(tmp_path, repository):
    code = "import sys; from SpineLib.worker import PrivateFolder; PrivateFolder(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=repository, check=True, timeout=30)
    assert list(tmp_path.iterdir()) == []


def test_the_sweep_takes_folders_of_dead_owners_and_leaves_all_others(tmp_path):
    stale, living, elsewhere, odd = (PrivateFolder(tmp_path) for _ in range(4))
    (stale.path / "T1.nrrd").write_bytes(b"0")
    _make_stale(stale)
    _make_stale(elsewhere, host="another machine")
    (odd.path / "owner.json").write_text("[not what it should be")
    (tmp_path / "spine-oncology-mine").mkdir()
    (tmp_path / "other").mkdir()
    assert sweep_stale_folders(tmp_path) == [stale.path]
    assert sweep_stale_folders(tmp_path) == []
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {living.path.name, elsewhere.path.name, odd.path.name, "spine-oncology-mine", "other"}


def test_a_folder_that_is_not_private_is_never_removed(tmp_path):
    (tmp_path / "file").write_text("")
    assert not remove_private_folder(tmp_path)
    assert (tmp_path / "file").exists()


def test_a_process_is_known_to_live_until_it_ends():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert process_is_alive(child.pid) and process_is_alive(os.getpid())
    kill_tree(child.pid)
    child.wait(5)
    assert not process_is_alive(child.pid)
    assert not process_is_alive(0) and not process_is_alive(-1) and not process_is_alive(2**70)
    kill_tree(child.pid)


def test_paths_and_names_of_a_job_are_taken_out_of_a_text():
    inputs = {"T1": "/data/Müller_Erika/scan1.nrrd", "T2": "C:\\Akten\\Meier\\b.nii"}
    parameters = {"inputs": inputs, "model": "mets-2d"}
    text = (
        "cannot open /data/Müller_Erika/scan1.nrrd; "
        "'C:\\\\Akten\\\\Meier\\\\b.nii' is odd, as is C:\\Akten\\Meier\\b.nii; "
        f"scan1.nrrd; mets-2d; {Path.home()}/x"
    )
    assert redact(text, parameters) == (
        "cannot open <inputs.T1>; '<inputs.T2>' is odd, as is <inputs.T2>; <inputs.T1>; mets-2d; ~/x"
    )


def test_staged_files_vanish_with_their_folder_and_what_a_killed_process_left_goes_first(tmp_path):
    left = PrivateFolder(tmp_path)
    (left.path / "half.nrrd").write_text("")
    _make_stale(left)
    with pytest.raises(KeyboardInterrupt), staged(tmp_path) as folder:
        assert not left.path.exists() and list(folder.iterdir()) == []
        (folder / "new.nrrd").write_text("")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
