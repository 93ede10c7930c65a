"""Levels from the lowest ribs, alone and beside the sacrum."""

import numpy as np
import pytest

from SpineLib.tasks.column.levels import name_levels
from SpineLib.tasks.column.parts import OTHER_BONE, SACRUM
from SpineLib.tasks.column.ribs import lowest_ribbed, without_ribs
from SpineLib.tasks.column.sacrum import sacrum_top_mm
from Testing.columns import SPACING, block_column

#: T9 to L3 (VerSe's numbers).
LEVELS = tuple(range(16, 23))


def with_ribs(numbers, levels=LEVELS, sides=(-1, 1), sacrum=False):
    """A column with short ribs beside the bodies of some levels, and the bodies' centres in mm."""
    parts, _, centres = block_column(levels, sacrum=sacrum)
    wide = np.pad(parts, ((0, 0), (0, 0), (20, 20)))
    centres = centres + (0, 0, 20)
    for number in numbers:
        z, y, x = (round(value) for value in centres[levels.index(number)])
        for side in sides:
            at = x + side * 13
            wide[z + 1 : z + 5, y + 2 : y + 10, at - 3 : at + 4] = OTHER_BONE
    return wide, centres * SPACING


def test_the_vertebra_with_the_lowest_ribs_is_t12():
    parts, centres = with_ribs((16, 17, 18, 19))
    assert lowest_ribbed(parts, centres, SPACING) == 3
    levels = name_levels(centres, [1.0] * 7, None, None, 3)
    assert levels.names == ("T9", "T10", "T11", "T12", "L1", "L2", "L3") and levels.source == "ribs"
    assert 0.5 < levels.confidence < 1


@pytest.mark.parametrize(
    ("ribs", "sides"),
    [((), (-1, 1)), ((16, 17, 18, 19), (1,)), (LEVELS, (-1, 1)), (LEVELS[:-1], (-1, 1)), ((19,), (-1, 1))],
    ids=["none", "one side", "down to the edge", "one without below", "one pair alone"],
)
def test_where_ribs_tell_nothing_for_certain_there_is_no_level(ribs, sides):
    parts, centres = with_ribs(ribs, sides=sides)
    assert lowest_ribbed(parts, centres, SPACING) is None


def test_a_short_rib_on_one_side_below_the_pairs_may_be_t12s_and_there_is_no_level():
    # A real CT: the ribs of T12 short, one of them hardly seen; counted from T11's every level would be wrong by one.
    parts, centres = with_ribs((16, 17, 18))
    short, _ = with_ribs((19,), sides=(1,))
    assert lowest_ribbed(parts, centres, SPACING) == 2
    assert lowest_ribbed(np.maximum(parts, short), centres, SPACING) is None


def test_ribs_and_sacrum_that_agree_make_the_levels_surer():
    levels = tuple(range(17, 25))  # T10 to L5
    parts, centres = with_ribs((17, 18, 19), levels, sacrum=True)
    top, ribbed = sacrum_top_mm(parts == SACRUM, SPACING), lowest_ribbed(parts, centres, SPACING)
    agreed = name_levels(centres, [0.8] * 8, top, None, ribbed)
    assert agreed.names[-1] == "L5" and agreed.names[2] == "T12" and agreed.source == "sacrum"
    assert agreed.confidence > name_levels(centres, [0.8] * 8, top).confidence and not agreed.notes


def test_six_vertebrae_between_ribs_and_sacrum_are_told_and_make_the_levels_doubtful():
    levels = tuple(range(16, 25))
    parts, centres = with_ribs((16, 17, 18), levels, sacrum=True)  # the ribs end one vertebra too high
    ribbed = lowest_ribbed(parts, centres, SPACING)
    named = name_levels(centres, [1.0] * 9, sacrum_top_mm(parts == SACRUM, SPACING), None, ribbed)
    assert named.confidence <= 0.5 and any("6 vertebrae instead of five" in note for note in named.notes)


def test_a_level_named_where_no_vertebra_was_found_names_nothing():
    assert name_levels([], [], None, (0, "T11")).names == ()


def test_a_vertebra_named_t12_from_the_sacrum_that_has_no_ribs_is_told_of():
    levels = tuple(range(18, 25))  # T11 to L5
    for ribs, told in (((18,), True), ((18, 19), False)):
        parts, centres = with_ribs(ribs, levels, sacrum=True)
        top, bare = sacrum_top_mm(parts == SACRUM, SPACING), without_ribs(parts, centres, SPACING)
        found = name_levels(centres, [0.9] * 7, top, None, None, bare)
        assert found.names[1] == "T12" and any("No pair of ribs is seen at T12" in one for one in found.notes) == told
        assert (found.confidence < 0.5) == told


def test_ribs_beyond_the_images_edge_are_not_missed():
    parts, centres = with_ribs((), tuple(range(18, 25)), sacrum=True)
    narrow = parts[:, :, 20:-20]  # 32 voxels: 64 mm
    assert without_ribs(narrow, centres - np.array([0, 0, 40]), SPACING) == []
