"""From likelihoods to candidates: aggregation, threshold, least area, merging, measures."""

import numpy as np
import pytest

from SpineLib.tasks.detection.candidates import Candidate, aggregate, find_candidates
from SpineLib.tasks.detection.column import within
from SpineLib.volume import Volume

from .tiny import reordered

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)  # i to posterior, j to inferior, k to left


def map_with(*blocks, shape=(6, 40, 30)):
    """A map of 1 x 1 x 4 mm that is 0 but in (slice, rows, columns, likelihood) blocks."""
    array = np.zeros(shape, np.float32)
    for s, rows, columns, value in blocks:
        array[s, rows, columns] = value
    return Volume(array, (1.0, 1.0, 4.0), (-10.0, -50.0, 100.0), SAGITTAL)


def test_a_slice_is_averaged_with_its_neighbours_and_the_ends_with_the_nearest_two():
    single = np.arange(5, dtype=float)[:, None, None] ** 2
    wanted = [0.3 * (1 + 4), 0.4 + 0.3 * 4, 1.6 + 0.3 * 10, 3.6 + 0.3 * 20, 6.4 + 0.3 * (9 + 4)]
    assert np.allclose(aggregate(single)[:, 0, 0], wanted)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_slices_keep_a_constant_likelihood(count):
    assert np.allclose(aggregate(np.full((count, 2, 2), 0.7)), 0.7)


def test_a_candidate_is_measured():
    found = find_candidates(map_with((2, slice(10, 20), slice(5, 25), 0.6), (3, slice(10, 20), slice(5, 15), 0.9)), 0.5)
    assert len(found) == 1
    one = found[0]
    assert one.id == 1 and one.probability == pytest.approx(0.9) and one.mean_probability == pytest.approx(0.7)
    assert one.area_cm2 == pytest.approx(2.0) and one.volume_ml == pytest.approx(1.2)
    # Columns 5 to 24 in 200 pixels and 5 to 14 in 100; rows 10 to 19; slices 2 and 3 of 4 mm.
    assert one.centre_lps_mm == pytest.approx(
        (-10 + 4 * 7 / 3, -50 + (200 * 14.5 + 100 * 9.5) / 300, 100 - 14.5), abs=1e-3
    )
    assert one.centre_ras_mm == pytest.approx([-v for v in one.centre_lps_mm[:2]] + [one.centre_lps_mm[2]])
    assert [(region.slice, round(region.area_cm2, 6)) for region in one.slices] == [(2, 2.0), (3, 1.0)]
    assert one.bounds_lps_mm == ((-2.0, -45.0, 81.0), (2.0, -26.0, 90.0))


def test_regions_below_the_least_area_of_their_slice_go_before_slices_merge():
    small = (3, slice(10, 14), slice(10, 14), 0.9)
    volume = map_with((2, slice(10, 20), slice(10, 20), 0.7), small)
    assert len(find_candidates(volume, 0.5, 0.0)[0].slices) == 2
    assert [region.slice for region in find_candidates(volume, 0.5, 0.5)[0].slices] == [2]
    assert find_candidates(volume, 0.5, 5.0) == []


def test_an_area_exactly_as_large_as_the_least_stays():
    assert len(find_candidates(map_with((2, slice(0, 20), slice(0, 25), 0.7)), 0.5, 5.0)) == 1


def test_the_most_suspicious_comes_first_and_far_slices_stay_apart():
    found = find_candidates(
        map_with(
            (0, slice(0, 5), slice(0, 5), 0.6), (2, slice(0, 5), slice(0, 5), 0.8), (5, slice(30, 38), slice(0, 5), 0.7)
        ),
        0.5,
    )
    assert [(one.id, round(one.probability, 2)) for one in found] == [(1, 0.8), (2, 0.7), (3, 0.6)]


def test_a_higher_threshold_only_takes_away():
    rng = np.random.default_rng(0)
    volume = map_with().with_array(rng.random((6, 40, 30)).astype(np.float32) ** 4)
    suspicious = [sum(one.volume_ml for one in find_candidates(volume, t)) for t in (0.3, 0.5, 0.7, 0.9)]
    assert suspicious == sorted(suspicious, reverse=True) and find_candidates(volume, 1.1) == []


def test_axis_order_does_not_matter():
    volume = map_with((2, slice(10, 20), slice(5, 25), 0.6), (4, slice(30, 35), slice(5, 15), 0.9))
    turned = reordered(volume, (2, 0, 1), (True, False, True))
    for one, other in zip(find_candidates(volume, 0.5), find_candidates(turned, 0.5)):
        assert one.centre_lps_mm == pytest.approx(other.centre_lps_mm, abs=2e-3)
        assert (one.area_cm2, one.slices[0].slice) == (other.area_cm2, other.slices[0].slice)


def two_vertebrae(saddle, apart=24, low=0.9):
    """Two ill vertebrae, 14 mm high, whose likelihoods run into each other over a saddle."""
    return map_with(
        *((s, slice(2, 16 + apart), slice(8, 22), saddle) for s in (2, 3)),
        *((s, slice(2, 16), slice(8, 22), 0.95) for s in (2, 3)),
        *((s, slice(2 + apart, 16 + apart), slice(8, 22), low) for s in (2, 3)),
        shape=(6, 60, 30),
    )


@pytest.mark.parametrize("threshold", [0.85, 0.7, 0.55, 0.4, 0.2])
def test_two_ill_vertebrae_stay_two_candidates_when_the_threshold_falls_below_what_lies_between(threshold):
    found = find_candidates(two_vertebrae(0.6), threshold, 1.0)
    assert [round(one.probability, 2) for one in found] == [0.95, 0.9]
    centres = [one.centre_lps_mm[2] for one in found]  # rows 8.5 and 32.5; the saddle is shared
    assert centres == pytest.approx([100 - 8.5, 100 - 32.5], abs=3.0)
    if threshold < 0.6:
        assert sum(one.volume_ml for one in found) == pytest.approx(2 * 38 * 14 * 4 / 1000), "none is lost or shared"
        assert all(region.area_cm2 == pytest.approx(1.4 * 1.9, abs=0.3) for one in found for region in one.slices)


def test_one_place_is_one_candidate_however_uneven():
    assert len(find_candidates(two_vertebrae(0.6, apart=14), 0.5, 1.0)) == 1, "centres 14 mm apart: one vertebra"
    assert len(find_candidates(two_vertebrae(0.943, low=0.947), 0.5, 1.0)) == 1, "hardly a saddle between them"
    assert len(find_candidates(two_vertebrae(0.6), 0.5, 3.0)) == 1, "parts below the least area"
    rng = np.random.default_rng(3)
    rough = two_vertebrae(0.8, low=0.8)
    rough = rough.with_array(np.where(rough.array > 0, rough.array + rng.uniform(-0.05, 0.05, rough.shape), 0))
    assert len(find_candidates(rough, 0.5, 1.0)) == 1, "noise"


def test_what_is_found_at_a_threshold_is_not_lost_at_a_lower_one():
    volume, places = two_vertebrae(0.6), []
    for threshold in (0.92, 0.8, 0.61, 0.5, 0.3, 0.1):
        rows = [100 - one.centre_lps_mm[2] for one in find_candidates(volume, threshold, 1.0)]
        assert all(any(abs(row - earlier) < 5 for row in rows) for earlier in places), threshold
        places = rows


def test_not_even_what_shows_only_just_above_the_threshold_at_which_it_runs_into_its_neighbour():
    """Two vertebrae 20 mm apart, the second of which reaches the least area at 0.66 and runs into the first at 0.64."""
    volume = two_vertebrae(0.65, apart=20, low=0.67)
    assert [len(find_candidates(volume, threshold, 1.0)) for threshold in (0.7, 0.66, 0.64, 0.4)] == [1, 2, 2, 2]


def test_candidates_outside_of_the_column_are_dropped_and_the_others_renumbered():
    volume = map_with((0, slice(0, 5), slice(0, 5), 0.9), (3, slice(20, 30), slice(10, 20), 0.8))
    mask = np.zeros(volume.shape, np.uint8)
    mask[:, :, 8:] = 1
    found = find_candidates(within(volume, volume.with_array(mask)), 0.5)
    assert [(one.id, round(one.probability, 2)) for one in found] == [(1, 0.8)]


def test_json_and_back():
    one = find_candidates(map_with((2, slice(10, 20), slice(5, 25), 0.6)), 0.5)[0]
    import json

    assert Candidate.from_dict(json.loads(json.dumps(one.to_dict()))) == one
