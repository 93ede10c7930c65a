"""Lesions painted into a CT without any: in vertebrae, of the density of their kind, and learned from beside others."""

import json

import numpy as np
import pytest

from SpineLab.training.ct_lesions.loop import run_training
from SpineLab.training.ct_lesions.painting import paint, prepare_painted
from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.volume import Volume
from Testing.ct_blobs import blob_ct, write_blobs
from Testing.training.ct_lesions.test_training import TINY


@pytest.fixture(scope="module")
def healthy():
    """A block of bone in a body, and its label: no lesion."""
    return blob_ct((4, 48, 48), 0.0)[:2]


def test_painted_lesions_lie_in_or_just_beside_their_vertebra(healthy):
    ct, vertebrae = healthy
    from scipy import ndimage

    for seed in range(6):
        painted, lesions = paint(ct, vertebrae, np.random.default_rng(seed))
        assert lesions.same_grid(ct) and painted.array.dtype == np.int16
        inside = lesions.array > 0
        assert inside.sum() * ct.voxel_volume_ml >= 0.25
        assert (ndimage.distance_transform_edt(vertebrae.array == 0, ct.spacing[::-1])[inside] <= 6.0).all()
        # Nothing else is changed but for a soft edge.
        far = ndimage.distance_transform_edt(~inside, ct.spacing[::-1]) > 6.0
        assert np.array_equal(painted.array[far], ct.array[far])


def test_lytic_lesions_are_darker_and_sclerotic_ones_brighter_than_bone(healthy):
    ct, vertebrae = healthy
    changes = []
    for seed in range(12):
        painted, lesions = paint(ct, vertebrae, np.random.default_rng(seed))
        inside = (lesions.array > 0) & (vertebrae.array > 0)
        changes.append(float((painted.array[inside].astype(float) - ct.array[inside]).mean()))
    assert min(changes) < -100 and max(changes) > 100


def test_the_same_seed_paints_the_same(healthy):
    first, second = (paint(*healthy, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first[0].array, second[0].array) and np.array_equal(first[1].array, second[1].array)


def test_a_ct_without_a_whole_vertebra_is_refused(healthy):
    ct, _ = healthy
    few = np.zeros(ct.shape, np.uint8)
    few[3, 40:45, 40:45] = 20
    with pytest.raises(SpineError, match="larger than 5 ml"):
        paint(ct, Volume(few, ct.spacing), np.random.default_rng(0))


def test_painted_cases_are_made_once_and_only_labelled_slices_are_learned_from(tmp_path):
    cases = read_ct_cohort(write_blobs(tmp_path / "cohort", 1))
    made = prepare_painted(cases, 2, TINY.preparation, tmp_path / "cache")
    assert [case.name for case in made] == ["sub-001-painted-001", "sub-001-painted-002"]
    assert all(len(case.boxes) for case in made) and not np.array_equal(made[0].images, made[1].images)
    when = (made[0].folder / "images.npy").stat().st_mtime_ns
    again = prepare_painted(cases, 2, TINY.preparation, tmp_path / "cache")
    assert (again[0].folder / "images.npy").stat().st_mtime_ns == when


def test_a_training_says_how_many_copies_were_painted(tmp_path):
    cohort, others = write_blobs(tmp_path / "cohort", 2), write_blobs(tmp_path / "others", 1)
    bundle = run_training(
        TINY.changed(optimisation={"steps": 1}),
        cohort,
        tmp_path / "run",
        painted=others,
        painted_each=2,
        cache=tmp_path / "cache",
        processes=1,
    )
    data = json.loads((bundle.folder / "model.json").read_text())["training_data"]
    assert data["training_cases"] == 3 and data["simulated"]
    assert "1 further CTs without lesions, each with simulated lesions painted into 2 copies" in data["description"]
