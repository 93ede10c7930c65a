"""The everyday patient: worn, with benign findings and what coils and scanners add; lesions that replace all marrow."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.phantom.artefacts import ringing
from SpineLib.phantom.tissues import Tissue

SMALL = PhantomSettings(
    sequences=("T1", "STIR"), matrix=160, slices=12, oversampling=2, region="lumbar", spacing=1.8, everyday=True
)


@pytest.fixture(scope="module")
def patients():
    return [simulate(seed, replace(SMALL, healthy=share)) for seed, share in ((1, 1.0), (2, 1.0), (3, 0.0), (4, 0.0))]


def test_the_same_seed_gives_the_same_everyday_patient(patients):
    again = simulate(1, replace(SMALL, healthy=1.0))
    assert again.truth == patients[0].truth
    assert np.array_equal(again.images["T1"].array, patients[0].images["T1"].array)


def test_a_healthy_one_has_benign_findings_and_no_lesion(patients):
    for case in patients[:2]:
        assert not case.lesions.array.any() and not case.truth["lesions"]
    assert sum(len(case.truth["mimics"]) for case in patients[:2]) >= 3


def test_the_pelvis_holds_organs_with_fluid_and_gas():
    """Of some patients with the sacrum in view; which organ is drawn is chance."""
    cases = [simulate(seed, replace(SMALL, healthy=1.0, sequences=("T1",))) for seed in range(6)]
    plain = [simulate(seed, replace(SMALL, healthy=1.0, sequences=("T1",), everyday=False)) for seed in range(6)]
    fluid, before = (sum(int((case.tissue.array == Tissue.FLUID).sum()) for case in many) for many in (cases, plain))
    assert fluid > 2 * before


def test_a_replaced_body_is_even_and_its_whole_body_is_the_truth():
    for seed in range(40):
        case = simulate(seed, replace(SMALL, healthy=0.0, sequences=("T1",)))
        facts = [one for one in case.truth["lesions"] if one["place"] == "replaced body" and one["volume_ml"] > 5]
        if facts:
            break
    truth = case.lesions.array == facts[0]["number"]
    own = case.vertebrae.array == np.bincount(case.vertebrae.array[truth]).argmax()
    body = own & (ndimage.binary_erosion(own, np.ones((1, 3, 3)), iterations=2))
    slices = np.flatnonzero(truth.any((1, 2)))
    middle = slices[len(slices) // 2]
    assert (truth[middle] & body[middle]).sum() > 0.5 * body[middle].sum()
    signal = ndimage.gaussian_filter(case.images["T1"].array[middle].astype(float), 1)
    core = ndimage.binary_erosion(truth[middle], iterations=3)
    assert signal[core].std() < 0.35 * signal[core].mean()  # noise and cortex aside, no edge within it


def test_ringing_keeps_the_mean_and_overshoots_beside_an_edge():
    image = np.zeros((1, 64, 64), np.float32)
    image[:, 16:48] = 100
    rung, smooth = ringing(image, (0.5, 1.0), False), ringing(image, (0.5, 1.0), True)
    assert rung.max() == pytest.approx(109, abs=3)  # Gibbs: 9 % of the step, whatever the number of lines
    assert smooth.max() < 102
    assert ringing(image, (1.0, 1.0), False) == pytest.approx(image, abs=1e-3)
