"""The simulated patient: what it holds, that it is repeatable, and that its contrasts are those of spine MR."""

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.phantom.lesions import METASTASES
from SpineLib.phantom.tissues import Tissue

SMALL = PhantomSettings(
    sequences=("T1", "T2", "STIR", "ceT1"),
    matrix=160,
    slices=15,
    healthy=0.0,
    oversampling=2,
    region="lumbar",
    spacing=1.1,
)


@pytest.fixture(scope="module")
def case():
    return simulate(3, SMALL)


def inner_signal(case, name, tissue):
    """Median signal of a tissue away from lesions and from other tissues."""
    label = case.tissue.array == tissue
    core = label[:, 1:-1, 1:-1] & label[:, :-2, 1:-1] & label[:, 2:, 1:-1] & label[:, 1:-1, :-2] & label[:, 1:-1, 2:]
    core &= case.lesions.array[:, 1:-1, 1:-1] == 0
    return np.median(case.images[name].array[:, 1:-1, 1:-1][core])


def test_the_same_seed_gives_the_same_bytes():
    once, again = simulate(11, SMALL), simulate(11, SMALL)
    for name in SMALL.sequences:
        assert once.images[name].array.tobytes() == again.images[name].array.tobytes()
    assert once.lesions.array.tobytes() == again.lesions.array.tobytes()
    assert once.truth == again.truth


def test_another_seed_gives_another_patient(case):
    assert not np.array_equal(case.images["T1"].array, simulate(4, SMALL).images["T1"].array)


def test_all_volumes_of_a_case_lie_on_one_sagittal_grid(case):
    t1 = case.images["T1"]
    assert t1.shape == (15, 160, 160)
    for volume in [*case.images.values(), case.lesions, *case.readers, case.vertebrae, case.tissue]:
        assert volume.same_grid(t1)
    assert np.argmax(np.abs(t1.direction[0])) == 2  # the slice axis runs from left to right
    assert np.allclose(t1.direction.T @ t1.direction, np.eye(3), atol=1e-9)


def test_the_truth_places_each_vertebra_where_its_label_lies(case):
    t1 = case.images["T1"]
    numbers = {v["level"]: v["centre_lps_mm"] for v in case.truth["vertebrae"]}
    checked = 0
    for level, number in (("L1", 20), ("L2", 21), ("L3", 22)):
        index = np.linalg.inv(t1.ijk_to_lps) @ [*numbers[level], 1]
        i, j, k = np.rint(index[:3]).astype(int)
        if 0 <= j < 160 and 0 <= i < 160:
            assert case.vertebrae.array[k, j, i] == number
            checked += 1
    assert checked >= 2


def test_contrasts_are_those_of_t1_t2_and_stir(case):
    csf, fat, marrow, muscle = Tissue.CSF, Tissue.SUBCUTANEOUS_FAT, Tissue.MARROW, Tissue.MUSCLE
    assert inner_signal(case, "T1", fat) > inner_signal(case, "T1", muscle) > inner_signal(case, "T1", csf)
    assert inner_signal(case, "T2", csf) > inner_signal(case, "T2", marrow) > inner_signal(case, "T2", muscle) * 0.5
    assert inner_signal(case, "STIR", csf) > 3 * inner_signal(case, "STIR", fat)


@pytest.mark.parametrize("seed", [5, 6, 8])
def test_metastases_are_darker_than_marrow_on_t1_whatever_their_kind(seed):
    case = simulate(seed, SMALL)
    assert case.truth["lesions"]
    t1 = case.images["T1"].array
    for lesion in case.truth["lesions"]:
        assert lesion["kind"] in METASTASES
        mask = case.lesions.array == lesion["number"]
        if mask[:, 30:-30].sum() < mask.sum():
            continue  # the image may be folded over there
        near = ndimage.binary_dilation(mask, np.ones((1, 3, 3)), iterations=12)  # the coils shade the image
        host = near & (case.tissue.array == Tissue.MARROW) & (case.lesions.array == 0)
        assert np.median(t1[mask]) < 0.9 * np.median(t1[host])


def test_lesions_spare_discs_cord_and_air(case):
    inside = case.tissue.array[case.lesions.array > 0]
    # Partial volume between slices may touch a disc's edge.
    assert np.isin(inside, [Tissue.NUCLEUS, Tissue.CORD, Tissue.AIR]).mean() < 0.02


def test_lesion_volumes_in_the_truth_are_those_of_the_mask(case):
    for lesion in case.truth["lesions"]:
        count = (case.lesions.array == lesion["number"]).sum()
        assert lesion["volume_ml"] == pytest.approx(count * case.lesions.voxel_volume_ml, rel=1e-3)


def test_a_healthy_case_has_no_lesion_and_may_have_mimics():
    settings = PhantomSettings(sequences=("T1",), matrix=96, slices=15, healthy=1.0, oversampling=1)
    cases = [simulate(seed, settings) for seed in range(4)]
    assert all(not c.lesions.array.any() and not c.readers[0].array.any() and not c.truth["lesions"] for c in cases)
    assert any(c.truth["mimics"] for c in cases)


def test_geometry_stays_within_the_papers_ranges():
    for seed in range(4):
        case = simulate(seed, PhantomSettings(sequences=("T1",), oversampling=1))
        t1 = case.images["T1"]
        assert 15 <= t1.shape[0] <= 28
        assert 3.3 <= t1.spacing[2] <= 4.8 and 0.45 <= t1.spacing[0] <= 1.25


def test_contrast_medium_brightens_lesions_on_t1():
    case = simulate(6, SMALL)
    lytic = [lesion["number"] for lesion in case.truth["lesions"] if lesion["kind"] == "lytic"]
    mask = np.isin(case.lesions.array, lytic)
    marrow = (case.tissue.array == Tissue.MARROW) & (case.lesions.array == 0)

    def ratio(name):
        return np.median(case.images[name].array[mask]) / np.median(case.images[name].array[marrow])

    assert ratio("ceT1") > ratio("T1")
