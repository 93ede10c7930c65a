"""What arrives at a user's: the tree CMake builds for Slicer, and the wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")

#: Slicer's own macro copies scripts and resources, with their folders, into qt-scripted-modules; so does this one.
USE_FILE = """
macro(slicerMacroBuildScriptedModule)
  cmake_parse_arguments(MY "WITH_GENERIC_TESTS;WITH_SUBDIR;VERBOSE" "NAME" "SCRIPTS;RESOURCES" ${ARGN})
  if(MY_UNPARSED_ARGUMENTS OR NOT MY_NAME)
    message(FATAL_ERROR "Unknown keywords, or no name: ${MY_UNPARSED_ARGUMENTS}")
  endif()
  foreach(file IN LISTS MY_SCRIPTS MY_RESOURCES)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      message(FATAL_ERROR "given nonexistent file ${file}")
    endif()
    get_filename_component(folder ${file} DIRECTORY)
    file(COPY ${CMAKE_CURRENT_SOURCE_DIR}/${file} DESTINATION ${CMAKE_BINARY_DIR}/qt-scripted-modules/${folder})
  endforeach()
endmacro()
macro(slicer_add_python_unittest)
  cmake_parse_arguments(MY "" "SCRIPT" "" ${ARGN})
  file(APPEND ${CMAKE_BINARY_DIR}/tests.txt "${MY_SCRIPT}\n")
endmacro()
"""
FACTS = """
file(WRITE ${CMAKE_BINARY_DIR}/facts.txt "${PROJECT_NAME}
${EXTENSION_CATEGORY}
${EXTENSION_DEPENDS}
${EXTENSION_CONTRIBUTORS}
${EXTENSION_DESCRIPTION}
${EXTENSION_HOMEPAGE}
${EXTENSION_ICONURL}
${EXTENSION_SCREENSHOTURLS}
")
"""


def run(*line: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, line)), cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The extension's build tree, configured by the real CMake with as little of Slicer's CMake as it calls."""
    beside = Path(sys.executable).parent  # where pip puts a CMake as new as Slicer's; the system's may be older
    cmake = shutil.which("cmake", path=os.pathsep.join([str(beside), os.environ["PATH"]]))
    if not cmake or not (shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")):
        pytest.skip("CMake or a compiler is not installed")
    slicer, build = tmp_path_factory.mktemp("slicer"), tmp_path_factory.mktemp("build")
    (slicer / "SlicerConfig.cmake").write_text(
        "".join(
            f'set({name} "{slicer.as_posix()}/{name}.cmake")\n'
            for name in ("Slicer_USE_FILE", "Slicer_EXTENSION_GENERATE_CONFIG", "Slicer_EXTENSION_CPACK")
        )
    )
    (slicer / "Slicer_USE_FILE.cmake").write_text(USE_FILE)
    (slicer / "Slicer_EXTENSION_GENERATE_CONFIG.cmake").write_text("")
    (slicer / "Slicer_EXTENSION_CPACK.cmake").write_text(FACTS)
    run(cmake, "-S", REPOSITORY, "-B", build, f"-DSlicer_DIR={slicer}", "-DBUILD_TESTING=ON", folder=build)
    return build


def test_the_built_extension_carries_module_library_and_models_side_by_side(built):
    there = built / "qt-scripted-modules"
    for name in ("SpineMetSeg.py", "Resources/UI/SpineMetSeg.ui", "SpineLib/__init__.py", "SpineLib/reports/page.html"):
        assert (there / name).is_file(), name
    shipped = {path.parent.name for path in (REPOSITORY / "Resources" / "Models").glob("*/model.json")}
    assert {path.parent.name for path in (there / "Resources" / "Models").glob("*/weights.safetensors")} == shipped


def test_the_library_of_the_built_extension_runs_and_lists_the_shipped_models(built):
    there = built / "qt-scripted-modules"
    code = "import SpineLib; print(SpineLib.__file__)"
    assert run(sys.executable, "-c", code, folder=there).strip() == str(there / "SpineLib" / "__init__.py")
    listed = run(sys.executable, "-m", "SpineLib", "models", "list", folder=there)
    for path in (REPOSITORY / "Resources" / "Models").glob("*/model.json"):
        assert path.parent.name in listed


def test_slicers_ctest_runs_the_test_of_each_module(built):
    modules = {path.parent.name for path in REPOSITORY.glob("*/CMakeLists.txt")} - {"Testing"}
    assert {f"{module}.py" for module in modules} == set((built / "tests.txt").read_text().split())


def test_the_extension_tells_slicer_what_it_is(built):
    name, category, depends, contributors, description, *addresses = (built / "facts.txt").read_text().splitlines()
    assert (name, category, depends, contributors) == (
        "SpineOncology",
        "Segmentation",
        "PyTorch",
        "SpineOncology contributors (SpineOncology)",
    )
    assert "Research use only, not a medical device" in description
    homepage, icon, screenshots = addresses
    images = [icon, *screenshots.split()]  # Slicer separates screenshots by spaces
    assert all(address.startswith("https://") for address in (homepage, *images)) and len(images) == 4
    for address in images:
        assert (REPOSITORY / address.partition("/main/")[2]).is_file(), address


def test_the_wheel_carries_everything_and_runs_away_from_the_checkout(tmp_path):
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed")
    source, wheels, there = tmp_path / "source", tmp_path / "wheels", tmp_path / "there"
    source.mkdir()
    for name in ("SpineLib", "SpineLab", "Resources"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=IGNORED)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, source / name)
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", wheels, source,
        folder=tmp_path)  # fmt: skip
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(there)
    names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    own = {
        path.relative_to(source).as_posix()
        for top in ("SpineLib", "SpineLab")
        for path in (source / top).rglob("*")
        if path.is_file()
    }
    assert own - {"SpineLib/SpineLib.cmake"} - {n for n in own if n.endswith("README.md")} <= names
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"SpineLib", "SpineLab"} | {top for top in tops if top.endswith(".dist-info")}
    listed = run(sys.executable, "-P", "-m", "SpineLib", "models", "list", folder=tmp_path, PYTHONPATH=str(there))
    shipped = [path.parent.name for path in (REPOSITORY / "Resources" / "Models").glob("*/model.json")]
    assert all(name in listed for name in shipped)
    assert len(list((there / "SpineLib" / "_resources" / "Models").glob("*/weights.safetensors"))) == len(shipped)
