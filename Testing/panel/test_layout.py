"""The panel at the width Slicer gives it: nothing is cut off, every control is explained."""

import pytest

WIDTH = 400


def shown(widget, kind):
    from PySide6 import QtWidgets

    cls = getattr(QtWidgets, kind)
    return [child for child in widget.parent._object.findChildren(cls) if child.isVisible() and type(child) is cls]


@pytest.fixture
def laid_out(phantom, desktop):
    widget = phantom.widget
    for section in ("settingsSection", "detectSection", "compareSection", "logSection"):
        getattr(widget.ui, section).collapsed = False
    widget.panel.error(
        widget.panel.segment.widgets,
        "The T1 volume was removed: choose another one, which may take a second line, and press Apply.",
    )
    desktop.show(WIDTH, 1900)
    return widget


def test_no_text_is_cut_off(laid_out):
    looked_at = 0
    for kind in ("QLabel", "QPushButton"):
        for widget in shown(laid_out, kind):
            wraps = kind == "QLabel" and widget.wordWrap()
            enough = (
                widget.height() >= widget.heightForWidth(widget.width())
                if wraps
                else (widget.width() >= widget.minimumSizeHint().width())
            )
            assert enough, widget.objectName()
            looked_at += 1
    assert looked_at > 15


def test_the_panel_needs_no_more_width_than_slicer_gives_it(laid_out):
    assert laid_out.parent._object.minimumSizeHint().width() <= WIDTH


def test_labels_and_controls_of_a_section_are_aligned(laid_out):
    ui = laid_out.ui
    for names in (
        ("t1Selector", "t2Selector", "modelCombo", "thresholdSlider", "smallestSlider"),
        ("detectSelector", "detectModelCombo", "candidateSlider", "areaSlider"),
        ("referenceSelector", "referenceSegmentCombo", "comparedSegmentCombo"),
    ):
        places = {getattr(ui, name)._object.geometry().left() for name in names}
        ends = {getattr(ui, name)._object.geometry().right() for name in names}
        assert len(places) == 1 and len(ends) == 1, names
    assert ui.segmentCancelButton.isHidden(), "nothing runs, so there is nothing to cancel"


def test_every_control_has_a_tooltip(laid_out):
    from PySide6 import QtWidgets

    ui = vars(laid_out.ui)
    silent = [
        name
        for name, widget in ui.items()
        if name.endswith(("Button", "Combo", "Selector", "Slider", "Table"))
        and isinstance(widget._object, QtWidgets.QWidget)
        and not widget.toolTip
    ]
    assert not silent


def test_an_error_is_red_and_the_log_keeps_it(laid_out):
    assert "color" in laid_out.ui.segmentStatusLabel.styleSheet
    assert "The T1 volume was removed" in laid_out.ui.logText.plainText
