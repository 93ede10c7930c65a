"""Signal equations against values worked out by hand."""

import math

import numpy as np
import pytest

from SpineLib.phantom.physics import Sequence, draw_sequence, signal


def test_a_spin_echo_recovers_and_decays():
    expected = 0.8 * (1 - math.exp(-1.0)) * math.exp(-0.5)
    assert float(signal(Sequence("T1", 1000, 50), 0.8, 1000, 100)) == pytest.approx(expected)


def test_an_inversion_at_the_null_point_leaves_nothing_of_fat():
    t1 = 260.0
    sequence = Sequence("STIR", 1e6, 10, ti=t1 * math.log(2))
    assert float(signal(sequence, 1.0, t1, 100)) == pytest.approx(0, abs=1e-9)


def test_gadolinium_shortens_t1_by_its_relaxivity():
    plain, after = Sequence("T1", 500, 0.0), Sequence("ceT1", 500, 0.0, gadolinium=True)
    short = 1 / (1 / 1.2 + 4.1 * 0.5) * 1000  # ms: Rohrer et al. 2005, 4.1 l/(mmol s) at 1.5 T, 0.5 mmol/l
    assert float(signal(after, 1, 1200, 1e9, 0.5)) == pytest.approx(1 - math.exp(-500 / short), rel=1e-4)
    assert float(signal(after, 1, 1200, 80, 0.0)) == pytest.approx(float(signal(plain, 1, 1200, 80)))


def test_an_unknown_sequence_is_refused():
    with pytest.raises(ValueError, match="FLAIR"):
        draw_sequence(np.random.default_rng(0), "FLAIR", 1.5, False)
