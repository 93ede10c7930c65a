"""A follow-up from volumes to verdicts: which necrosis treats which metastasis, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.errors import Cancelled, SpineError
from SpineLib.models import find_bundle
from SpineLib.tasks.followup.compare import CompareSettings
from SpineLib.tasks.followup.follow_up import FollowUpSettings, choose_pair, follow_up, mark
from SpineLib.tasks.registration.quality import RegistrationQuality
from SpineLib.tasks.registration.register import Registration
from SpineLib.volume import Volume
from SpineLib.volume.places import shows
from Testing.tasks.tiny import patient, save_tiny

DIRECTION = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
SHAPE = (14, 70, 44)


def ball(*centres_mm, radius=9.0, shape=SHAPE) -> Volume:
    """A mask of balls; centres along k, j, i in mm from the first voxel (4, 1.5, 1.5 mm)."""
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    array = np.zeros(shape, np.uint8)
    for k_mm, j_mm, i_mm in centres_mm:
        array |= ((4 * k - k_mm) ** 2 + (1.5 * j - j_mm) ** 2 + (1.5 * i - i_mm) ** 2 <= radius**2).astype(np.uint8)
    return Volume(array, (1.5, 1.5, 4.0), (-22.0, -30.0, 25.0), DIRECTION)


def scans():
    image = ball().with_array(np.random.default_rng(0).normal(100, 9, SHAPE).astype(np.float32))
    return {"T2": image}, {"T2": image}


UPPER, LOWER = (26.0, 24.0, 33.0), (26.0, 80.0, 33.0)
STILL = np.eye(4)
#: Covered is enough, no margin is asked for.
COVERED = FollowUpSettings(compare=CompareSettings(required_margin_mm=0.0))


def test_a_necrosis_around_the_metastasis_is_a_complete_ablation():
    result = follow_up(
        *scans(), metastases=ball(UPPER), necroses=ball(UPPER, radius=14), after_to_before=STILL, settings=COVERED
    )
    [one] = result.treated
    assert one.comparison.verdict.outcome == "complete" and one.necroses == (1,)
    assert one.comparison.values["minimum_mm"] == pytest.approx(5, abs=1.0)  # slices of 4 mm
    assert one.registration is None and result.provenance["transform"] == "given"


@pytest.mark.parametrize("again", [True, False], ids=["the same scan", "another one"])
def test_one_scan_given_for_before_and_after_is_told(again):
    before, after = scans()
    if not again:
        after = {"T2": after["T2"].with_array(after["T2"].array + 1)}
    result = follow_up(before, after, metastases=ball(UPPER), necroses=ball(UPPER, radius=14), after_to_before=STILL)
    assert any("One image was given as a scan of before and as one of after" in note for note in result.notes) == again


def test_the_necrosis_is_moved_by_the_transform_first():
    moved = np.eye(4)
    moved[:3, 3] = DIRECTION @ [0, -30, 0]  # j runs down: what lies 30 mm lower in the scan after belongs up here
    after = ball((UPPER[0], UPPER[1] + 30, UPPER[2]), radius=14)
    result = follow_up(*scans(), metastases=ball(UPPER), necroses=after, after_to_before=moved, settings=COVERED)
    assert result.treated[0].comparison.verdict.outcome == "complete"


def test_of_several_metastases_each_gets_the_necrosis_at_it_and_one_without_is_untreated():
    metastases = ball(UPPER).with_array(ball(UPPER).array + 2 * ball(LOWER, radius=7).array)
    result = follow_up(
        *scans(), metastases=metastases, necroses=ball(LOWER, radius=11), after_to_before=STILL, settings=COVERED
    )
    treated, untreated = result.treated
    assert treated.lesion.volume_ml < untreated.lesion.volume_ml
    assert treated.comparison.verdict.outcome == "complete"
    assert untreated.comparison is None and untreated.necroses == ()

    both = ball(LOWER, radius=11).with_array(ball(LOWER, radius=11).array | ball(UPPER, radius=5).array)
    result = follow_up(*scans(), metastases=metastases, necroses=both, after_to_before=STILL, settings=COVERED)
    outcomes = {round(one.lesion.volume_ml, 1): one.comparison.verdict.outcome for one in result.treated}
    assert outcomes[max(outcomes)] == "incomplete" and outcomes[min(outcomes)] == "complete"
    assert sum(one.comparison.values["necrosis_ml"] for one in result.treated) == pytest.approx(
        both.array.sum() * both.voxel_volume_ml
    )


def test_a_necrosis_far_from_every_metastasis_treats_none_and_this_is_told():
    result = follow_up(*scans(), metastases=ball(UPPER), necroses=ball(LOWER), after_to_before=STILL)
    assert result.treated[0].comparison is None
    assert any("10 mm away from every metastasis" in note for note in result.notes)


def test_no_necrosis_at_all_leaves_all_untreated():
    result = follow_up(*scans(), metastases=ball(UPPER), necroses=ball(), after_to_before=STILL)
    assert result.treated[0].comparison is None and any("No necrosis" in note for note in result.notes)


def test_models_segment_what_is_not_given(tmp_path):
    """The tiny networks mark what is bright on their first input."""
    find = {
        target: find_bundle(save_tiny(tmp_path, inputs=inputs, target=target).folder)
        for target, inputs in (("metastasis", ("T1", "T2")), ("necrosis", ("ceT1", "T2")))
    }
    before, after = patient(radius=7), patient(radius=12)
    after = {"ceT1": after["T1"], "T2": after["T2"]}
    result = follow_up(
        before,
        after,
        metastasis_model=find["metastasis"],
        necrosis_model=find["necrosis"],
        after_to_before=STILL,
        settings=COVERED,
    )
    [one] = result.treated
    assert one.comparison.verdict.outcome == "complete"
    assert result.provenance["metastases"]["target"] == "metastasis"
    assert result.provenance["necroses"]["target"] == "necrosis"


def cut(volume: Volume, rows: int) -> Volume:
    """The upper part: without what lies below the given row."""
    return Volume(volume.array[:, :rows].copy(), volume.spacing, volume.origin, volume.direction, volume.name)


#: Row 34 lies 51 mm down, between both places.
TWO = ball(UPPER).with_array(ball(UPPER, radius=7).array + 2 * ball(LOWER).array)


def registered(trusted=True) -> Registration:
    """One that moves nothing."""
    quality = RegistrationQuality(
        metric=0.5, rival=0.1, overlap=1.0, spread_mm=0.1, bend_mm=0.1, error_mm=1.0, trusted=trusted
    )
    return Registration(STILL, quality, {}, [])


@pytest.mark.parametrize("necroses", [ball(UPPER, radius=11), ball()], ids=["of the other", "none"])
def test_a_metastasis_that_the_scan_after_does_not_show_is_not_called_untreated(necroses):
    before, after = scans()
    after = {"T2": cut(after["T2"], 34)}
    result = follow_up(
        before, after, metastases=TWO, necroses=cut(necroses, 34), after_to_before=STILL, settings=COVERED
    )
    said = {one.lesion.id: one.untold for one in result.treated}
    assert "does not show" in said[2] and said[1] == ""
    whole = follow_up(*scans(), metastases=TWO, necroses=necroses, after_to_before=STILL, settings=COVERED)
    assert {one.untold for one in whole.treated} == {""}


def test_without_a_trusted_registration_no_metastasis_is_called_untreated():
    for trusted in (True, False):
        known = registered(trusted)
        result = follow_up(
            *scans(), metastases=TWO, necroses=ball(), after_to_before=STILL, registration=known, settings=COVERED
        )
        assert ["trusted" in one.untold for one in result.treated] == [not trusted] * 2


def test_the_largest_metastasis_outside_the_scan_after_does_not_end_the_follow_up(monkeypatch):
    from SpineLib.tasks.registration import register as module

    def register(before, after, region, *_):
        if not shows(after, region.mask, np.eye(4)):
            raise SpineError("The scan after does not show the region of the metastasis.")
        return registered()

    monkeypatch.setattr(module, "register", register)
    before, after = scans()
    after = {"T2": cut(after["T2"], 34)}
    treated, lost = follow_up(
        before, after, metastases=TWO, necroses=cut(ball(UPPER, radius=11), 34), settings=COVERED
    ).treated
    assert treated.lesion.id == 1 and treated.comparison is not None
    assert lost.lesion.id == 2 and lost.lesion.volume_ml > treated.lesion.volume_ml and "does not show" in lost.untold


def test_a_drawn_mask_has_no_certainty():
    assert all(np.isnan(one.mean_probability) for one in [*mark(ball(UPPER)).lesions, *mark(TWO).lesions])


def test_a_labelmap_keeps_its_lesions_apart_and_a_mask_falls_into_pieces():
    touching = ball(UPPER).with_array(np.where(np.arange(SHAPE[1])[None, :, None] < 16, 5, 9) * ball(UPPER).array)
    assert {lesion.id for lesion in mark(touching).lesions} == {5, 9}
    np.testing.assert_array_equal(mark(touching).labels.array, touching.array)
    assert len(mark(ball(UPPER)).lesions) == 1 and len(mark(ball(UPPER, LOWER)).lesions) == 2
    assert mark(ball()).lesions == []


@pytest.mark.parametrize(
    "change, words",
    [
        ({"metastases": ball()}, "No metastasis is marked"),
        ({"necroses": None}, "Neither a segmentation of the necrosis nor a model"),
        ({"after_to_before": np.diag([1.0, 1, 0, 1])}, "is singular"),
        ({"after_to_before": np.diag([-1.0, 1, 1, 1])}, "mirrors"),
        ({"metastases": ball(UPPER).with_array(ball(UPPER).array * 0.5)}, "no labels"),
    ],
)
def test_what_cannot_be_followed_up_is_refused(change, words):
    inputs = {"metastases": ball(UPPER), "necroses": ball(UPPER), "after_to_before": STILL} | change
    with pytest.raises(SpineError, match=words):
        follow_up(*scans(), **inputs)


def test_one_scan_is_no_follow_up():
    with pytest.raises(SpineError, match="one from after"):
        follow_up(scans()[0], {}, metastases=ball(UPPER), necroses=ball(UPPER))


def test_progress_may_cancel():
    def cancel(fraction, _):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        follow_up(*scans(), metastases=ball(UPPER), necroses=ball(UPPER), after_to_before=STILL, progress=cancel)


@pytest.mark.parametrize(
    "before, after, wanted",
    [
        (("T1", "T2"), ("ceT1", "T2"), ("T1", "ceT1")),
        (("T1", "T2"), ("T2",), ("T2", "T2")),
        (("STIR",), ("T2", "ceT1"), ("STIR", "T2")),
        (("STIR",), ("ceT1",), ("STIR", "ceT1")),
    ],
)
def test_t1_is_laid_on_t1_first_and_like_on_like_otherwise(before, after, wanted):
    assert choose_pair(dict.fromkeys(before), dict.fromkeys(after)) == wanted
