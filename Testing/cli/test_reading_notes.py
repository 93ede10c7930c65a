"""What the user should know of an input reaches them, by the shell and by the worker."""

import json

import numpy as np

from SpineLib.cli.main import main
from SpineLib.jobs.registry import run_job
from SpineLib.progress import remark, remarks_to
from SpineLib.volume import Volume, write_volume

#: 0.3 degrees off right angles.
SKEWED = np.array([[1, 0, 0.005236], [0, 1, 0], [0, 0, 0.999986]])


def mask(path):
    array = np.zeros((40, 40, 40), np.uint8)
    array[10:30, 10:30, 10:30] = 1
    write_volume(Volume(array, (2.0, 2.0, 3.0), (0, 0, 0), SKEWED), path)
    return str(path)


def test_a_command_prints_it_once(tmp_path, capsys):
    path = mask(tmp_path / "m.nrrd")
    (tmp_path / "n.nrrd").write_bytes((tmp_path / "m.nrrd").read_bytes())
    call = ["compare", "--before", path, "--after", str(tmp_path / "n.nrrd"), "-o", str(tmp_path / "o.json")]
    assert main(call) == 0
    errors = capsys.readouterr().err
    for name in ("before", "after"):
        assert errors.count(f"Note: The {name} file has axes 0.3 degrees off right angles") == 1


def test_a_job_returns_it_with_its_notes(tmp_path):
    inputs = {"metastasis": mask(tmp_path / "m.nrrd"), "necrosis": mask(tmp_path / "n.nrrd")}
    result = run_job("compare", {"inputs": inputs}, tmp_path)
    assert [note for note in result["notes"] if "The metastasis file has axes 0.3 degrees off" in note]
    json.dumps(result)


def test_remarks_are_heard_only_meanwhile():
    heard = []
    with remarks_to(heard.append):
        remark("one")
    remark("two")
    assert heard == ["one"]
