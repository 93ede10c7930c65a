"""What Slicer asks of every module file: it must load at start-up, whatever is or is not installed."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = sorted(
    path.parent for path in REPOSITORY.glob("*/CMakeLists.txt") if (path.parent / f"{path.parent.name}.py").is_file()
)
PANELS = [*MODULES, REPOSITORY / "SpinePanel"]
MODULE_FILES = sorted(path for folder in PANELS for path in folder.rglob("*.py"))
#: Slicer's own Python brings these.
WITH_SLICER = {"slicer", "qt", "ctk", "vtk", "numpy", "mrml", "SampleData"}


def third_party_at_file_scope(source: str, own: set[str]) -> list[str]:
    """Modules that are imported when the file is, and come neither from Python, Slicer nor the extension."""
    found: list[str] = []

    def look(nodes: list[ast.stmt]) -> None:
        for node in nodes:
            if isinstance(node, ast.Import):
                found.extend(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.append(node.module or "")
            elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for branch in ("body", "orelse", "finalbody"):
                    look(getattr(node, branch, []))
                for handler in getattr(node, "handlers", []):
                    look(handler.body)

    look(ast.parse(source).body)
    known = set(sys.stdlib_module_names) | WITH_SLICER | {"SpineLib", "SpinePanel"} | own
    return sorted({name for name in found if name.split(".")[0] not in known})


@pytest.mark.parametrize("path", MODULE_FILES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_a_module_file_imports_nothing_third_party_at_file_scope(path):
    own = {other.stem for module in MODULES for other in module.glob("*.py")} | {
        folder.name for module in MODULES for folder in module.iterdir() if (folder / "__init__.py").is_file()
    }
    assert not third_party_at_file_scope(path.read_text(encoding="utf-8"), own)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch", ["torch"]),
        ("try:\n    import SimpleITK\nexcept ImportError:\n    import skimage.io", ["SimpleITK", "skimage.io"]),
        ("class A:\n    from scipy import ndimage", ["scipy"]),
        ("def f():\n    import torch", []),
        ("import os, slicer, qt\nfrom SpineLib import errors", []),
    ],
)
def test_a_planted_import_at_file_scope_is_judged_rightly(source, found):
    assert third_party_at_file_scope(source, set()) == found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_panel_says_that_it_is_for_research_only(module):
    text = (module / "Resources" / "UI" / f"{module.name}.ui").read_text(encoding="utf-8")
    assert "Research use only, not a medical device" in text


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_every_module_has_its_classes_its_icon_and_its_test(module):
    classes = {
        node.name
        for node in ast.parse((module / f"{module.name}.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef)
    }
    names = {
        node.asname or node.name
        for statement in ast.parse((module / f"{module.name}.py").read_text(encoding="utf-8")).body
        if isinstance(statement, ast.ImportFrom)
        for node in statement.names
    }
    assert {module.name + kind for kind in ("", "Widget", "Logic", "Test")} <= classes | names
    assert (module / "Resources" / "Icons" / f"{module.name}.png").is_file()
