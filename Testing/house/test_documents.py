"""The documents keep their word: links lead somewhere, commands and options exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def documents(tracked: list[Path]) -> list[tuple[Path, str]]:
    return [(path, path.read_text(encoding="utf-8")) for path in tracked if path.suffix == ".md"]


def anchor(title: str) -> str:
    """The anchor a forge makes of a heading."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).strip().lower()).replace(" ", "-")


def test_every_link_in_the_documents_leads_somewhere(tracked):
    broken = []
    for path, text in documents(tracked):
        for target in re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'<img[^>]* src="([^"]+)"', text):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, fragment = target.partition("#")
            goal = (path.parent / name) if name else path
            if not goal.exists():
                broken.append(f"{path.name}: {target}")
            elif fragment and goal.suffix == ".md":
                titles = re.findall(
                    r"^#+ (.+)$", re.sub(r"```.*?```", "", goal.read_text(encoding="utf-8"), flags=re.S), re.M
                )
                if fragment not in [anchor(title) for title in titles]:
                    broken.append(f"{path.name}: {target}")
    assert not broken


def test_the_readme_says_what_it_must():
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for sentence in ("Research use only, not a medical device", "make demo", "make test", "Apache", "simulated"):
        assert sentence in text
    for library in ("libegl1", "libgl1", "libxkbcommon0"):
        assert library in text and library in (REPOSITORY / ".ci" / "libraries").read_text(encoding="utf-8")


def shell_lines(text: str) -> list[str]:
    """The commands of a document's shell blocks; a backslash at the end of a line joins the next."""
    blocks = re.findall(r"```(?:shell|sh|bash)\n(.*?)```", text, re.S)
    return [
        line.strip()
        for block in blocks
        for line in block.replace("\\\n", " ").splitlines()
        if line.strip() and not line.lstrip().startswith("#")
    ]


def test_every_command_in_the_documents_exists(tracked):
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))
    helps: dict[str, str] = {}
    wrong = []
    for path, text in documents(tracked):
        for line in shell_lines(text):
            words = shlex.split(line, comments=True)
            while words and re.match(r"\w+=", words[0]):
                words = words[1:]
            program = Path(words[0]).name if words else ""
            if program == "make":
                wrong += [f"{path.name}: {line}" for word in words[1:] if "=" not in word and word not in targets]
            elif program == "spine":
                wrong += [f"{path.name}: {line}: {problem}" for problem in spine_problems(words[1:], helps)]
    assert not wrong


def spine_problems(words: list[str], helps: dict[str, str]) -> list[str]:
    """Options and subcommands of ``spine`` that its own help does not know."""
    plain = [bool(re.fullmatch(r"[a-z]+(-[a-z]+)*", word)) for word in words[:2]]
    command = words[:2] if plain == [True, True] else words[:1]
    key = " ".join(command)
    if key not in helps:
        line = [sys.executable, "-m", "SpineLib", *command, "--help"]
        done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
        helps[key] = done.stdout if done.returncode == 0 else ""
    if not helps[key]:
        return [f"'spine {key}' does not run"]
    options = [word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    known = re.findall(r"(?<![\w-])--?[a-z][\w-]*", helps[key])
    return [f"no option {option}" for option in options if option not in known]


def test_a_planted_option_or_command_is_noticed():
    helps = {"segment": "usage: spine segment [-h] --t1 T1 -o OUT"}
    assert spine_problems(["segment", "--t1", "a.nrrd", "-o", "b.nrrd"], helps) == []
    assert spine_problems(["segment", "--t3", "a.nrrd"], helps) == ["no option --t3"]
    assert spine_problems(["sgement"], helps) == ["'spine sgement' does not run"]
