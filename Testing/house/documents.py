"""What the documents hold: links, commands, code; read from their Markdown."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
#: Before a block: it is not run, for the reason that follows, only parsed.
REMARK = re.compile(r"<!-- docs-check: (.+?) -->\s*\Z")
SHELL, PYTHON = {"shell", "sh", "bash"}, {"python"}
#: Programs that parsed commands may call and that are not ours to look into.
OTHER_PROGRAMS = {"apt", "cmake", "git", "cd", ".", "torchrun"}


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        document: its path in the repository.
        line: number of its first line.
        language: after the fence.
        text: what it holds.
        reason: why it is not run; "" when it is.
    """

    document: str
    line: int
    language: str
    text: str
    reason: str

    @property
    def place(self) -> str:
        """ "docs/limits.md:12"."""
        return f"{self.document}:{self.line}"


def blocks(document: str, text: str) -> list[Block]:
    """All fenced blocks of a document, in their order."""
    found = []
    for match in re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M):
        before = text[: match.start()]
        remark = REMARK.search(before)
        line = before.count("\n") + 2
        found.append(Block(document, line, match.group(1), match.group(2), remark.group(1) if remark else ""))
    return found


def documents(paths: list[Path]) -> dict[str, str]:
    """Text by path in the repository, of those that are Markdown and written by hand."""
    names = {path.relative_to(REPOSITORY).as_posix(): path for path in paths if path.suffix == ".md"}
    return {name: path.read_text(encoding="utf-8") for name, path in sorted(names.items())}


def commands(block: Block) -> list[str]:
    """The lines of a block; a backslash at the end of a line joins the next."""
    lines = block.text.replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def without_comment(line: str) -> str:
    """A command without what a shell leaves out: from a "#" on that begins a word."""
    quote = ""
    for at, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == "#" and (not at or line[at - 1].isspace()):
            return line[:at]
    return line


def make_targets() -> set[str]:
    """Names that ``make`` knows."""
    return set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.M))


def problem(line: str) -> str:
    """What a command calls that does not exist: a program, an option, a target, a file; "" when all of it does."""
    words = shlex.split(without_comment(line))
    while words and re.match(r"\w+=", words[0]):
        words = words[1:]
    if not words:
        return ""
    program = Path(words[0]).name if words[0] != "." else "."
    if program == "make":
        unknown = [word for word in words[1:] if "=" not in word and word not in make_targets()]
        return f"make knows no target {unknown[0]}" if unknown else ""
    if program == "spine":
        return _spine_problem(words[1:])
    if program == "python" and words[1:2] == ["-m"]:
        there = words[2] == "venv" or importlib.util.find_spec(words[2]) is not None
        return "" if there else f"there is no module {words[2]}"
    if program == "python":
        return "" if (REPOSITORY / words[1]).is_file() else f"there is no file {words[1]}"
    return "" if program in OTHER_PROGRAMS else f"there is no program {program}"


def _spine_problem(words: list[str]) -> str:
    """What ``spine``'s own parser says of these arguments."""
    parser, run = importlib.import_module("SpineLib.cli.main")._parser(words)
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            parser.parse_args(words)
    except SystemExit as end:
        if end.code not in (0, None):
            return said.getvalue().strip().splitlines()[-1]
    except argparse.ArgumentError as error:
        return str(error)
    return "" if run is not None or "--help" in words or "--version" in words else f"there is no command {words[:1]}"
