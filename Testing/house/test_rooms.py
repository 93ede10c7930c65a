"""The floors of the house: who may import whom, no circles, and what an import costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from Testing.house.structure import FLOORS, REPOSITORY, circles, package_of, python_files, wrong_arrows

FILES = python_files()


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_only_what_stands_below_it(name):
    path = FILES[name]
    assert not wrong_arrows(path.read_text(encoding="utf-8"), package_of(name, path))


def test_every_room_of_the_library_stands_on_a_floor_and_every_floor_is_lived_on():
    rooms = {name.split(".")[1] for name in FILES if name.startswith("SpineLib.")} - {"__main__"}
    assert rooms == set().union(*FLOORS)


def test_no_files_import_each_other_in_a_circle_not_even_inside_functions():
    assert not circles()


@pytest.mark.parametrize(
    ("source", "package", "wrong"),
    [
        ("from SpineLib.tasks.segmentation.segment import segment", "SpineLib.volume", True),
        ("def f():\n    import SpineLab.training", "SpineLib.models", True),
        ("from ..cli import main", "SpineLib.reports", True),
        ("from SpineLib import cli", "SpineLib.reports", True),
        ("import slicer", "SpineLib.tasks.segmentation", True),
        ("import slicer", "SpineLib.scene", False),
        ("import slicer", "SpinePanel", False),
        ("import qt", "SpineLib.scene", True),
        ("from SpineLib.scene import nodes", "SpineLab.bench", True),
        ("from SpineLib.mesh import gate", "SpineLib.metrics", True),
        ("from SpineLib.metrics import overlap", "SpineLib.tasks.followup.follow_up", False),
        ("from SpineLib.volume import Volume\nimport numpy", "SpineLib.tasks", False),
        ("from SpineLib.errors import SpineError", "SpineLib.settings", False),
        ("from SpineLib.cli.main import main", "SpineLab.commands", False),
        ("import SpineMetSegLib.panel", "SpinePanel", True),
        ("import SpineMetSegLib.panel", "SpineNecrosis", True),
        ("import SpineMetSegLib.panel", "SpineMetSeg", False),
    ],
)
def test_a_planted_import_is_judged_rightly(source, package, wrong):
    assert bool(wrong_arrows(source, package)) is wrong


def test_a_planted_circle_is_found(tmp_path):
    room = tmp_path / "SpineLib" / "volume"
    room.mkdir(parents=True)
    (room / "one.py").write_text("def f():\n    from SpineLib.volume import two\n")
    (room / "two.py").write_text("from SpineLib.volume.three import x\n")
    (room / "three.py").write_text("import SpineLib.volume.one\n")
    assert circles(tmp_path) == [["SpineLib.volume.one", "SpineLib.volume.three", "SpineLib.volume.two"]]


@pytest.mark.parametrize("module", ["SpineLib", "SpineLib.cli.main", "SpineLib.worker", "SpineLib.jobs.registry"])
def test_importing_it_loads_nothing_heavy(module):
    code = (
        f"import sys, {module}; "
        "print(*sorted({'torch', 'SimpleITK', 'skimage', 'vtk', 'monai', 'matplotlib', 'slicer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_library_alone_knows_nothing_of_the_laboratory_and_finds_it_where_it_lies(tmp_path):
    (tmp_path / "SpineLib").symlink_to(REPOSITORY / "SpineLib", target_is_directory=True)
    code = (
        "from pathlib import Path; from SpineLib.plugins import plugins; "
        "print([one.package for one in plugins()], plugins(Path('.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['SpineLab'] ()"


def test_a_package_beside_the_library_adds_commands_and_jobs_by_being_there(tmp_path):
    plugin = tmp_path / "SpineExtra"
    plugin.mkdir()
    (plugin / "plugin.json").write_text('{"jobs": "SpineExtra.jobs", "commands": {"learn": "learn from corrections"}}')
    from SpineLib.plugins import plugins

    (found,) = plugins(tmp_path)
    assert (found.package, dict(found.commands), found.jobs) == (
        "SpineExtra",
        {"learn": "learn from corrections"},
        "SpineExtra.jobs",
    )
