"""On a laptop's screen of 1366 x 768 the module panel has 300 x 480 pixels: nothing is squeezed, whatever was shown.

On leaving a module Slicer leaves its item in the layout, and Qt then renews no height for width of the panel's labels.
"""

import pytest

WIDTH, HEIGHT = 300, 480
LONG = (
    "The T1 volume was removed while the run was going on, so that nothing could be measured: load the volume again, "
    "choose it in step 1, and press the button once more."
)


@pytest.fixture(params=["SpineMetSeg", "SpineNecrosis", "SpineInpaint"])
def panel(request, desktop, necrosis, inpaint):
    """Each module with all its sections open, in the module panel of a small screen."""
    desktop.slicer.mrmlScene.Clear(0)
    widget = desktop.open_panel(request.param)
    for name, section in vars(widget.ui).items():
        if name.endswith("Section") and not section.isHidden():
            section.collapsed = False
    desktop.show(WIDTH, HEIGHT)
    yield widget, request.param
    desktop.close_panel(request.param)
    errors, desktop.errors[:] = list(desktop.errors), []
    assert not errors


def squeezed(widget):
    """Names of visible labels, buttons and combo boxes that have less room than they need."""
    from PySide6 import QtWidgets

    found = []
    for child in widget.ui.panelContents._object.findChildren(QtWidgets.QWidget):
        name = child.objectName()
        if not child.isVisible() or not name or name.startswith("qt_"):
            continue
        if isinstance(child, QtWidgets.QLabel) and child.wordWrap():
            needed = child.heightForWidth(child.width())
        elif isinstance(child, (QtWidgets.QLabel, QtWidgets.QPushButton, QtWidgets.QComboBox, QtWidgets.QCheckBox)):
            needed = child.minimumSizeHint().height()
        else:
            continue
        if child.height() < needed:
            found.append((name, child.height(), needed))
    return found


def say(widget, text):
    for step in widget.panel._steps:
        step.widgets.say(text, error=True)


def switch(desktop, module, times=10):
    for _ in range(times):
        desktop.select("Data")
        desktop.select(module)


def test_nothing_is_squeezed_after_ten_switches_when_texts_grow_and_sections_open(panel, desktop):
    widget, module = panel
    desktop.wait(lambda: False, 0.1)
    assert not squeezed(widget)
    switch(desktop, module)
    say(widget, LONG)
    desktop.wait(lambda: False, 0.1)
    assert not squeezed(widget)
    for name in [name for name in vars(widget.ui) if name.endswith("Section")]:
        getattr(widget.ui, name).collapsed = True
    desktop.wait(lambda: False, 0.05)
    for name in widget.panel.SECTIONS:
        getattr(widget.ui, f"{name}Section").collapsed = False
    say(widget, f"{LONG} {LONG}")
    desktop.wait(lambda: False, 0.1)
    assert not squeezed(widget)


def test_a_narrower_panel_gives_its_texts_more_lines(panel, desktop):
    widget, module = panel
    switch(desktop, module)
    desktop.show(600, HEIGHT)
    say(widget, LONG)
    desktop.wait(lambda: False, 0.1)
    desktop.show(WIDTH, HEIGHT)
    desktop.wait(lambda: False, 0.1)
    assert not squeezed(widget)


def test_all_of_the_panel_is_within_its_width_and_can_be_scrolled_to(panel, desktop):
    widget, module = panel
    switch(desktop, module, 2)
    say(widget, LONG)
    desktop.wait(lambda: False, 0.1)
    scroll = widget.ui.panelScroll._object
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width() + 1
    assert scroll.horizontalScrollBar().maximum() == 0
    assert scroll.verticalScrollBar().maximum() >= scroll.widget().height() - scroll.viewport().height() > 0


def test_a_long_name_in_a_header_does_not_widen_the_panel(panel, desktop, monkeypatch):
    widget, module = panel
    before = widget.ui.panelScroll.minimumWidth
    monkeypatch.setattr(widget.panel, "states", lambda: dict.fromkeys(widget.panel.SECTIONS, (True, "name " * 40)))
    widget.panel.titles()
    desktop.wait(lambda: False, 0.1)
    widget.panel.update()
    assert widget.ui.panelScroll.minimumWidth <= max(before, in_this_font(WIDTH))


def in_this_font(width):
    """The width that holds as much text here as ``width`` pixels do in Slicer on Linux, whose font is narrower."""
    from PySide6 import QtGui, QtWidgets

    return (
        width
        * QtGui.QFontMetrics(QtWidgets.QApplication.font()).horizontalAdvance("Only in the vertebral column")
        / 144
    )
