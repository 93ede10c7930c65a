"""Two examinations: lesions matched, sizes as the criteria measure them, classes at their thresholds."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.metrics.response import change_words, class_of
from SpineLib.tasks.response.lesions import size_of
from SpineLib.tasks.response.response import NOT_TO_BE_TOLD, Found, response
from Testing.tasks.balls import SAGITTAL, ball, box, grid, moved_by, union

ON = grid((1.0, 1.0, 1.0), half=40.0)


def found(name, *arguments, on=ON, level=""):
    return Found(name, ball(*arguments, on=on), level)


def of(result, name):
    return next(one for one in result.changes if name in (*one.earlier, *one.later))


def test_the_product_of_diameters_is_taken_in_the_sagittal_slice_with_the_longest_one():
    on = grid((0.5, 0.5, 4.0), direction=SAGITTAL)
    size = size_of(ball(10.0, on=on))
    # Between the middles of pixel edges: a diameter of 20 mm, to a pixel of 0.5 mm.
    assert size.longest_mm == pytest.approx(20, abs=0.6) and size.across_mm == pytest.approx(20, abs=0.6)
    assert size.product_mm2 == pytest.approx(size.longest_mm * size.across_mm) and size.slice_mm == 4.0
    assert size.measurable and not size_of(ball(3.9, on=on)).measurable, "shorter than two slices of 4 mm"


@pytest.mark.parametrize(
    ("later", "kind"), [(0.0, "CR"), (50.0, "PR"), (50.1, "SD"), (100.0, "SD"), (124.9, "SD"), (125.0, "PD")]
)
def test_the_classes_change_at_half_less_and_a_quarter_more(later, kind):
    assert class_of(100.0, later) == kind


def test_lesions_are_matched_after_registration_and_their_change_is_told():
    shift = moved_by(x=-25.0, z=5.0)
    there = np.linalg.inv(shift)[:3, 3]
    earlier = [found("L1", 10.0, (0, 0, 20), level="L1"), found("L3", 8.0, (0, 0, -20))]
    later = [
        Found("a", ball(6.5, np.array((0, 0, 20)) + there, ON)),
        Found("b", ball(8.1, np.array((0, 0, -20)) + there, ON)),
    ]
    result = response(earlier, later, shift, error_mm=1.0)
    one, two = result.changes
    assert (one.earlier, one.later, one.level, one.response) == (("L1",), ("a",), "L1", "PR")
    assert one.values["product_change"] == pytest.approx(0.65**2 - 1, abs=0.04)
    assert one.values["volume_change"] == pytest.approx(0.65**3 - 1, abs=0.02)
    assert one.centre_ras_mm == pytest.approx((0, 0, 20), abs=0.2)
    assert two.response == "SD" and result.overall == "SD" and "no lesion is new" in result.reason
    unmoved = response(earlier, later)
    assert {change.what for change in unmoved.changes} == {"gone", "new"}, "without the registration nothing fits"
    assert "No registration was given" in " ".join(unmoved.notes)


def test_a_new_lesion_is_progression_and_one_that_is_gone_a_complete_response():
    earlier, later = [found("old", 8.0, (0, 0, 20))], [found("new", 7.0, (0, 0, -20))]
    result = response(earlier, later, np.eye(4), error_mm=0.0)
    assert of(result, "old").response == "CR" and of(result, "old").what == "gone"
    assert of(result, "new").response == "PD" and result.overall == "PD" and result.reason == "1 lesion is new."
    assert response(earlier, [], np.eye(4)).overall == "CR"
    small = response([], [found("dot", 3.0)], np.eye(4)).changes[0]
    assert small.response == "PD" and "make sure" in small.remark


def test_lesions_that_merged_or_parted_are_one_line_with_the_sum_of_their_sizes():
    left, right = found("left", 6.0, (-8, 0, 0)), found("right", 6.0, (8, 0, 0))
    both = Found("both", union(ball(6.0, (-8, 0, 0), ON), ball(6.0, (8, 0, 0), ON), box((-8, -2, -2), (8, 2, 2), ON)))
    (merged,) = response([left, right], [both], np.eye(4)).changes
    assert merged.what == "merged" and merged.earlier == ("left", "right")
    assert merged.size_earlier.product_mm2 == pytest.approx(2 * size_of(left.mask).product_mm2)
    (parted,) = response([both], [left, right], np.eye(4)).changes
    assert parted.what == "parted" and parted.later == ("left", "right")


def test_what_is_new_beside_a_lesion_that_is_still_there_is_not_taken_for_a_part_of_it():
    earlier = [found("old", 8.0)]
    later = [found("old", 8.0), found("beside", 5.0, (16, 0, 0))]  # a gap of 3 mm
    assert [one.what for one in response(earlier, later, np.eye(4)).changes] == ["", "new"]
    moved = response(earlier, [found("off", 5.0, (16, 0, 0))], np.eye(4))
    assert [one.what for one in moved.changes] == [""], "the nearest within 5 mm, where nothing overlaps"


def test_a_place_that_the_other_scan_does_not_show_is_neither_gone_nor_new():
    short = grid((1.0, 1.0, 1.0), half=15.0)
    earlier = [found("seen", 6.0, (0, 0, 0)), found("above", 6.0, (0, 0, 30))]
    result = response(earlier, [Found("seen", ball(6.0, on=short))], np.eye(4))
    assert of(result, "above").response == "not seen" and "later scan" in of(result, "above").remark
    assert result.overall == NOT_TO_BE_TOLD
    back = response([Found("seen", ball(6.0, on=short))], earlier, np.eye(4))
    assert of(back, "above").response == "not seen" and "earlier scan" in of(back, "above").remark


def test_no_lesion_has_a_class_where_the_registration_is_not_to_be_trusted():
    earlier, later = (
        [found("one", 8.0), found("gone", 8.0, (0, 0, 25))],
        [found("a", 8.0), found("new", 8.0, (0, 0, -25))],
    )
    result = response(earlier, later, np.eye(4), trusted=False)
    assert {one.response for one in result.changes} == {NOT_TO_BE_TOLD} and result.overall == NOT_TO_BE_TOLD
    assert all("not to be trusted" in one.remark for one in result.changes)


def test_what_was_rejected_earlier_is_not_new_and_does_not_decide():
    steady, back = found("one", 8.0), found("back", 8.0, (0, 0, 25))
    result = response([steady], [steady, back], np.eye(4), rejected=[back.mask])
    assert of(result, "back").response == NOT_TO_BE_TOLD and "rejected in the earlier" in of(result, "back").remark
    assert result.overall == "SD" and "no lesion is new" not in result.reason and "rejected" in result.reason
    assert "did not change" in result.reason
    more = response([steady], [steady, back, found("new", 8.0, (0, 0, -25))], np.eye(4), rejected=[back.mask])
    assert more.overall == "PD" and more.reason == "1 lesion is new."
    assert response([], [back], np.eye(4), rejected=[back.mask]).overall == NOT_TO_BE_TOLD


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (361 / 289 - 1, "24.9"),
        (0.25, "25"),
        (0.24996, "24.996"),
        (-0.496, "-49.6"),
        (-0.5, "-50"),
        (-0.001, "0"),
        (0.4, "40"),
    ],
)
def test_a_change_is_told_on_its_side_of_the_thresholds(change, words):
    assert change_words(change) == words


def test_an_untrusted_registration_tells_no_class_and_nothing_at_all_is_refused():
    assert response([found("one", 8.0)], [found("a", 9.0)], np.eye(4), trusted=False).overall == NOT_TO_BE_TOLD
    with pytest.raises(SpineError, match="Neither examination"):
        response([], [])
    with pytest.raises(SpineError, match="missing"):
        response([found("one", 8.0)], [], {})
