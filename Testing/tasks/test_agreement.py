"""A segmentation beside a reference, lesion by lesion: partners, overlap and distances."""

import numpy as np
import pytest
import SimpleITK as sitk

from SpineLib.errors import SpineError
from SpineLib.tasks.segmentation.agreement import ALL, agreement, words
from SpineLib.volume.itk import to_sitk
from Testing.tasks.balls import ball, grid, union

ON = grid((1.0, 1.0, 1.0), half=30.0)


def test_two_balls_have_the_known_distances_and_the_dice_of_their_voxels():
    truth, found = ball(8.0, on=ON), ball(8.0, (2.0, 0, 0), ON)
    first, row = agreement([("one", truth)], [("a", found)])
    assert (first.reference, row.reference, row.result, row.remark) == (ALL, "one", "a", "")
    filter_ = sitk.LabelOverlapMeasuresImageFilter()
    filter_.Execute(to_sitk(truth), to_sitk(found))
    assert row.values["dice"] == pytest.approx(filter_.GetDiceCoefficient(), abs=1e-9)
    # Of a ball moved by d the surfaces are |d cos| apart at an angle: d / 2 on average, d at the poles.
    assert row.values["average_symmetric_mm"] == pytest.approx(1.0, abs=0.1)
    assert row.values["hausdorff95_mm"] == pytest.approx(1.9, abs=0.2)
    assert row.centre_ras_mm == pytest.approx((0, 0, 0), abs=0.01)


def test_partners_are_those_that_agree_best_and_each_has_one_only():
    big, small = ball(9.0, (-8, 0, 0), ON), ball(4.0, (14, 0, 0), ON)
    both = union(ball(8.0, (-8, 0, 0), ON), ball(2.0, (12, 0, 0), ON))
    near = ball(4.0, (15, 0, 0), ON)
    rows = agreement([("big", big), ("small", small)], [("both", both), ("near", near)])
    assert [(row.reference, row.result) for row in rows[1:]] == [("big", "both"), ("small", "near")]
    assert words(rows) == "2 of 2 lesions found"


def test_what_one_side_alone_has_is_told_and_has_no_distances():
    rows = agreement(
        [("L1", ball(5.0, on=ON)), ("L2", ball(5.0, (15, 0, 0), ON))],
        [("1", ball(5.0, on=ON)), ("2", ball(4.0, (-18, 0, 0), ON))],
    )
    assert [row.remark for row in rows] == ["", "", "not found", "not in the reference"]
    assert rows[2].values["tpr"] == 0 and rows[2].values["hausdorff95_mm"] is None
    assert words(rows) == "1 of 2 lesions found, 1 not in the reference"
    assert rows[1].values["hausdorff95_mm"] == pytest.approx(0, abs=1e-5) and rows[1].values["dice"] == 1


def test_nothing_on_both_sides_and_other_grids_are_refused():
    empty = ball(5.0, on=ON).with_array(np.zeros(ON.shape, np.uint8))
    with pytest.raises(SpineError, match="Neither"):
        agreement([("one", empty)], [])
    with pytest.raises(SpineError, match="different grids"):
        agreement([("one", ball(5.0, on=ON))], [("a", ball(5.0))])
    (first,) = agreement([], [("a", ball(5.0, on=ON))])[:1]
    assert np.isnan(first.values["tpr"]) and first.values["dice"] == 0
