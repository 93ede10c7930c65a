"""``spine bench learn`` on a real scan: halves without a voxel in common, learned from one, tested on the other."""

import numpy as np
import pytest

from SpineLab.bench import learn_scan
from SpineLab.bench.learn import told
from SpineLab.learning.training import TuneSettings
from SpineLib.cohort.corrections import read_corrections
from SpineLib.errors import SpineError
from SpineLib.volume import Volume

SAGITTAL = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)


def scan(upwards=False, count=6):
    """Bodies 1 (lowest) to 6 of 12 voxels each, 4 apart, along j; j grows downwards unless ``upwards``."""
    labels = np.zeros((8, 16 * count, 40), np.uint8)
    for number in range(1, count + 1):
        start = 16 * (number - 1) if upwards else 16 * (count - number)
        labels[1:7, start + 2 : start + 14, 10:30] = number
    direction = SAGITTAL * ((1, -1, 1) if upwards else (1, 1, 1))
    bodies = Volume(labels, (1.0, 1.0, 3.0), (0, 0, 0), direction)
    rng = np.random.default_rng(0)
    grey = {name: rng.normal(100, 5, labels.shape) + 30 * (labels > 0) for name in ("T1", "T2")}
    return {name: bodies.with_array(one.astype(np.float32)) for name, one in grey.items()}, bodies


@pytest.mark.parametrize("upwards", [False, True])
def test_the_halves_hold_the_bodies_above_and_below_and_no_voxel_twice(upwards):
    images, bodies = scan(upwards)
    found = learn_scan.halves(images, bodies)
    upper, lower = found["upper"], found["lower"]
    assert upper.numbers == [4, 5, 6] and lower.numbers == [1, 2, 3]
    assert upper.bodies.shape[1] + lower.bodies.shape[1] == bodies.shape[1]

    def heights(half):
        rows = np.arange(half.bodies.shape[1])
        return [(half.bodies.ijk_to_lps @ (0, row, 0, 1))[2] for row in rows]

    assert min(heights(upper)) > max(heights(lower)), "LPS mm, z grows to the head"
    assert all(image.same_grid(upper.bodies) for image in upper.images.values())


def test_a_short_scan_is_not_halved():
    with pytest.raises(SpineError, match="3 vertebral bodies"):
        learn_scan.halves(*scan(count=3))


def test_what_is_learned_from_one_half_is_tested_on_the_other(base, simulated_balls, tmp_path, monkeypatch):
    quick = TuneSettings(minutes=10.0, steps=2, batch=2, simulated=1, tests=1, processes=1)
    monkeypatch.setattr(learn_scan, "TuneSettings", lambda minutes: quick)
    monkeypatch.setattr(learn_scan, "TESTS", 1)
    images, bodies = scan()
    figures = learn_scan.measure_scan(images, bodies, "tiny", 1, 10.0, 2, tmp_path / "kept")
    assert figures["bodies"] == {"learned": [4, 5, 6], "tested": [1, 2, 3]}
    kept = read_corrections(tmp_path / "kept" / "scan-upper")
    assert len(kept) == 2 and {one.person for one in kept} == {"sub-001"} and all(one.simulated for one in kept)
    assert figures["former"]["painted"] == 2 == figures["new"]["painted"]
    assert "on the lower half, which nobody learned from" in told(figures)
    again = learn_scan.measure_scan(images, bodies, "tiny", 1, 10.0, 2, tmp_path / "kept")
    assert {**again, "seconds": 0} == {**figures, "seconds": 0}, "nothing is trained anew"
    with pytest.raises(SpineError, match="another measurement"):
        learn_scan.measure_scan(images, bodies, "tiny", 2, 10.0, 2, tmp_path / "kept")
