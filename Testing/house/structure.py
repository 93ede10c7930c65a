"""The floors of the house and the arrows between its files, read from the import statements."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
MODULES = ("SpineMetSeg", "SpineNecrosis", "SpineInpaint")

#: From the ground up; a room imports only rooms of floors below its own. The files of the ground may know each other.
FLOORS = (
    {
        *("errors", "progress", "settings", "sequences", "csv_text", "json_text", "plugins", "processes", "temporary"),
        *("cluster", "user_data", "words"),
    },
    {"volume", "networks"},
    {"geometry", "cohort", "inference", "models"},
    {"preprocess", "metrics", "mesh", "phantom"},
    {"tasks"},
    {"reports"},
    {"jobs", "scene"},
    {"worker"},
    {"cli"},
)
GROUND = FLOORS[0]
#: The first part of a name that only a running Slicer has, and the rooms that may know it.
SLICER, PANEL_ONLY = {"slicer", "mrml", "vtkSegmentationCorePython"}, {"qt", "ctk"}


def level(room: str) -> int:
    """The floor of a room of SpineLib."""
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def imports(source: str, package: str) -> Iterator[str]:
    """Full dotted names of all that a source imports anywhere, inside functions too; ``package`` is where it lies."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def wrong_arrows(source: str, package: str) -> list[str]:
    """Imports that point the wrong way in a file of ``package``, e.g. "SpineLib.volume" or "SpineLab.bench"."""
    top, _, rest = package.partition(".")
    room = rest.partition(".")[0]
    found = []
    for name in imports(source, package):
        first, _, other = name.partition(".")
        other = other.partition(".")[0]
        if first in PANEL_ONLY and top in ("SpineLib", "SpineLab"):
            found.append(f"{package} imports {first}, which belongs to the panels")
        elif first in SLICER and (top == "SpineLab" or (top == "SpineLib" and room != "scene")):
            found.append(f"{package} imports {first}, which belongs to scene and the panels")
        elif top == "SpineLib" and first in ("SpineLab", "SpinePanel", *(f"{one}Lib" for one in MODULES), *MODULES):
            found.append(f"{package} imports {first}, which stands on SpineLib")
        elif top == "SpineLab" and first in ("SpinePanel", *(f"{one}Lib" for one in MODULES), *MODULES):
            found.append(f"{package} imports {first}, which belongs to the panels")
        elif top == "SpinePanel" and first in ("SpineLab", *(f"{one}Lib" for one in MODULES), *MODULES):
            found.append(f"{package} imports {first}, which only a module may")
        elif (
            top == first == "SpineLib"
            and room in set().union(*FLOORS)
            and other in set().union(*FLOORS)
            and other != room
            and not (room in GROUND and other in GROUND)
            and level(other) >= level(room)
        ):
            found.append(f"{package} imports SpineLib.{other}, which is no floor below")
        elif top == "SpineLab" and name.startswith("SpineLib.scene"):
            found.append(f"{package} imports SpineLib.scene, which needs Slicer")
        elif top in MODULES and first.removesuffix("Lib") in MODULES and first.removesuffix("Lib") != top:
            found.append(f"{package} imports {first}, another module")
    return sorted(set(found))


def python_files(root: Path = REPOSITORY) -> dict[str, Path]:
    """Dotted name and path of every file of the library, the laboratory and the panels."""
    found = {}
    for top in ("SpineLib", "SpineLab", "SpinePanel", *MODULES):
        for path in sorted((root / top).rglob("*.py")):
            if "build" not in path.parts:
                name = path.relative_to(root / top if top in MODULES else root).with_suffix("").as_posix()
                found[name.replace("/", ".").removesuffix(".__init__")] = path
    return found


def package_of(name: str, path: Path) -> str:
    """Where a file lies: the package whose floor counts; a module's own files all count as the module."""
    top = name.partition(".")[0].removesuffix("Lib")
    if top in MODULES:
        return top
    if name.count(".") == 1 and path.stem != "__init__":
        return name  # a room that is one file
    return name if path.stem == "__init__" else name.rpartition(".")[0]


def circles(root: Path = REPOSITORY) -> list[list[str]]:
    """Groups of files that import each other in a circle, by whatever way (Tarjan's strongly connected components)."""
    files = python_files(root)
    arrows: dict[str, set[str]] = {}
    for name, path in files.items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        wanted = set(imports(path.read_text(encoding="utf-8"), package))
        targets = {one if one in files else one.rpartition(".")[0] for one in wanted}
        arrows[name] = {one for one in targets if one in files and one != name}
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for target in sorted(arrows[name]):
            if target not in order:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], order[target])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in files:
        if name not in order:
            visit(name)
    return found
