"""Lesions painted into real scans stay where and as they are said to be."""

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.phantom.paint import paint_lesions
from SpineLib.volume import Volume


@pytest.fixture
def scan():
    rng = np.random.default_rng(0)
    bodies = np.zeros((24, 90, 60), np.uint8)
    for n in range(3):
        bodies[2:22, 5 + 30 * n : 25 + 30 * n, 15:45] = n + 1
    image = np.where(bodies > 0, 100.0, 40.0) + rng.normal(0, 3, bodies.shape)
    make = lambda array, name: Volume(array.astype(np.float32), (1.2, 1.2, 1.5), name=name)  # noqa: E731
    return {"T1": make(image, "T1"), "T2": make(image, "T2")}, make(bodies, "bodies")


def test_painted_lesions_lie_in_their_bodies_with_about_the_volume_wanted(scan):
    images, bodies = scan
    painted, lesions, facts = paint_lesions(images, bodies, seed=4, count=3, volume_ml=(2.0, 4.0))
    assert len(facts) == 3 and len({f["body"] for f in facts}) == 3
    for fact in facts:
        mask = lesions.array == fact["number"]
        assert set(np.unique(bodies.array[mask])) == {fact["body"]}
        assert 1.2 <= fact["volume_ml"] <= 4.4  # the soft edge costs a little of the volume aimed at
        assert np.median(painted["T1"].array[mask]) < 80
        assert (np.median(painted["T2"].array[mask]) > 115) == (fact["kind"] == "lytic")


def test_the_scan_is_untouched_away_from_the_bodies_and_in_the_callers_hands(scan):
    images, bodies = scan
    before = images["T1"].array.copy()
    painted, _, _ = paint_lesions(images, bodies, seed=4)
    assert np.array_equal(images["T1"].array, before)
    far = bodies.array == 0
    changed = np.abs(painted["T1"].array - before)[far]
    assert (changed > 20).mean() < 0.02  # only the soft edge


def test_labels_on_another_grid_are_refused(scan):
    images, bodies = scan
    moved = Volume(bodies.array, bodies.spacing, (50, 0, 0))
    with pytest.raises(SpineError, match="different grids"):
        paint_lesions(images, moved, seed=1)


def test_more_lesions_than_bodies_are_refused(scan):
    images, bodies = scan
    with pytest.raises(SpineError, match="fewer than the 9"):
        paint_lesions(images, bodies, seed=1, count=9)
