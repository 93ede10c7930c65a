"""Triangles that pass through each other are found exactly as a slow, independent way finds them."""

from itertools import combinations

import numpy as np
from scipy.optimize import linprog

from SpineLib.mesh.boxes import BoxTree
from SpineLib.mesh.intersections import self_intersections
from Testing.mesh.shapes import box, sphere


def meet(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two triangles have a point in common, by linear programming."""
    equations = np.zeros((5, 6))
    equations[:3, :3], equations[:3, 3:] = one.T, -other.T
    equations[3, :3] = equations[4, 3:] = 1
    return linprog(np.zeros(6), A_eq=equations, b_eq=[0, 0, 0, 1, 1], bounds=(0, 1)).status == 0


def pairs_of(points, triangles) -> set[tuple[int, int]]:
    return {tuple(pair) for pair in np.sort(self_intersections(points, np.array(triangles)), axis=1).tolist()}


def test_random_triangles_meet_where_linear_programming_says():
    points = np.random.default_rng(0).random((48, 3))
    triangles = np.arange(48).reshape(-1, 3)
    expected = {(a, b) for a, b in combinations(range(16), 2) if meet(points[triangles[a]], points[triangles[b]])}
    assert len(expected) > 20 and pairs_of(points, triangles) == expected


def test_neighbours_do_not_meet():
    assert pairs_of(*box((0, 0, 0), (1, 2, 3))) == set()
    assert pairs_of(*sphere(5.0, 12)) == set()


def test_triangles_of_one_corner_meet_when_the_side_opposite_passes_through():
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, -1], [1, 1, 1], [-1, -1, 1]], float)
    assert pairs_of(points, [[0, 1, 2], [0, 3, 4]]) == {(0, 1)}
    assert pairs_of(points, [[0, 1, 2], [0, 5, 4]]) == set()


def test_a_fold_and_a_double_triangle_are_found():
    points = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, 0], [2, -3, 0]], float)
    assert pairs_of(points, [[0, 1, 2], [1, 0, 3]]) == {(0, 1)}  # folded back over its neighbour
    assert pairs_of(points, [[0, 1, 2], [1, 0, 4]]) == set()  # flat beside it
    assert pairs_of(points, [[0, 1, 2], [2, 1, 0]]) == {(0, 1)}


def test_triangles_of_one_plane_meet_only_when_they_overlap():
    points = np.array(
        [[0, 0, 0], [4, 0, 0], [0, 4, 0], [1, 1, 0], [5, 1, 0], [1, 5, 0], [9, 0, 0], [9, 1, 0], [8, 0, 0]], float
    )
    assert pairs_of(points, [[0, 1, 2], [3, 4, 5], [6, 7, 8]]) == {(0, 1)}


def test_the_tree_finds_all_boxes_that_overlap():
    rng = np.random.default_rng(1)
    low = rng.random((300, 3))
    high = low + rng.random((300, 3)) ** 4  # many small ones, a few large
    found = BoxTree(low, high).overlapping_pairs()
    expected = {
        (a, b) for a, b in combinations(range(300), 2) if (low[a] <= high[b]).all() and (low[b] <= high[a]).all()
    }
    assert len(found) == len(expected) and set(map(tuple, found.tolist())) == expected
