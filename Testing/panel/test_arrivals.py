"""Images that are loaded while the module is open are taken up where nothing is chosen, and only there."""

import numpy as np


def add_volume(name):
    import slicer

    return slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name=name)


def settle(desktop):
    desktop.wait(lambda: False, 0.6)


def test_images_loaded_into_the_open_module_are_chosen(open_panel, desktop):
    widget = open_panel()
    t1, t2 = add_volume("T1 sag"), add_volume("T2 sag")
    settle(desktop)
    assert widget.panel.images() == {"T1": t1, "T2": t2}
    assert widget.ui.t1Selector.currentNode() is t1 and widget._parameterNode.detectImage is t2


def test_an_image_that_comes_later_joins_those_that_were_chosen_by_themselves(open_panel, desktop):
    t1 = add_volume("T1 sag")
    widget = open_panel()
    t2 = add_volume("T2 sag")
    settle(desktop)
    assert widget.panel.images() == {"T1": t1, "T2": t2}


def test_what_the_user_chose_is_not_mixed_with_what_comes(open_panel, desktop):
    other = add_volume("something else")
    widget = open_panel()
    widget.ui.t1Selector.setCurrentNode(other)
    add_volume("T1 sag"), add_volume("T2 sag")
    settle(desktop)
    assert widget.panel.images() == {"T1": other}


def test_what_the_user_cleared_stays_so_when_the_module_is_entered_again(open_panel, desktop):
    t1 = add_volume("T1 sag")
    add_volume("T2 sag")
    widget = open_panel()
    widget.ui.t2Selector.setCurrentNode(None)
    desktop.select("Data")
    desktop.select("SpineMetSeg")
    settle(desktop)
    assert widget.panel.images() == {"T1": t1}


def test_images_loaded_while_another_module_is_shown_are_chosen_on_coming_back(open_panel, desktop):
    t1 = add_volume("T1 sag")
    widget = open_panel()
    desktop.select("Data")
    t2 = add_volume("T2 sag")
    settle(desktop)
    desktop.select("SpineMetSeg")
    assert widget.panel.images() == {"T1": t1, "T2": t2}


def test_a_ct_and_its_vertebrae_loaded_into_the_open_module_are_chosen(open_inpaint, inpaint):
    from SpineInpaintLib.selftest import phantomNodes

    widget = open_inpaint()
    ct, vertebrae, _ = phantomNodes()
    settle(inpaint)
    assert widget._parameterNode.ct is ct and widget._parameterNode.vertebrae is vertebrae


def test_of_two_segmentations_of_vertebrae_the_one_that_is_shown_is_chosen(open_inpaint, inpaint):
    """The sample brings the vertebrae, and hidden how they were before the lesion."""
    from SpineInpaintLib.selftest import phantomNodes

    widget = open_inpaint()
    _, vertebrae, _ = phantomNodes()
    phantomNodes()[1].SetDisplayVisibility(False)
    settle(inpaint)
    assert widget._parameterNode.vertebrae is vertebrae
