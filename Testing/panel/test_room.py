"""What takes room in a panel, and what does not: empty tables, buttons of what does not run, titles that are cut."""

from __future__ import annotations

import pytest

from Testing.panel.patients import add_ellipsoid, draw

#: Two screens of 1080 pixels.
TWO_SCREENS = 2160


@pytest.mark.parametrize("module", ["SpineMetSeg", "SpineNecrosis", "SpineInpaint"])
def test_a_panel_with_its_finished_steps_folded_is_no_higher_than_two_screens(desktop, necrosis, inpaint, module):
    """Of each step in turn: all others folded but the one that follows it."""
    desktop.slicer.mrmlScene.Clear(0)
    widget = desktop.open_panel(module)
    names = [*widget.panel.SECTIONS]
    desktop.show(420, 1000)
    for step in range(len(names)):
        for place, name in enumerate(names):
            getattr(widget.ui, f"{name}Section").collapsed = place not in (step, step + 1)
        desktop.wait(lambda: False, 0.2)
        contents = widget.ui.panelContents._object
        assert contents.heightForWidth(400) <= TWO_SCREENS or contents.sizeHint().height() <= TWO_SCREENS, names[step]
    desktop.close_panel(module)


def test_an_empty_table_takes_no_room_and_a_short_one_little(phantom, desktop):
    ui = phantom.widget.ui
    for name in ("lesionTable", "candidateTable"):
        assert getattr(ui, name).maximumHeight == 0, name
    drawn = draw(phantom.t1, "Lesion 1", (0, 0, 0), (6, 6, 6))
    phantom.widget._parameterNode.result = drawn
    assert desktop.wait(lambda: ui.lesionTable.rowCount == 1, 10)
    one = ui.lesionTable.maximumHeight
    assert 40 <= one < 110
    add_ellipsoid(drawn, phantom.t1, "Lesion 2", (0, 10, 10), (4, 4, 4))
    assert desktop.wait(lambda: ui.lesionTable.rowCount == 2, 10)
    assert ui.lesionTable.maximumHeight > one


def test_one_cancel_is_shown_while_something_runs_and_none_else(phantom, desktop):
    ui = phantom.widget.ui
    buttons = [getattr(ui, name) for name in vars(ui) if name.endswith("CancelButton")]
    assert len(buttons) > 2 and all(button.isHidden() for button in buttons)
    ui.segmentApplyButton.click()
    assert [button for button in buttons if not button.isHidden()] == [ui.segmentCancelButton]
    desktop.wait(lambda: not phantom.widget.panel.jobs.busy, 120)
    assert all(button.isHidden() for button in buttons)


def test_a_title_that_a_narrow_combo_box_cuts_stands_whole_below_it(phantom, desktop):
    ui = phantom.widget.ui
    from SpinePanel import modelchoice

    card = phantom.widget.panel.segment.models.card()
    shown = ui.badgeLabel.text
    assert (modelchoice.cardLabel(card) in shown) == (len(modelchoice.cardLabel(card)) > 20)
    assert ui.badgeLabel.wordWrap
