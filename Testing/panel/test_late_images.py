"""Images that are loaded while a panel is shown are taken up where nothing is chosen yet, and nowhere else."""

import numpy as np


def add(name):
    import slicer

    return slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name=name)


def test_t1_and_t2_loaded_while_the_panel_is_shown_are_chosen(open_panel, desktop):
    ui = open_panel().ui
    t1, t2 = add("t1_tse_sag"), add("t2_tse_sag")
    assert desktop.wait(lambda: ui.t1Selector.currentNode() is t1 and ui.t2Selector.currentNode() is t2, 3)
    assert desktop.wait(lambda: ui.detectSelector.currentNode() is t2, 3)


def test_scans_loaded_while_the_panel_is_shown_are_chosen(open_necrosis, necrosis):
    ui = open_necrosis().ui
    before, after = add("T2 before"), add("ceT1 after")
    assert necrosis.wait(lambda: ui.beforeT2Selector.currentNode() is before, 3)
    assert necrosis.wait(lambda: ui.afterCeT1Selector.currentNode() is after, 3)


def test_a_ct_and_its_vertebrae_loaded_while_the_panel_is_shown_are_chosen(open_inpaint, inpaint):
    from SpineInpaintLib.selftest import phantomNodes

    ui = open_inpaint().ui
    ct, vertebrae, _ = phantomNodes()
    assert inpaint.wait(lambda: ui.ctSelector.currentNode() is ct, 3)
    assert inpaint.wait(lambda: ui.vertebraeSelector.currentNode() is vertebrae, 3)


def test_the_samples_ct_and_vertebrae_are_chosen_when_it_is_loaded_while_the_panel_is_shown(open_inpaint, inpaint):
    from SpineInpaintLib.sampledata import simulateSample

    ui = open_inpaint().ui
    ct, vertebrae, *_ = simulateSample()
    assert inpaint.wait(lambda: ui.ctSelector.currentNode() is ct, 3)
    assert inpaint.wait(lambda: ui.vertebraeSelector.currentNode() is vertebrae, 3)


def test_a_choice_that_was_made_is_not_replaced_by_what_is_loaded_later(open_panel, desktop):
    mine = add("something else")
    ui = open_panel().ui
    ui.t1Selector.setCurrentNode(mine)
    add("t1_tse_sag")
    desktop.wait(lambda: False, 1.0)
    assert ui.t1Selector.currentNode() is mine


def test_a_selector_that_the_user_has_emptied_stays_empty_until_something_is_loaded(open_panel, desktop):
    add("t1_tse_sag")
    ui = open_panel().ui
    assert ui.t1Selector.currentNode() is not None
    ui.t1Selector.setCurrentNode(None)
    desktop.wait(lambda: False, 0.5)
    assert ui.t1Selector.currentNode() is None


def test_results_of_a_run_are_never_taken_for_images(phantom, desktop):
    """A likelihood or a mask is a volume, too."""
    import slicer

    ui = phantom.widget.ui
    ui.t1Selector.setCurrentNode(None)
    ui.t2Selector.setCurrentNode(None)
    for name in ("T1 likelihood", "T2 mask", "T1 probability"):
        node = slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name=name)
        assert ui.t1Selector.currentNode() is not node and ui.t2Selector.currentNode() is not node
    desktop.wait(lambda: False, 0.5)
    chosen = {one.GetName() for one in (ui.t1Selector.currentNode(), ui.t2Selector.currentNode()) if one}
    assert not chosen & {"T1 likelihood", "T2 mask", "T1 probability"}
