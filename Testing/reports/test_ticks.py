"""The values along an axis are ones that people read."""

import numpy as np
import pytest

from SpineLib.reports.charts import round_ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 150, [0, 50, 100, 150]),
        (0.29, 0.618, [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]),
        (0, 400, [0, 100, 200, 300, 400]),
        (0, 0.5, [0, 0.2, 0.4, 0.6]),
        (-3, 12, [-5, 0, 5, 10, 15]),
    ],
)
def test_they_are_round_and_hold_all_that_is_shown(low, high, expected):
    np.testing.assert_allclose(round_ticks(low, high), expected, atol=1e-12)


def test_nothing_to_span_still_gives_an_axis():
    ticks = round_ticks(0.3, 0.3)
    assert ticks[0] - 1e-9 <= 0.3 <= ticks[-1] + 1e-9 and len(ticks) >= 2
