"""The arrows between SpineLib's rooms, read from the import statements, and what an import costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "SpineLib"

#: A room imports only rooms of a line above its own, and itself.
ORDER = [
    {"errors", "progress"},
    {"settings"},
    {"volume"},
    {"preprocess"},
    {"networks"},
    {"models"},
    {"tasks"},
    {"metrics"},
    {"mesh"},
    {"training"},
    {"phantom"},
    {"reports"},
    {"worker", "client"},
    {"cli"},
    {"scene"},
]
#: Measures of lesions are metrics; a vertebra's printable model is a task's result; worker and client speak one
#: protocol; the command line is where everything meets.
ALSO_ALLOWED = {("tasks", "metrics"), ("tasks", "mesh"), ("worker", "client"), ("__main__", "cli")}
#: The first part of a name that only a running Slicer has.
SLICER, PANEL_ONLY = {"slicer", "mrml", "vtkSegmentationCorePython"}, {"qt", "ctk"}


def level(room: str) -> int:
    """The line of ``ORDER`` that holds ``room``."""
    return next(n for n, rooms in enumerate(ORDER) if room in rooms)


def imports(source: str, package: str) -> list[str]:
    """Full dotted names of all modules a source imports anywhere, lazily too; ``package`` is where it lies."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            names += [f"{base}.{alias.name}" if base == "SpineLib" else base for alias in node.names]
    return names


def broken_arrows(source: str, room: str, package: str) -> list[str]:
    """Imports that point the wrong way in a file of ``room``."""
    found = []
    for name in imports(source, package):
        parts = name.split(".")
        if parts[0] in PANEL_ONLY:
            found.append(f"{room} imports {parts[0]}, which belongs to the panels")
        elif parts[0] in SLICER and room != "scene":
            found.append(f"{room} imports {parts[0]}, which belongs to scene")
        elif parts[0] == "SpineLib" and len(parts) > 1 and parts[1] not in (room, "__version__"):
            other = parts[1]
            if (room, other) not in ALSO_ALLOWED and (other == "scene" or level(other) >= level(room)):
                found.append(f"{room} imports {other}, which comes later")
    return sorted(set(found))


def sources() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_a_room_imports_only_rooms_above_it(path):
    inside = path.relative_to(LIBRARY)
    room = inside.parts[0].removesuffix(".py")
    if room == "__init__":
        assert not [name for name in imports(path.read_text(encoding="utf-8"), "SpineLib") if name != "__future__"]
        return
    assert not broken_arrows(path.read_text(encoding="utf-8"), room, ".".join(["SpineLib", *inside.parent.parts]))


def test_every_room_has_its_place_in_the_order():
    rooms = {path.relative_to(LIBRARY).parts[0].removesuffix(".py") for path in sources()} - {"__init__", "__main__"}
    assert rooms <= set().union(*ORDER)


@pytest.mark.parametrize(
    ("source", "room", "wrong"),
    [
        ("from SpineLib.tasks.segment import segment", "volume", True),
        ("def f():\n    from SpineLib import training", "models", True),
        ("from ..cli import main", "reports", True),
        ("import slicer", "tasks", True),
        ("import slicer", "scene", False),
        ("import qt", "scene", True),
        ("from SpineLib.scene import volumes", "cli", True),
        ("from SpineLib.metrics import overlap", "tasks", False),
        ("from SpineLib.volume import Volume\nimport numpy", "tasks", False),
    ],
)
def test_a_planted_import_is_judged_rightly(source, room, wrong):
    assert bool(broken_arrows(source, room, f"SpineLib.{room}")) is wrong


@pytest.mark.parametrize("module", ["SpineLib", "SpineLib.cli.main", "SpineLib.client"])
def test_importing_it_loads_nothing_heavy(module):
    code = (
        f"import sys, {module}; "
        "print(*sorted({'torch', 'SimpleITK', 'skimage', 'vtk', 'monai', 'matplotlib', 'slicer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
