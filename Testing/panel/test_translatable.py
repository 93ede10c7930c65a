"""Every sentence of the panels can be translated: a literal in ``_()``, with numbers and names put in afterwards."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("SpinePanel", "SpineMetSeg", "SpineNecrosis", "SpineInpaint")
    for path in (REPOSITORY / folder).rglob("*.py")
    if path.name not in ("selftest.py", "tinymodel.py")
)
#: Functions whose texts a user reads, and properties likewise.
SPEAKS = {"say", "tell", "error", "SpineError", "addItem", "confirmOkCancelDisplay", "errorDisplay", "QLabel"}
SHOWS = {"text", "toolTip", "noneDisplay", "TIP", "TITLE", "title", "helpText", "acknowledgementText"}


def is_sentence(node):
    """Whether a literal holds words (two letters and more), and is no rich text's frame."""
    parts = [node] if isinstance(node, ast.Constant) else getattr(node, "values", [])
    text = "".join(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))
    return bool(re.search(r"[A-Za-z]{2}", re.sub(r"<[^>]*>|color:|style=", "", text)))


def untranslated(tree):
    """Literals that a user reads and that are not within ``_()``: (line, source)."""
    found = []

    def look(node, line):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("_", "translate"):
                return
            if name in ("format", "join"):
                look(node.func, line)
        elif isinstance(node, (ast.Constant, ast.JoinedStr)):
            if is_sentence(node):
                found.append((line, ast.unparse(node)))
        elif isinstance(node, ast.IfExp):
            look(node.body, line), look(node.orelse, line)
        elif isinstance(node, (ast.BoolOp, ast.Tuple, ast.List)):
            for part in getattr(node, "values", getattr(node, "elts", [])):
                look(part, line)
        elif isinstance(node, ast.Attribute):
            look(node.value, line)

    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            for argument in node.args if name in SPEAKS else ():
                look(argument, node.lineno)
        elif isinstance(node, ast.Assign):
            names = {getattr(target, "id", getattr(target, "attr", "")) for target in node.targets}
            if names & SHOWS:
                look(node.value, node.lineno)
        elif isinstance(node, ast.FunctionDef) and (
            node.name.startswith("reason") or node.name in ("missing", "label")
        ):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None:
                    look(inner.value, inner.lineno)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_what_a_user_reads_is_translated(path):
    assert not untranslated(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_what_is_translated_is_a_literal(path):
    """Slicer's tools read the sources: what is put together before ``_()`` is in no list of theirs."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_":
            assert len(node.args) == 1 and isinstance(node.args[0], ast.Constant), f"line {node.lineno}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("self.widgets.say('No lesion was found.')", True),
        ("self.widgets.say(_('No lesion was found.'))", False),
        ("self.widgets.say(_('{count} found.').format(count=3))", False),
        ("self.widgets.say(f'{count} found.')", True),
        ("raise SpineError('Choose a CT.')", True),
        ("button.toolTip = reason or 'Search the image'", True),
        ("label.text = f'<b>{title}</b>'", False),
        ("def reason(self):\n    return 'Choose a CT.' if x else ''", True),
    ],
)
def test_a_planted_sentence_is_found(source, found):
    assert bool(untranslated(ast.parse(source))) is found


def test_another_language_is_shown(desktop, monkeypatch):
    """A translator that marks each text, put in place as Slicer's is."""
    import sys

    import slicer

    monkeypatch.setattr(slicer.i18n, "tr", lambda text: f"»{text}«")
    for name in [name for name in sys.modules if name.startswith(("SpinePanel", "SpineMetSegLib"))]:
        monkeypatch.delitem(sys.modules, name)
    slicer.mrmlScene.Clear(0)
    widget = desktop.open_panel("SpineMetSeg")
    try:
        ui = widget.ui
        assert ui.segmentSection.text.startswith("»1  Segment«")
        assert "»Choose at least one image: " in ui.segmentApplyButton.toolTip
        assert ui.lesionTable.horizontalHeaderItem(4).text() == "»in plane«"
        assert ui.summaryLabel.text == "»No lesions to list yet.«"
    finally:
        desktop.close_panel("SpineMetSeg")
