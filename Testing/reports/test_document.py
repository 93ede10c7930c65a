"""Figures in a document are written by the command that measures them, and nothing else of it changes."""

from __future__ import annotations

import argparse

import pytest

from SpineLab.commands.bench import add_arguments as bench_arguments
from SpineLab.commands.evaluate import add_arguments as evaluate_arguments
from SpineLab.commands.telling import tell
from SpineLab.reports.document import place
from SpineLib.errors import SpineError

DOCUMENT = """# Figures

Before: ä.

<!-- figures: one -->
| old |
<!-- end of figures -->

Between.

<!-- figures: two -->
| kept \\1 |
<!-- end of figures -->
"""


@pytest.fixture
def document(tmp_path):
    path = tmp_path / "figures.md"
    path.write_text(DOCUMENT, encoding="utf-8")
    return path


def test_a_table_takes_its_place_and_all_else_stays(document):
    place(document, "one", "| new \\g<0> |\n|---|\n")
    assert document.read_text(encoding="utf-8") == DOCUMENT.replace("| old |", "| new \\g<0> |\n|---|")


def test_the_same_figures_again_change_nothing(document):
    place(document, "two", "| kept \\1 |")
    assert document.read_text(encoding="utf-8") == DOCUMENT


@pytest.mark.parametrize("name", ["three", "on", "one|two"])
def test_a_name_that_the_document_does_not_have_is_refused_and_nothing_is_written(document, name):
    with pytest.raises(SpineError, match="has no places"):
        place(document, name, "| new |")
    assert document.read_text(encoding="utf-8") == DOCUMENT


def test_a_name_that_stands_there_twice_is_refused(document):
    document.write_text(DOCUMENT.replace("two", "one"), encoding="utf-8")
    with pytest.raises(SpineError, match="has 2 places"):
        place(document, "one", "| new |")


def test_a_document_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SpineError, match="cannot be read"):
        place(tmp_path / "nothing.md", "one", "")


def test_a_command_prints_its_figures_and_places_them_where_it_is_told(document, capsys):
    tell("| new |", argparse.Namespace(into=f"{document}#one"))
    tell("a line", argparse.Namespace(into=f"{document}#two"), as_text=True)
    assert capsys.readouterr().out == "| new |\na line\n"
    text = document.read_text(encoding="utf-8")
    assert "<!-- figures: one -->\n| new |\n<!-- end" in text and "```text\na line\n```\n<!-- end" in text


def test_every_command_that_measures_can_write_into_a_document():
    parser = argparse.ArgumentParser()
    evaluate_arguments(parser)
    (actions,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    bench = argparse.ArgumentParser()
    bench_arguments(bench)
    assert all("--into" in one.format_help() for one in (*actions.choices.values(), bench))
