"""What is finished folds by itself, what comes next opens, and a panel is no higher than two screens."""

import pytest

from Testing.panel.patients import compared

#: Two screens of 1080 lines; the module panel of Slicer is a little lower than the screen.
TWO_SCREENS = 2 * 1080
WIDTH = 420


def is_open(ui, name):
    return not getattr(ui, f"{name}Section").collapsed


def height(desktop):
    """Of the whole panel, as if it were scrolled through."""
    from PySide6 import QtWidgets

    desktop.show(WIDTH, 900)
    desktop.wait(lambda: False, 0.2)
    areas = desktop.module_panel.findChildren(QtWidgets.QScrollArea)
    return 900 + max((area.verticalScrollBar().maximum() for area in areas), default=0)


def test_a_follow_up_opens_its_steps_one_after_the_other(open_necrosis, necrosis):
    from SpineNecrosisLib.selftest import phantomNodes

    ui = open_necrosis().ui
    assert is_open(ui, "before") and is_open(ui, "after") and is_open(ui, "register")
    assert not is_open(ui, "necrosis") and not is_open(ui, "compare")
    phantomNodes()
    assert necrosis.wait(lambda: ui.afterCeT1Selector.currentNode() is not None, 5)
    assert is_open(ui, "before"), "nothing folds under the user's hand"


def test_after_a_comparison_what_it_was_made_of_is_folded_and_the_report_is_open(patient, necrosis):
    compared(patient, necrosis)
    ui = patient.ui
    assert [is_open(ui, name) for name in ("before", "necrosis")] == [False, False]
    assert is_open(ui, "compare"), "what it says stays to be read"
    assert is_open(ui, "report"), "the next step"
    assert height(necrosis) <= TWO_SCREENS
    assert ui.verdictLabel.visible and ui.verdictLabel.text
    ui.beforeSection.collapsed = False
    patient.widget.panel.update()
    assert is_open(ui, "before"), "what the user opens stays open"


def test_a_run_opens_what_comes_next_and_leaves_its_own_words_to_be_read(phantom, desktop):
    ui = phantom.widget.ui
    assert not is_open(ui, "report")
    ui.segmentApplyButton.click()
    assert desktop.wait(lambda: not phantom.widget.panel.jobs.busy, 180)
    assert is_open(ui, "results") and desktop.wait(lambda: is_open(ui, "report"), 5)
    assert height(desktop) <= TWO_SCREENS
    assert is_open(ui, "segment") and ui.segmentStatusLabel.visible and "found" in ui.segmentStatusLabel.text


@pytest.mark.parametrize("module", ["SpineMetSeg", "SpineNecrosis", "SpineInpaint"])
def test_a_panel_begins_lower_than_two_screens(module, desktop, necrosis, inpaint):
    desktop.slicer.mrmlScene.Clear(0)
    desktop.open_panel(module)
    try:
        assert height(desktop) <= 1500
    finally:
        desktop.close_panel(module)


def test_a_scene_that_comes_with_everything_done_shows_its_last_step(desktop):
    from SpinePanel.folding import Folding

    class Section:
        collapsed = False

    class Ui:
        oneSection, twoSection, threeSection, fourSection = Section(), Section(), Section(), Section()

    folding = Folding(Ui, ("one", "two", "three", "four"))
    done, open_ = (True, ""), (False, "")
    folding.follow({"one": done, "two": done, "three": done, "four": open_})
    assert [Ui.oneSection.collapsed, Ui.twoSection.collapsed, Ui.threeSection.collapsed] == [True, True, False]
    Ui.oneSection.collapsed = False
    folding.follow({"one": done, "two": done, "three": done, "four": open_})
    assert not Ui.oneSection.collapsed, "only what has just become done moves anything"
    Ui.fourSection.collapsed = True
    folding.follow({"one": done, "two": done, "three": open_, "four": open_})
    folding.follow({"one": done, "two": done, "three": done, "four": open_})
    assert not Ui.fourSection.collapsed
    Ui.oneSection.collapsed = Ui.twoSection.collapsed = True
    folding.follow({"one": done, "two": open_, "three": done, "four": open_}, ["one"])
    assert not Ui.oneSection.collapsed, "what warns opens"
    assert not Ui.twoSection.collapsed, "and what is done no more"
    folding.finished("three", {"one": done, "two": done}, ["one"])
    assert [Ui.oneSection.collapsed, Ui.twoSection.collapsed] == [False, True], "what warns does not fold"
