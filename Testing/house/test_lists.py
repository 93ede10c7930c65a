"""Every file of a module, of SpineLib and of the shared resources is named where the installation looks for it."""

from __future__ import annotations

import importlib.util
import shutil
import tomllib
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("house_files", Path(__file__).with_name("files.py"))
files = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(files)

MODULES = sorted(
    path.parent.name
    for path in files.REPOSITORY.glob("*/CMakeLists.txt")
    if (path.parent / f"{path.parent.name}.py").is_file()
)


def problems_of_module(root: Path, module: str) -> list[str]:
    """What the module's CMakeLists.txt forgets, or names without its being there."""
    text = (root / module / "CMakeLists.txt").read_text(encoding="utf-8")
    there = [name.removeprefix(f"{module}/") for name in files.files_below(root, module)]
    found = []
    for variable, wanted in (
        ("MODULE_PYTHON_SCRIPTS", [name for name in there if name.endswith(".py")]),
        ("MODULE_PYTHON_RESOURCES", [name for name in there if not name.endswith(".py")]),
    ):
        listed = files.cmake_list(text, variable)
        found += [problem for problem in files.disagreements(listed, wanted) if "sorted" not in problem]
    return found


def problems_of_library(root: Path) -> list[str]:
    """What SpineLib.cmake forgets, or names without its being there."""
    text = (root / files.CMAKE).read_text(encoding="utf-8")
    scripts, resources = files.library_files(root)
    return files.disagreements(files.cmake_list(text, "SPINELIB_SCRIPTS"), scripts) + files.disagreements(
        files.cmake_list(text, "SPINELIB_RESOURCES"), resources
    )


def test_there_is_a_module_to_check():
    assert "SpineMetSeg" in MODULES


@pytest.mark.parametrize("module", MODULES)
def test_every_file_of_a_module_is_listed_in_its_cmake_file(module):
    assert not problems_of_module(files.REPOSITORY, module)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_part_of_the_extension(module):
    assert f"add_subdirectory({module})" in (files.REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")


def test_every_file_of_the_shared_library_and_resources_is_listed():
    """After files came or went: python Testing/house/files.py"""
    assert not problems_of_library(files.REPOSITORY)


def test_every_package_is_part_of_the_wheel():
    """After packages came or went: python Testing/house/files.py"""
    project = tomllib.loads((files.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["packages"] == files.packages(files.REPOSITORY)


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of what the lists are about, to plant files into."""
    for folder in (*files.SHARED, *MODULES):
        shutil.copytree(
            files.REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.safetensors")
        )
    shutil.copy(files.REPOSITORY / "pyproject.toml", tmp_path)
    files.rewrite(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "planted",
    [
        "SpineLib/volume/planted.py",
        "SpineLib/planted.css",
        "Resources/planted.json",
        "Resources/Models/planted/model.json",
    ],
)
def test_a_planted_file_of_the_library_is_noticed_and_listing_it_helps(copy, planted):
    assert not problems_of_library(copy)
    path = copy / planted
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("planted")
    assert problems_of_library(copy) == [f"{planted} is not listed"]
    files.rewrite(copy)
    assert not problems_of_library(copy)
    path.unlink()
    assert problems_of_library(copy) == [f"{planted} is listed but not there"]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("planted", ["planted.py", "Resources/Icons/planted.png"])
def test_a_planted_file_of_a_module_is_noticed(copy, module, planted):
    before = problems_of_module(copy, module)
    (copy / module / planted).parent.mkdir(parents=True, exist_ok=True)
    (copy / module / planted).write_text("planted")
    assert set(problems_of_module(copy, module)) - set(before) == {f"{planted} is not listed"}


def test_an_unsorted_or_doubled_list_is_noticed():
    assert files.disagreements(["b", "a"], ["a", "b"]) == ["the list is not sorted"]
    assert files.disagreements(["a", "a"], ["a"]) == ["a is listed twice"]
