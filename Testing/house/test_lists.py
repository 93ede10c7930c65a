"""Nothing that an installation needs is left out by the patterns of the CMake lists and of the wheel."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from pathlib import Path, PurePosixPath

import pytest

from Testing.house.structure import MODULES, REPOSITORY

#: Documentation, build files and what only readers of the repository look at travel with the sources only.
NOT_INSTALLED = ("*README.md", "*CMakeLists.txt", "*.cmake", "Resources/Screenshots/*", "Resources/Icons/*.py")


def patterns(path: Path) -> list[str]:
    """The globs of ``file(GLOB_RECURSE ...)`` in a CMake file, ``${MODULE_NAME}`` filled in."""
    text = path.read_text(encoding="utf-8")
    name = re.search(r"^set\(MODULE_NAME\s+(\w+)\)", text, re.M)
    found = []
    for block in re.findall(r"file\(GLOB_RECURSE \w+\s(.*?)\)", text, re.S):
        block = block.replace("${MODULE_NAME}", name.group(1) if name else "")
        found += [word for word in block.split() if "/" in word or word.endswith(".py")]
    return found


def taken(name: str, globs: list[str]) -> bool:
    """As CMake does: the last part is matched in the pattern's folder and in all below it."""
    path = PurePosixPath(name)
    return any(
        fnmatch.fnmatch(path.name, PurePosixPath(glob).name)
        and fnmatch.fnmatch(path.parent.as_posix() + "/", PurePosixPath(glob).parent.as_posix().rstrip("/.") + "*/")
        for glob in globs
    ) or any(fnmatch.fnmatch(name, glob) for glob in globs)


def left_out(tracked: list[Path], folders: tuple[str, ...], globs: list[str], base: Path) -> list[str]:
    """Files below ``folders`` that no pattern takes."""
    names = [path.relative_to(base).as_posix() for path in tracked if path.is_relative_to(base)]
    return [
        name
        for name in names
        if name.split("/")[0] in folders
        and not any(fnmatch.fnmatch(name, one) for one in NOT_INSTALLED)
        and not taken(name, globs)
    ]


def test_every_file_that_the_modules_share_is_installed(tracked):
    globs = patterns(REPOSITORY / "SpineLib" / "SpineLib.cmake")
    assert not left_out(tracked, ("SpineLib", "SpineLab", "SpinePanel", "Resources"), globs, REPOSITORY)


@pytest.mark.parametrize("module", MODULES)
def test_every_file_of_a_module_is_installed(tracked, module):
    globs = patterns(REPOSITORY / module / "CMakeLists.txt")
    folders = (f"{module}.py", f"{module}Lib", "Resources")
    assert taken(f"{module}.py", globs) and not left_out(tracked, folders, globs, REPOSITORY / module)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_is_part_of_the_extension(module):
    assert f"add_subdirectory({module})" in (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("planted", "wanted"),
    [("SpineLib/volume/planted.py", True), ("SpineLab/a/b/planted.toml", True), ("SpineLib/planted.npz", False)],
)
def test_a_planted_file_is_judged_rightly(planted, wanted):
    assert taken(planted, patterns(REPOSITORY / "SpineLib" / "SpineLib.cmake")) is wanted


def test_every_folder_of_python_files_is_a_package_of_the_wheel(tracked):
    folders = {
        path.parent
        for path in tracked
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0] in ("SpineLib", "SpineLab")
    }
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_wheel_carries_every_file_that_is_no_python(tracked):
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    data = project["tool"]["setuptools"]["package-data"]
    globs = [f"{package.replace('.', '/')}/{one}" for package, ones in data.items() for one in ones]
    names = [path.relative_to(REPOSITORY).as_posix() for path in tracked if path.suffix != ".py"]
    own = [name for name in names if name.split("/")[0] in ("SpineLib", "SpineLab")]
    own = [name for name in own if not any(fnmatch.fnmatch(name, one) for one in NOT_INSTALLED)]
    assert [name for name in own if not any(fnmatch.fnmatch(name, glob) for glob in globs)] == []
