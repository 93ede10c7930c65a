"""What the code imports is declared once, with one lower bound, and the panels install the same."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REQUIREMENTS = REPOSITORY / "SpinePanel" / "requirements.txt"
LINE = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)>=(?P<bound>[0-9.]+)$")
#: Packages of this repository; the walk through the real application is run there as a script.
OWN = re.compile(r"Spine\w*|Testing|setup|walking")
#: What Slicer has and no wheel brings; pip's own copy of a package is asked for where Slicer lacks it.
OF_SLICER = {"qt", "ctk", "slicer", "PyTorchUtils", "SampleData", "ScriptedLoadableModule", "packaging", "pip"}
#: Which extras code in these folders may import besides what is always installed; the benches measure beside MONAI.
EXTRAS = {
    "SpineLib": ("cluster", "dicom", "slicer"),
    "SpineLab": ("train", "test"),
    "Testing": ("cluster", "dicom", "slicer", "train", "test"),
    "Resources": ("test",),
}
#: Yardsticks that a script stands beside, in environments of their own.
YARDSTICKS = {"docs": {"nnunetv2"}}
WITHOUT_SLICER = {"SpineLib", "SpineLab", "Resources"}
#: Called as commands, or found by pytest.
NEVER_IMPORTED = {"check-jsonschema", "cmake", "coverage", "mypy", "pytest-xdist", "ruff"}
#: What Slicer 5.12 brings itself (torch: its extension PyTorch), which pip must not replace.
BROUGHT = {"numpy", "scipy", "simpleitk", "vtk", "pydicom", "torch"}


def spelled(name: str) -> str:
    """A distribution's name as PyPI compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def lines(extra: str | None = None) -> list[str]:
    """The requirements of an extra, or those of all; those that an extra takes from another one are not repeated."""
    found = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    return [line for line in found if not line.startswith("SpineLib[")]


def names(extra: str | None = None) -> set[str]:
    return {spelled(LINE.match(line)["name"]) for line in lines(extra)}


def optional() -> dict[str, str]:
    """What the panels install when it is first used; read without importing, which only Slicer can."""
    tree = ast.parse((REPOSITORY / "SpinePanel" / "packages.py").read_text(encoding="utf-8"))
    return next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "OPTIONAL"
    )


def required() -> list[str]:
    text = REQUIREMENTS.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def everything() -> list[str]:
    return [line for extra in (None, *PROJECT["optional-dependencies"]) for line in lines(extra)]


def imported(source: str) -> set[str]:
    """First words of all that a file imports, wherever in it, ``pytest.importorskip`` included."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "importorskip":
            found.add(node.args[0].value)
    words = {name.split(".")[0] for name in found}
    return {word for word in words if word not in sys.stdlib_module_names and not OWN.fullmatch(word)}


@functools.cache
def imports() -> dict[str, set[str]]:
    """Imported packages by the folder at the top."""
    done = subprocess.run(["git", "ls-files", "*.py"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    found: dict[str, set[str]] = {}
    for name in done.stdout.splitlines():
        path = REPOSITORY / name
        if name != "setup.py" and path.is_file():
            found.setdefault(name.split("/")[0], set()).update(imported(path.read_text(encoding="utf-8")))
    return found


INSTALLED = packages_distributions()


def distributions(module: str) -> set[str]:
    """Names of the distributions that bring a module; the module's own where none is installed."""
    return {spelled(name) for name in INSTALLED.get(module, [module])}


@pytest.mark.parametrize("folder", imports())
def test_all_that_a_folder_imports_is_declared(folder):
    declared = names().union(*(names(extra) for extra in EXTRAS.get(folder, ())))
    here = imports()[folder] - (OF_SLICER if folder not in WITHOUT_SLICER else set())
    here -= YARDSTICKS.get(folder, set())
    assert sorted(name for name in here if not distributions(name) & declared) == []


def test_all_that_is_declared_is_imported():
    used = set().union(*(distributions(name) for found in imports().values() for name in found))
    assert {spelled(LINE.match(line)["name"]) for line in everything()} - used == NEVER_IMPORTED


def test_each_package_stands_in_one_place_with_one_lower_bound():
    assert [line for line in everything() if not LINE.match(line)] == []
    declared = [spelled(LINE.match(line)["name"]) for line in everything()]
    assert sorted(declared) == sorted(set(declared))


def test_the_panels_install_the_same_versions():
    assert set(required()) <= set(lines()) and set(optional().values()) <= {*lines(), *lines("dicom")}
    assert all(spelled(LINE.match(line)["name"]) in distributions(module) for module, line in optional().items())


def test_with_what_slicer_brings_the_panels_have_all_that_the_library_needs():
    installed = {spelled(LINE.match(line)["name"]) for line in (*required(), *optional().values())}
    assert names() - installed - BROUGHT == {"imageio", "pillow"}  # scikit-image brings them


def test_every_pinned_version_is_one_that_is_declared():
    pins = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = dict(line.split("==") for line in pins if not line.startswith("#"))
    bounds = {spelled(LINE.match(line)["name"]): LINE.match(line)["bound"] for line in everything()}
    for name, version in pinned.items():
        at_least = [int(part) for part in bounds[spelled(name)].split(".")]
        assert [int(part) for part in version.split(".")] >= at_least


def test_a_planted_import_is_found():
    source = (
        "def f():\n    import a.b\n    from c.d import e\n    from . import g\n    import os\npytest.importorskip('h')"
    )
    assert imported(source) == {"a", "c", "h"}
