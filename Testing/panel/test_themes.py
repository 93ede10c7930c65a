"""Every sentence can be read in Slicer's light and in its dark theme: a contrast of 4.5 to 1 (WCAG 2.1, 1.4.3)."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
#: Window, text, button and base of Slicer's two styles (Fusion), as seen in the real application.
THEMES = {
    "light": {"Window": "#efefef", "WindowText": "#000000", "Base": "#ffffff", "Text": "#000000", "Button": "#efefef"},
    "dark": {"Window": "#353535", "WindowText": "#ffffff", "Base": "#2a2a2a", "Text": "#ffffff", "Button": "#353535"},
}
LEAST = 4.5


def luminance(colour):
    """Relative luminance of a QColor, as WCAG 2.1 defines it."""
    channels = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in colour.getRgbF()[:3]]
    return 0.2126 * channels[0] + 0.7152 * channels[1] + 0.0722 * channels[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colours_in(text):
    """Text colours in a style sheet or rich text."""
    return re.findall(r"(?<![-\w])color\s*:\s*([#\w]+)", text)


@pytest.fixture(params=sorted(THEMES))
def theme(request, desktop):
    """The application in this theme; its ground as a QColor."""
    from PySide6 import QtGui, QtWidgets

    before = QtWidgets.QApplication.palette()
    palette = QtGui.QPalette(before)
    for role, colour in THEMES[request.param].items():
        palette.setColor(getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor(colour))
    palette.setColor(QtGui.QPalette.ColorRole.ButtonText, palette.color(QtGui.QPalette.ColorRole.WindowText))
    QtWidgets.QApplication.setPalette(palette)
    yield palette.color(QtGui.QPalette.ColorRole.Window)
    QtWidgets.QApplication.setPalette(before)


@pytest.mark.parametrize("kind", ["error", "warning"])
def test_errors_and_warnings_can_be_read(theme, open_necrosis, kind):
    from PySide6 import QtGui

    widget = open_necrosis()
    step = widget.panel.compare
    status = getattr(step, "widgets", None) or step.step
    status.say("Something is wrong.", **{kind: True})
    colours = colours_in(widget.ui.compareStatusLabel.styleSheet)
    assert colours and all(contrast(QtGui.QColor(colour), theme) >= LEAST for colour in colours)


@pytest.mark.parametrize("module", ["SpineMetSeg", "SpineNecrosis", "SpineInpaint"])
def test_what_stands_coloured_in_a_ui_file_can_be_read(theme, module):
    """Badges carry their own ground; a text in grey has the window's."""
    from PySide6 import QtGui

    text = (REPOSITORY / module / "Resources" / "UI" / f"{module}.ui").read_text(encoding="utf-8")
    for sheet in re.findall(r'<property name="styleSheet">\s*<string[^>]*>([^<]*)</string>', text):
        ground = re.findall(r"background(?:-color)?\s*:\s*([#\w]+)", sheet)
        for colour in colours_in(sheet):
            if not colour.startswith("palette"):
                apart = contrast(QtGui.QColor(colour), QtGui.QColor(ground[0]) if ground else theme)
                assert apart >= LEAST, f"{sheet}: {apart:.1f}"


def test_the_verdict_can_be_read(theme, patient, necrosis):
    from PySide6 import QtGui

    from Testing.panel.patients import compared

    label = compared(patient, necrosis).ui.verdictLabel
    colours = colours_in(label.text)
    assert colours and all(contrast(QtGui.QColor(colour), theme) >= LEAST for colour in colours)


def test_what_the_print_gate_says_can_be_read(theme, damaged, inpaint):
    from PySide6 import QtGui

    from Testing.panel.patients import finish

    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    damaged.vertebrae.GetSegmentation().RemoveSegment(damaged.vertebrae.GetSegmentation().GetNthSegmentID(0))
    damaged.ui.repairedSelector.setCurrentNode(damaged.vertebrae)
    damaged.ui.buildXSpinBox.value = 10
    damaged.ui.modelApplyButton.click()
    finish(inpaint, damaged.widget)
    colours = colours_in(damaged.ui.gateLabel.text)
    table = damaged.ui.checksTable
    rows = [row for row in range(table.rowCount) if table.item(row, 1).text() == "✗"]
    assert colours and rows
    colours += [table.item(row, 0)._object.foreground().color().name() for row in rows]
    assert all(contrast(QtGui.QColor(colour), theme) >= LEAST for colour in colours), colours


def test_a_sentence_said_in_one_theme_can_be_read_in_the_other(open_necrosis, desktop):
    """Slicer changes its theme while it runs (Edit / Application Settings / Appearance)."""
    from PySide6 import QtGui, QtWidgets

    widget = open_necrosis()
    step = widget.panel.compare
    (getattr(step, "widgets", None) or step.step).say("Something is wrong.", error=True)
    before = QtWidgets.QApplication.palette()
    palette = QtGui.QPalette(before)
    for role, colour in THEMES["dark"].items():
        palette.setColor(getattr(QtGui.QPalette.ColorRole, role), QtGui.QColor(colour))
    QtWidgets.QApplication.setPalette(palette)
    try:
        desktop.select("Data")
        desktop.select("SpineNecrosis")
        (colour,) = colours_in(widget.ui.compareStatusLabel.styleSheet)
        assert contrast(QtGui.QColor(colour), QtGui.QColor(THEMES["dark"]["Window"])) >= LEAST
    finally:
        QtWidgets.QApplication.setPalette(before)
