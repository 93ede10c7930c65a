"""What holds for the repository as a whole: sizes, names of machines, unsafe formats."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".toml", ".txt", ".cmake", ".json", ".ui", ".yml", ".html", ".css", ".svg", ".csv", ""}
MEGABYTE = 1_000_000


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


def texts(paths: list[Path]) -> list[tuple[str, str]]:
    return [
        (path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8"))
        for path in paths
        if path.suffix in TEXT
    ]


def sizes_in_git(objects: list[str], what: str) -> list[int]:
    """How large git keeps each object, in bytes; each counts once, in however many packs a clone has it."""
    answer = subprocess.run(
        ["git", "cat-file", f"--batch-check=%({what})"],
        cwd=REPOSITORY,
        input="".join(f"{name}\n" for name in set(objects)),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [int(size) for size in answer.split()]


def objects_in_git(*what: str) -> list[str]:
    """All objects that ``git rev-list`` names for ``what``."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    return [line.split()[0] for line in git("rev-list", "--objects", *what).splitlines()]


def test_a_clone_of_depth_1_as_the_extensions_index_makes_it_is_smaller_than_100_megabytes(tracked):
    inside = sum(path.stat().st_size for path in tracked)
    newest = sum(sizes_in_git(objects_in_git("--no-walk", "HEAD"), "objectsize:disk"))
    assert inside + newest < 100 * MEGABYTE


def test_the_whole_history_is_smaller_than_250_megabytes():
    assert 0 < sum(sizes_in_git(objects_in_git("HEAD"), "objectsize:disk")) < 250 * MEGABYTE


def test_no_python_file_is_longer_than_450_lines_or_wider_than_120_columns(tracked):
    too_much = []
    for name, text in texts([path for path in tracked if path.suffix == ".py"]):
        lines = text.splitlines()
        if len(lines) > 450:
            too_much.append(f"{name}: {len(lines)} lines")
        too_much += [f"{name}:{n}: {len(line)} columns" for n, line in enumerate(lines, 1) if len(line) > 120]
    assert not too_much


# Built from parts, so that this file does not find itself.
MACHINE = re.compile(
    "|".join(["/wo" + r"rk/", "/ho" + r"me/\w", "/Use" + r"rs/\w", "/ro" + "ot/", "/op" + "t/pypi", "/op" + "t/wheels"])
)
UNSAFE = re.compile(
    "|".join(
        [
            r"\bimport pick" + "le",
            r"\bpick" + r"le\.load",
            r"torch\.lo" + r"ad\(",
            r"np\.load\([^)]*allow_pick" + "le=True",
            r"\bimport (?:shelve|marshal|dill|joblib)",
        ]
    )
)


def test_no_file_names_a_place_on_somebodys_machine(tracked):
    found = [f"{name}: {match.group()}" for name, text in texts(tracked) for match in MACHINE.finditer(text)]
    assert not found


#: Converts weights of other programs: torch's restricted reader, in a process of its own.
RESTRICTED = REPOSITORY / "SpineLib" / "models" / "foreign" / "unpickled.py"


def test_what_is_installed_reads_no_pickle(tracked):
    sources = [path for path in tracked if path.suffix == ".py" and not path.is_relative_to(REPOSITORY / "Testing")]
    sources.remove(RESTRICTED)
    found = [f"{name}: {match.group()}" for name, text in texts(sources) for match in UNSAFE.finditer(text)]
    assert sources and not found


def test_the_one_reader_of_foreign_weights_builds_nothing_but_plain_values():
    text = RESTRICTED.read_text(encoding="utf-8")
    loads = re.findall(r"torch\.lo" + r"ad\([^\n]*", text)
    assert loads and all("weights_only=True" in one for one in loads)
    assert not re.search(r"pickle\.(?:lo" + r"ads?|Unpickler)\b", text)


def test_the_two_searches_find_what_they_look_for():
    assert MACHINE.search("see /ho" + "me/anna/data") and not MACHINE.search("https://example.org/home/")
    assert UNSAFE.search("weights = torch.lo" + "ad(path)") and not UNSAFE.search("load_file(path)")
