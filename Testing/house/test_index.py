"""The Extensions Index would take this extension: what its script and its list of requirements look at, done here.

The script of the index (github.com/Slicer/ExtensionsIndex, scripts/check_description_files.py, August 2026) reads the
root CMakeLists.txt as text and never runs CMake, so a variable in an address is an error there.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
ENTRY = REPOSITORY / "docs" / "SpineOncology.json"
#: The schema of an entry, version 1.0.1: the keys it knows, and what each holds.
KEYS = {
    "$schema": str, "category": str, "scm_url": str, "scm_revision": str, "scm_type": str, "build_dependencies": list,
    "build_subdirectory": str, "enabled": bool, "tier": int,
}  # fmt: skip
#: Some of the categories the index accepts.
CATEGORIES = {"Segmentation", "Registration", "Quantification", "Printing", "Surface Models"}
MODULES = ("SpineMetSeg", "SpineNecrosis", "SpineInpaint")
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def entry() -> dict:
    return json.loads(ENTRY.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def cmake() -> str:
    return (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")


def fact(cmake: str, name: str) -> str:
    """What the index reads as EXTENSION_<name>: one string between quotes on the line of ``set``."""
    (value,) = re.findall(rf'set\(EXTENSION_{name} "([^"]+)"\)', cmake)
    return value


def entry_problems(entry: dict, name: str) -> list[str]:
    """What the schema, and the checks of name, category and address, find wrong."""
    problems = [f"{key} is missing" for key in ("$schema", "category", "scm_url") if key not in entry]
    problems += [f"{key} is not known" for key in entry if key not in KEYS]
    problems += [
        f"{key} is no {KEYS[key].__name__}" for key in entry if not isinstance(entry[key], KEYS.get(key, object))
    ]
    if not problems:
        address = urlsplit(entry["scm_url"])
        repository = address.path.rpartition("/")[2].removesuffix(".git")
        if address.scheme not in ("git", "https"):
            problems.append("the address is neither git nor https")
        if not repository.startswith("Slicer"):
            problems.append("the repository's name does not start with Slicer")
        if name.lower().startswith("slicer"):
            problems.append("the extension's name starts with Slicer")
        if entry["category"] not in CATEGORIES:
            problems.append(f"there is no category {entry['category']}")
        if not 1 <= entry.get("tier", 1) <= 5:
            problems.append("the tier is not from 1 to 5")
    return problems


def test_the_entry_is_one_that_the_index_takes(entry):
    assert entry_problems(entry, ENTRY.stem) == []
    assert entry["$schema"].startswith("https://raw.githubusercontent.com/Slicer/Slicer/main/Schemas/")
    assert b"\r" not in ENTRY.read_bytes()


def test_planted_faults_of_an_entry_are_noticed(entry):
    assert entry_problems({**entry, "category": "Oncology"}, "SpineOncology") == ["there is no category Oncology"]
    assert entry_problems({**entry, "homepage": "x"}, "SpineOncology") == ["homepage is not known"]
    assert entry_problems({**entry, "tier": "3"}, "SpineOncology") == ["tier is no int"]
    address = {"scm_url": "https://github.com/SpineOncology/SpineOncology.git"}
    assert entry_problems({**entry, **address}, "SpineOncology") == ["the repository's name does not start with Slicer"]


def test_the_entry_asks_for_the_shallow_clone_whose_size_is_measured(entry):
    """With a revision named, the index clones the whole history and counts that."""
    assert "scm_revision" not in entry


def test_entry_and_cmake_say_the_same(entry, cmake):
    assert re.findall(r"project\s*\(\s*([^\s)]+)", cmake)[0] == ENTRY.stem
    assert entry["category"] == fact(cmake, "CATEGORY")
    assert entry["build_dependencies"] == fact(cmake, "DEPENDS").split()
    assert entry["scm_url"] == fact(cmake, "HOMEPAGE")


def test_icon_and_screenshots_are_addresses_written_out_of_pictures_that_are_here(entry, cmake):
    raw = f"https://raw.githubusercontent.com{urlsplit(entry['scm_url']).path}/main/"
    addresses = [fact(cmake, "ICONURL"), *fact(cmake, "SCREENSHOTURLS").split()]
    assert len(addresses) >= 2
    for address in addresses:
        assert address.startswith(raw) and address.endswith(".png"), address
        assert (REPOSITORY / address.removeprefix(raw)).read_bytes().startswith(b"\x89PNG\r\n"), address


def test_the_icon_is_a_square_of_128_pixels(cmake):
    png = (REPOSITORY / "Resources" / "Icons" / "SpineOncology.png").read_bytes()
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [128, 128]  # the header chunk's first words


def test_the_description_is_one_or_two_sentences_and_ends_with_the_warning(cmake):
    description = fact(cmake, "DESCRIPTION")
    assert 1 <= len(re.findall(r"[.!?](?=\s|$)", description)) <= 2
    assert description.endswith("Research use only, not a medical device.")


def contributors_problem(text: str) -> str | None:
    """Slicer asks for "Name (Institution), Name (Institution)"."""
    return (
        None if re.fullmatch(r"[^(),]+ \([^()]+\)(, [^(),]+ \([^()]+\))*", text) else f"'{text}' names no institution"
    )


def test_contributors_are_named_with_their_institution(cmake):
    assert contributors_problem(fact(cmake, "CONTRIBUTORS")) is None
    assert contributors_problem("SpineOncology contributors") is not None


def test_cmake_is_asked_for_as_in_the_template_of_slicer_5_12(cmake):
    assert cmake.startswith("cmake_minimum_required(VERSION 3.28.0...3.28.0 FATAL_ERROR)\n")


def test_the_licence_lies_at_the_root_and_the_readme_names_it():
    assert (REPOSITORY / "LICENSE").read_text(encoding="utf-8").lstrip().startswith("Apache License")
    assert "Apache License 2.0" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_readme_names_each_module_and_shows_a_picture():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert all(f"**{module}**" in text for module in MODULES)
    assert re.search(r"!\[[^\]]+\]\(Resources/Screenshots/[^)]+\)", text)


def texts_of_module(module: str) -> list[str]:
    """All strings of the class that Slicer lists, those joined over several lines as one."""
    tree = ast.parse((REPOSITORY / module / f"{module}.py").read_text(encoding="utf-8"))
    (listed,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == module)
    return [node.value for node in ast.walk(listed) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


@pytest.mark.parametrize("module", MODULES)
def test_the_help_of_a_module_warns_and_leads_to_the_publications_by_links(module):
    (text,) = (text for text in texts_of_module(module) if "Research use only, not a medical device" in text)
    links = re.findall(r"<a\s+href='([^']+)'>[^<]+</a>", text)
    assert links and len(links) == text.count("<a")
    assert all(re.match(r"https://(doi\.org|arxiv\.org|www\.scitepress\.org)/\w", link) for link in links)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_names_contributors_as_the_extension_does(module, cmake):
    assert fact(cmake, "CONTRIBUTORS") in texts_of_module(module)


def test_a_shallow_clone_with_its_history_stays_under_100_megabytes(tmp_path):
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    clone = ["git", "clone", "--quiet", "--depth", "1", REPOSITORY.as_uri(), str(tmp_path / "clone")]
    subprocess.run(clone, check=True, capture_output=True)
    total = sum(path.stat().st_size for path in (tmp_path / "clone").rglob("*") if path.is_file())
    assert total < 100 * MEBIBYTE
