"""Which files the installed extension and the wheel must carry, and the lists that have to name them.

``python Testing/house/files.py`` rewrites the lists of ``SpineLib/SpineLib.cmake`` and ``pyproject.toml`` after files
came or went; the tests beside it fail while a list and the folders disagree.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CMAKE = Path("SpineLib/SpineLib.cmake")

#: What all modules share: the backend, what their panels have in common, resources.
SHARED = ("SpineLib", "SpinePanel", "Resources")
#: Of Resources, what only readers of the repository look at.
NOT_INSTALLED = {"Resources/Screenshots"}
#: Documentation, build files and the icons' script travel with the sources only.
NOT_LISTED_NAMES = {"README.md", "CMakeLists.txt", "SpineLib.cmake", "draw_icons.py", ".DS_Store"}


def files_below(root: Path, folder: str) -> list[str]:
    """All files below ``root/folder`` that an installation needs, as sorted POSIX paths relative to ``root``."""
    found = []
    for path in (root / folder).rglob("*"):
        name = path.relative_to(root).as_posix()
        left_out = any(name.startswith(f"{skipped}/") for skipped in NOT_INSTALLED)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(root).parts)
        if (
            path.is_file()
            and not hidden
            and not left_out
            and path.name not in NOT_LISTED_NAMES
            and path.suffix != ".pyc"
        ):
            found.append(name)
    return sorted(found)


def cmake_list(text: str, variable: str) -> list[str]:
    """The entries of ``set(variable ...)`` in a CMake file, ``${MODULE_NAME}`` filled in."""
    block = re.search(rf"^set\({variable}\s+(.*?)\)", text, re.S | re.M)
    if block is None:
        return []
    entries = [entry.strip('"') for entry in re.sub(r"#.*", "", block.group(1)).split()]
    name = re.search(r"^set\(MODULE_NAME\s+(\w+)\)", text, re.M)
    return [entry.replace("${MODULE_NAME}", name.group(1)) if name else entry for entry in entries]


def library_files(root: Path) -> tuple[list[str], list[str]]:
    """Scripts, and resources, of what all modules share."""
    files = sorted(name for folder in SHARED for name in files_below(root, folder))
    return [name for name in files if name.endswith(".py")], [name for name in files if not name.endswith(".py")]


def disagreements(listed: list[str], there: list[str]) -> list[str]:
    """One sentence for each file that is not listed, listed and not there, listed twice; none when all is well."""
    problems = [f"{name} is not listed" for name in there if name not in listed]
    problems += [f"{name} is listed but not there" for name in listed if name not in there]
    problems += [f"{name} is listed twice" for name in sorted({name for name in listed if listed.count(name) > 1})]
    if listed != sorted(listed):
        problems.append("the list is not sorted")
    return problems


def packages(root: Path) -> list[str]:
    """The Python packages of the wheel: every folder of SpineLib with an ``__init__.py``, and the shared resources."""
    found = [
        path.parent.relative_to(root).as_posix().replace("/", ".") for path in (root / "SpineLib").rglob("__init__.py")
    ]
    return sorted([*found, "SpineLib._resources"])


def rewrite(root: Path) -> None:
    """Bring both lists up to date."""
    scripts, resources = library_files(root)
    path = root / CMAKE
    text = path.read_text(encoding="utf-8")
    for variable, names in (("SPINELIB_SCRIPTS", scripts), ("SPINELIB_RESOURCES", resources)):
        block = f"set({variable}\n" + "".join(f"  {name}\n" for name in names) + "  )"
        text = re.sub(rf"^set\({variable}\s.*?\)", lambda _, block=block: block, text, flags=re.S | re.M)
    path.write_text(text, encoding="utf-8")
    path = root / "pyproject.toml"
    block = "packages = [\n" + "".join(f'    "{name}",\n' for name in packages(root)) + "]"
    text = re.sub(r"^packages = \[.*?^\]", lambda _: block, path.read_text(encoding="utf-8"), flags=re.S | re.M)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(rewrite(REPOSITORY))
