"""Every import of our own code, also those inside functions, names something that exists."""

from __future__ import annotations

import ast
import importlib

import pytest

from Testing.house.structure import REPOSITORY, python_files

FILES = python_files()


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(("SpineLib", "SpineLab"))])
def test_what_a_file_imports_of_our_own_exists(name):
    if name.startswith("SpineLib.scene"):
        pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")
    missing = []
    for node in ast.walk(ast.parse(FILES[name].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("SpineLib", "SpineLab")):
            if ".scene" in node.module:
                pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")
            module = importlib.import_module(node.module)
            missing += [
                f"{FILES[name].relative_to(REPOSITORY)}:{node.lineno}: {node.module}.{alias.name}"
                for alias in node.names
                if not hasattr(module, alias.name) and not _is_module(f"{node.module}.{alias.name}")
            ]
    assert not missing


def _is_module(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True
