"""Evening out the coils: what falls off smoothly goes, what is dark in itself stays."""

import numpy as np
import pytest

from SpineLib.preprocess.evening import evened


@pytest.fixture
def patient():
    """A block of marrow in air, with an evenly dark vertebra of 30 x 40 pixels."""
    rng = np.random.default_rng(0)
    image = np.zeros((6, 200, 160), np.float32)
    image[:, 10:190, 30:150] = 100 + rng.normal(0, 4, (6, 180, 120))
    image[:, 85:115, 60:100] *= 0.55
    return image


def test_a_smooth_fall_off_hardly_changes_the_result(patient):
    z, x = np.arange(200)[None, :, None] / 200, np.arange(160)[None, None, :] / 160
    coil = np.exp(-2.0 * z) * np.exp(1.5 * x)
    plain, shaded = evened(patient, (6, 35, 35)), evened((patient * coil).astype(np.float32), (6, 35, 35))
    inside = np.s_[:, 30:170:5, 50:130:5]
    before = np.corrcoef(patient[inside].ravel(), (patient * coil)[inside].ravel())[0, 1]
    assert before < 0.5 < 0.8 < np.corrcoef(plain[inside].ravel(), shaded[inside].ravel())[0, 1]


def test_a_vertebra_that_is_dark_as_a_whole_stays_dark(patient):
    result = evened(patient, (6, 35, 35))
    assert result[:, 90:110, 65:95].mean() < result[:, 40:60, 65:95].mean() - 1.5


def test_the_patient_is_white_and_the_scale_does_not_matter(patient):
    result = evened(patient, (6, 35, 35))
    inside = result[:, 10:190, 30:150]
    assert inside.mean() == pytest.approx(0, abs=0.1) and inside.std() == pytest.approx(1, abs=0.1)
    assert np.allclose(result, evened(40 * patient, (6, 35, 35)), atol=1e-3)
