"""The numberings of the vertebrae that label maps of others use."""

from __future__ import annotations

import pytest

from SpineLib.volume.levels import DOWNWARDS, TOTALSEGMENTATOR, VERSE, level_name


@pytest.mark.parametrize(
    ("number", "level"),
    [(1, "C1"), (7, "C7"), (8, "T1"), (19, "T12"), (20, "L1"), (24, "L5"), (25, "L6"), (26, "S"), (28, "T13")],
)
def test_verse_numbers_the_levels_from_above(number, level):
    assert VERSE[number] == level


@pytest.mark.parametrize(
    ("number", "level"),
    [(25, "S"), (26, "S1"), (27, "L5"), (31, "L1"), (32, "T12"), (43, "T1"), (44, "C7"), (50, "C1")],
)
def test_totalsegmentator_numbers_them_from_below(number, level):
    assert TOTALSEGMENTATOR[number] == level


def test_no_level_has_two_numbers():
    assert len(set(VERSE.values())) == len(VERSE)
    assert len(set(TOTALSEGMENTATOR.values())) == len(TOTALSEGMENTATOR)


def test_a_usual_spine_goes_down_from_c1_to_the_sacrum_without_a_variant():
    assert [VERSE[n] for n in DOWNWARDS] == [*VERSE.values()][:24] + ["S"]


def test_a_number_is_called_by_its_level_or_counted():
    assert level_name(22) == "L3" and level_name(29, TOTALSEGMENTATOR) == "L3"
    assert level_name(90) == "vertebra 90" and level_name(102) == "vertebra 2"
