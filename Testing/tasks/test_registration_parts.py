"""What a registration stands on: regions, pairs of points, the fit, and the judgement."""

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.registration.points import (
    DOUBTFUL_MM,
    WRONG_MM,
    blaming_points,
    pairs_of,
    read_point_pairs,
    rigid_from_points,
    start_of_pairs,
)
from SpineLib.tasks.registration.quality import RegistrationQuality, judge
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.register import Registration
from SpineLib.tasks.registration.search import mutual_information, rigid_matrix, rigid_parameters, soft_information
from SpineLib.volume import Volume

CORNERS = np.array([[0, 0, 0], [40, 0, 0], [0, 30, 0], [0, 0, 25.0]])
GOOD = {"metric": 0.5, "rival": 0.5, "overlap": 1.0, "spread_mm": 0.1, "bend_mm": 1.0, "voxel_mm": 0.8, "fat": "fitted"}


def ball(radius=10.0):
    """A ball about (5, -3, 8), on an oblique grid of 2 x 2 x 4 mm."""
    turn = rigid_matrix(np.array([0.2, -0.1, 0.3, 0, 0, 0]), np.zeros(3))[:3, :3]
    grid = Volume(np.zeros((20, 30, 30), np.uint8), (2, 2, 4), tuple(np.array([5, -3, 8]) - turn @ (29, 29, 38)), turn)
    points = np.indices(grid.shape).reshape(3, -1)[::-1].T @ grid.ijk_to_lps[:3, :3].T + grid.origin
    inside = np.linalg.norm(points - (5, -3, 8), axis=1) <= radius
    return grid.with_array(inside.reshape(grid.shape).astype(np.uint8))


def test_the_region_of_a_mask_knows_inside_and_distance():
    region = Region.from_mask(ball())
    points = np.array([[5, -3, 8], [5, -3, 38], [5, 37, 8], [205, 0, 0.0]])
    assert region.inside(points).tolist() == [True, False, False, False]
    distance = region.distance(points, 60.0)
    # Voxels are 4 mm deep: the outermost middles lie up to that far within the ball.
    np.testing.assert_allclose(distance[:3], [0, 20, 30], atol=4.0)
    assert np.isinf(distance[3])
    assert np.isinf(region.distance(points, 25.0)[2])
    assert np.abs(region.centre - (5, -3, 8)).max() < 2.5


def test_the_region_of_a_box_is_exact():
    region = Region.from_box((10, 20, 30), (4, 6, 8))
    np.testing.assert_allclose(region.distance(np.array([[10, 20, 30], [15, 20, 30], [15, 27, 30.0]]), 50), [0, 3, 5])
    assert region.corners(1.0).min(axis=0).tolist() == [7, 16, 25]


def test_empty_masks_and_boxes_without_size_are_refused():
    with pytest.raises(SpineError, match="empty"):
        Region.from_mask(Volume(np.zeros((4, 4, 4))))
    for centre, size in (((0, 0, 0), (1, 0, 1)), ((0, np.nan, 0), (1, 1, 1)), (None, (1, 1, 1)), ((0, 0), (1, 1, 1))):
        with pytest.raises(SpineError, match="box"):
            Region.from_box(centre, size)


def test_a_rigid_movement_is_its_parameters_and_back():
    parameters, centre = np.array([0.1, -0.2, 0.05, 3, -7, 11]), np.array([30.0, -20, 100])
    matrix = rigid_matrix(parameters, centre)
    np.testing.assert_allclose(matrix[:3, :3] @ centre + matrix[:3, 3], centre + parameters[3:])
    np.testing.assert_allclose(rigid_parameters(matrix, centre), parameters, atol=1e-12)


def test_mutual_information_of_known_histograms():
    assert mutual_information(np.eye(4)) == pytest.approx(np.log(4))
    assert mutual_information(np.ones((4, 4))) == pytest.approx(0)


def test_mutual_information_of_values_between_bins_is_that_of_their_two_neighbours():
    whole = np.tile(np.arange(4.0), 4)
    assert soft_information(whole, whole, 4) == pytest.approx(np.log(4))
    assert soft_information(whole, np.repeat(np.arange(4.0), 4), 4) == pytest.approx(0)
    half = np.array([0.5, 0.5, 2.5, 2.5])  # each of two groups spread over its own two bins
    assert soft_information(half, half, 4) == pytest.approx(np.log(2))


def test_points_give_the_movement_and_what_remains():
    truth = rigid_matrix(np.array([0.1, 0.3, -0.2, 12, 5, -9]), np.array([20.0, 10, 0]))
    matrix, left = rigid_from_points(CORNERS @ truth[:3, :3].T + truth[:3, 3], CORNERS)
    np.testing.assert_allclose(matrix, truth, atol=1e-6)
    assert left < 1e-6
    wrong = CORNERS.copy()
    wrong[1, 2] += 4.0
    assert 0.5 < rigid_from_points(wrong, CORNERS)[1] < 4.0


@pytest.mark.parametrize(
    "before, after, words",
    [
        (CORNERS[:2], CORNERS[:2], "only 2 pairs"),
        ([], [], "only 0 pairs"),
        (CORNERS, CORNERS[:3], "4 points before and 3 after"),
        ([[0, 0, 0], [10, 0, 0], [20, 0, 0.5]], CORNERS[:3], "before lie on a line"),
        (CORNERS[:3], [[1, 1, 1]] * 3, "after lie on a line"),
        ([["a", 0, 0]] * 3, CORNERS[:3], "three numbers"),
        ([[np.nan, 0, 0]] * 3, CORNERS[:3], "no number"),
    ],
)
def test_points_that_fix_no_movement_are_refused(before, after, words):
    with pytest.raises(SpineError, match=words):
        rigid_from_points(before, after)


def test_pairs_that_misfit_each_other_are_the_fault_of_the_points():
    """A start of other places is no start: once the second of five was skipped on one scan, 24 mm."""
    places = np.array([(0, 0, 0), (30, 0, 0), (0, 30, 0), (0, 0, 30), (20, 20, 5)], float)
    with pytest.raises(SpineError, match=r"do not fit each other \(1\d mm off, pair \d by \d\d mm\)"):
        start_of_pairs(pairs_of(list(places[[0, 2, 3, 4]]), list(places[[0, 1, 3, 4]] + 5)))
    careless = places + np.random.default_rng(1).normal(0, 2, places.shape)  # a millimetre or three off
    assert "fit each other to" in start_of_pairs(pairs_of(list(places), list(careless))).notes[0]
    off = places.copy()
    off[1] += (0, 16, 0)
    start = start_of_pairs(pairs_of(list(places), list(off)))
    assert DOUBTFUL_MM < start.misfit_mm < WRONG_MM and "only (pair 2 by" in start.notes[0]
    quality = RegistrationQuality(0.1, 0.5, 0.9, 0.3, 1.0, 2.0, False, ("The images share too little.",))
    told = blaming_points(Registration(np.eye(4), quality, {}, ["Registered."]), start)
    assert told.quality.reasons[0].startswith("The pairs of points that it began at fit each other only to")
    assert told.quality.reasons[1:] == quality.reasons and told.notes == [*start.notes, "Registered."]
    sure = replace(quality, trusted=True, reasons=())
    assert blaming_points(Registration(np.eye(4), sure, {}, []), start).quality == sure


def markups(*lists, system="LPS"):
    return json.dumps(
        {
            "markups": [
                {
                    "type": "Fiducial",
                    "coordinateSystem": system,
                    "controlPoints": [{"label": label, "position": place} for label, place in points],
                }
                for points in lists
            ]
        }
    )


def test_pairs_are_read_from_tables_and_slicer_markups(tmp_path):
    table, file = tmp_path / "points.csv", tmp_path / "points.mrk.json"
    table.write_text("bl,bp,bs,al,ap,as\n1,2,3,4,5,6\n\n7,8,9,10,11,12\n")
    assert [one.tolist() for one in read_point_pairs(table)] == [[[1, 2, 3], [7, 8, 9]], [[4, 5, 6], [10, 11, 12]]]
    named = [("1 after", [4, 5, 6]), ("2 Before", [7, 8, 9]), ("1 before", [1, 2, 3]), ("2 after", [10, 11, 12])]
    file.write_text(markups(named))
    assert [one.tolist() for one in read_point_pairs(file)] == [[[7, 8, 9], [1, 2, 3]], [[10, 11, 12], [4, 5, 6]]]
    file.write_text(markups([("F-1", [1, 2, 3])], [("F-1", [4, 5, 6])], system="RAS"))
    assert [one.tolist() for one in read_point_pairs(file)] == [[[-1, -2, 3]], [[-4, -5, 6]]]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("p.csv", "1,2,3\n", "six numbers"),
        ("p.csv", "", "six numbers"),
        ("p.csv", "1,2,3,4,5,6\n1,2,x,4,5,6\n", "Line 2"),
        ("p.mrk.json", "{}", "no Slicer markups"),
        ("p.mrk.json", "x", "no Slicer markups"),
        ("p.mrk.json", markups([("F-1", [1, 2, 3])]), "hold no pairs"),
    ],
)
def test_files_without_pairs_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(SpineError, match=words):
        read_point_pairs(tmp_path / name)
    with pytest.raises(SpineError, match="cannot be read"):
        read_point_pairs(tmp_path / "none.csv")


def test_a_good_registration_is_trusted():
    quality = judge(**GOOD)
    assert quality.trusted and quality.reasons == () and 0 < quality.error_mm < 2


def test_the_error_grows_with_voxels_spread_and_without_the_layer_of_fat():
    error = judge(**GOOD).error_mm
    for change in ({"voxel_mm": 1.2}, {"spread_mm": 1.0}, {"fat": "ignored"}):
        assert judge(**(GOOD | change)).error_mm > error


@pytest.mark.parametrize(
    "change, words",
    [
        ({"metric": 0.01}, "share too little"),
        ({"rival": 0.99}, "check the level"),
        ({"overlap": 0.3}, "only 30 %"),
        ({"spread_mm": 5.0}, "5.0 mm apart"),
        ({"bend_mm": 30.0}, "more than spines bend"),
        ({"flipped": "upside down"}, "upside down"),
    ],
)
def test_each_bad_sign_is_a_reason_against_it(change, words):
    quality = judge(**(GOOD | change))
    assert not quality.trusted and words in " ".join(quality.reasons)
    assert quality.error_mm >= judge(**GOOD).error_mm
