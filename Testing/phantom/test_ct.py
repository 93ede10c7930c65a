"""The simulated CT: what it shows, and that its truths agree with it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.phantom.ct import CT_REGIONS, CtSettings, simulate_ct
from SpineLib.volume.levels import VERSE
from SpineLib.volume.told import modality_of

#: A lumbar scan that takes about a second; nothing is left to chance that a test relies on.
SMALL = CtSettings(matrix=112, spacing=1.3, slices=36, thickness=2.0, region="lumbar", healthy=0.0, metal=0.0,
                   sagittal=0.0, kinds=("lytic",), metastases=(2, 2))  # fmt: skip
SEED = 4


@pytest.fixture(scope="module")
def case():
    return simulate_ct(SEED, SMALL)


def test_the_same_seed_gives_the_same_patient(case):
    again = simulate_ct(SEED, SMALL)
    for name in ("ct", "vertebrae", "intact", "lesion"):
        assert np.array_equal(getattr(case, name).array, getattr(again, name).array)
    assert case.truth == again.truth


def test_all_volumes_lie_on_one_grid_and_the_truth_is_json_that_says_simulated(case):
    assert case.ct.array.dtype == np.int16 and modality_of(case.ct) == "CT"
    assert all(v.same_grid(case.ct) and v.array.dtype == np.uint8 for v in (case.vertebrae, case.intact, case.lesion))
    assert json.loads(json.dumps(case.truth))["simulated"] is True


def test_vertebrae_are_numbered_as_verse_does_from_above_to_below(case):
    heights = [v["centre_lps_mm"][2] for v in case.truth["vertebrae"]]
    assert heights == sorted(heights, reverse=True) and len(heights) >= 3
    assert [v["label"] for v in case.truth["vertebrae"]] == np.unique(case.intact.array)[1:].tolist()
    assert all(VERSE[v["label"]] == v["level"] for v in case.truth["vertebrae"])


def test_bone_is_bright_at_its_rim_and_the_patient_is_of_fat_muscle_and_air(case):
    ct, bone = case.ct.array.astype(float), case.intact.array > 0
    rim = bone & ~ndimage.binary_erosion(bone)
    inside = ndimage.binary_erosion(bone, iterations=3) & (case.lesion.array == 0)
    assert np.median(ct[rim]) > np.median(ct[inside]) > 40
    away = ct[~ndimage.binary_dilation(bone, iterations=4)]
    shares = [np.mean((away > low) & (away < high)) for low, high in ((-1024, -900), (-150, -60), (20, 90))]
    assert min(shares) > 0.02


def test_each_vertebra_is_one_piece_with_a_canal_through_it(case):
    for fact in case.truth["vertebrae"]:
        if fact["touches_border"]:
            continue
        mask = case.intact.array == fact["label"]
        pieces, count = ndimage.label(mask)
        assert np.bincount(pieces.ravel())[1:].max() > 0.995 * mask.sum(), fact["level"]
        seen = mask.any(axis=0)  # from above: lamina and pedicles lie in different slices
        assert (ndimage.binary_fill_holes(seen) ^ seen).sum() * 1.3**2 > 100, fact["level"]


def test_a_lumbar_vertebra_has_the_size_of_a_patients(case):
    # Lumbar vertebrae of small women and large men, with their arches; over the transverse processes 60 to 110 mm.
    for fact in case.truth["vertebrae"]:
        if not fact["touches_border"] and fact["level"].startswith("L"):
            assert 30 < fact["volume_ml"] < 130
            wide = np.ptp(np.nonzero(case.intact.array == fact["label"])[2]) * 1.3
            assert 55 < wide < 120


def test_a_lytic_lesion_takes_bone_that_was_there_before_and_nothing_else_does(case):
    now, before, lesion = case.vertebrae.array, case.intact.array, case.lesion.array
    lost = (before > 0) & (now == 0)
    assert lost.sum() * case.ct.voxel_volume_ml > 0.3
    assert np.array_equal(now[~lost], before[~lost])
    assert np.mean(lesion[lost] > 0) > 0.98  # at its edge a voxel can be half bone, half lesion
    facts = case.truth["lesions"]
    assert facts and sum(f["bone_lost_ml"] for f in facts) == pytest.approx(
        (lost & (lesion > 0)).sum() * case.ct.voxel_volume_ml, abs=0.01
    )
    # Tumour, about as bright as muscle.
    assert -20 < np.median(case.ct.array[ndimage.binary_erosion(lost)]) < 160


def test_a_sclerotic_lesion_thickens_bone_and_takes_none():
    case = simulate_ct(3, replace(SMALL, kinds=("sclerotic",)))
    assert np.array_equal(case.vertebrae.array, case.intact.array)
    inside = (case.lesion.array > 0) & (case.intact.array > 0)
    bone = ndimage.binary_erosion(case.intact.array > 0, iterations=2) & ~inside
    assert np.median(case.ct.array[inside]) > np.median(case.ct.array[bone]) + 100


def test_a_mass_grows_beyond_the_bone_but_not_into_discs_and_other_vertebrae():
    case = simulate_ct(11, SMALL)  # a seed whose lesion grows one
    fact = max(case.truth["lesions"], key=lambda f: f["mass_ml"])
    assert fact["breach"] and fact["mass_ml"] > 1
    inside = case.lesion.array == fact["number"]
    assert set(np.unique(case.intact.array[inside])) <= {0, fact["label"]}


def test_a_healthy_patient_has_no_lesion_and_whole_bones():
    case = simulate_ct(7, replace(SMALL, healthy=1.0, region="thoracic"))
    assert not case.lesion.array.any() and case.truth["lesions"] == []
    assert np.array_equal(case.vertebrae.array, case.intact.array)
    assert all(v["level"].startswith("T") for v in case.truth["vertebrae"])
    # Ribs are bone, but no vertebra.
    dense = (case.ct.array > 250) & ~ndimage.binary_dilation(case.intact.array > 0, iterations=3)
    assert dense.any()


@pytest.mark.parametrize("region", list(CT_REGIONS))
def test_every_region_can_be_simulated_in_few_slices(region):
    case = simulate_ct(11, CtSettings(matrix=48, spacing=2.6, slices=10, thickness=5.0, region=region, healthy=1.0))
    assert case.truth["region"] == region and case.truth["vertebrae"]


def test_a_scan_stored_as_sagittal_slices_shows_the_same_patient_in_the_same_place(case):
    sagittal = simulate_ct(SEED, replace(SMALL, sagittal=1.0))
    assert sagittal.ct.spacing[2] == pytest.approx(2.6) and abs(sagittal.ct.direction[0, 2]) == 1
    for mine, other in zip(case.truth["vertebrae"], sagittal.truth["vertebrae"]):
        assert mine["label"] == other["label"]
        # Columns are taken two at a time, so centres move by less than one of them.
        assert np.abs(np.subtract(mine["centre_lps_mm"], other["centre_lps_mm"])).max() < 2.6


def test_metal_is_brighter_than_bone_and_throws_streaks():
    plain, metal = (simulate_ct(9, replace(SMALL, metal=share, healthy=1.0)) for share in (0.0, 1.0))
    assert metal.truth["metal"] and not plain.truth["metal"]
    assert metal.ct.array.max() > 2500 > plain.ct.array.max()
    soft = ~ndimage.binary_dilation(plain.intact.array > 0, iterations=6) & (plain.ct.array > -200)
    rows = (metal.ct.array > 2500).any(axis=(1, 2))
    assert metal.ct.array[rows][soft[rows]].std() > 1.5 * plain.ct.array[rows][soft[rows]].std()


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"matrix": 16, "spacing": 0.2}, "too little of the column"),
        ({"slices": 1}, "slices of the simulated CT is 1; choose 4 to 4000"),
        ({"matrix": 0}, "choose 16 to 2048"),
        ({"thickness": 0.0}, "thickness of the simulated CT is 0 mm"),
        ({"region": "knee"}, "no region 'knee'"),
    ],
)
def test_a_scan_that_nobody_could_take_is_refused_with_a_reason(wrong, reason):
    with pytest.raises(SpineError, match=reason):
        simulate_ct(1, replace(SMALL, **wrong))
