"""A vertebra that is evenly dark is told by the others, whatever the coil does; one that is marked needs no words."""

import numpy as np
import pytest

from SpineLib.tasks.segmentation.outliers import outliers
from SpineLib.volume import Volume

DIRECTION = np.array([[0, 0, -1], [1, 0, 0], [0, -1, 0]], float)


def spine(signals, fall_off=0.0):
    """Image and labels L1 ... of bodies 24 mm apart, under a coil that falls off by e in 1 / fall_off mm."""
    rng = np.random.default_rng(0)
    image = np.full((8, 24 * len(signals) + 20, 60), 30.0)
    labels = np.zeros(image.shape, np.uint8)
    for n, signal in enumerate(signals):
        box = np.s_[1:7, 10 + 24 * n : 28 + 24 * n, 20:48]
        image[box], labels[box] = signal, 20 + n
    image *= np.exp(-fall_off * np.arange(image.shape[1]))[None, :, None]
    image += rng.normal(0, 1, image.shape)
    put = lambda array: Volume(array, (1.0, 1.0, 4.0), direction=DIRECTION)  # noqa: E731
    return put(image.astype(np.float32)), put(labels), put(np.zeros_like(labels))


def test_an_evenly_dark_body_is_told_with_its_level_and_by_how_much():
    image, labels, mask = spine([100, 102, 60, 98, 101])
    (found,) = outliers(image, "T1", labels, mask)
    assert (found.name, found.number) == ("L3", 22) and found.ratio == pytest.approx(0.6, abs=0.02)
    assert found.note.startswith("L3 as a whole is 40 % darker on T1 than the other vertebrae, and nothing of its")


@pytest.mark.parametrize("fall_off", [0.004, -0.006])
def test_a_coil_that_falls_off_makes_no_outlier_and_hides_none(fall_off):
    assert outliers(*_with("T1", spine([100] * 6, fall_off))) == []
    assert [one.name for one in outliers(*_with("T1", spine([100, 100, 55, 100, 100, 100], fall_off)))] == ["L3"]


def test_what_is_marked_needs_no_words():
    image, labels, mask = spine([100, 100, 60, 100, 100])
    marked = mask.with_array((labels.array == 22).astype(np.uint8))
    assert outliers(image, "T1", labels, marked) == []


def test_on_stir_the_bright_one_is_told_and_the_dark_one_not():
    assert [one.name for one in outliers(*_with("STIR", spine([40, 40, 90, 40, 20, 40])))] == ["L3"]


def test_the_ends_of_an_image_must_differ_by_more():
    assert outliers(*_with("T1", spine([70, 100, 100, 100, 100]))) == []
    assert [one.name for one in outliers(*_with("T1", spine([50, 100, 100, 100, 100])))] == ["L1"]


def with_sacrum(signals, sacral):
    """The lowest body and what lies below it are the sacrum's."""
    image, labels, mask = spine([*signals, sacral])
    array = labels.array.copy()
    array[array == 20 + len(signals)] = 26
    return image, labels.with_array(array), mask


def test_l5_above_a_sacrum_in_view_is_not_at_the_end():
    assert [one.name for one in outliers(*_with("T2", with_sacrum([100, 100, 100, 100, 150], 110)))] == ["L5"]
    assert outliers(*_with("T2", spine([100, 100, 100, 100, 145]))) == []


@pytest.mark.parametrize(("sequence", "signal", "told"), [("T2", 200, True), ("T2", 135, False), ("T1", 55, True)])
def test_a_first_piece_of_the_sacrum_that_is_replaced_is_told_and_its_usual_signal_is_not(sequence, signal, told):
    found = outliers(*_with(sequence, with_sacrum([100, 103, 98, 101, 100], signal)))
    assert [one.name for one in found] == (["S1"] if told else [])


def test_nothing_is_told_of_few_vertebrae_or_of_a_sequence_whose_metastases_may_look_like_marrow():
    assert outliers(*_with("T1", spine([100, 50, 100]))) == []
    assert outliers(*_with("ceT1", spine([100, 100, 50, 100, 100]))) == []


def _with(sequence, three):
    return three[0], sequence, three[1], three[2]
