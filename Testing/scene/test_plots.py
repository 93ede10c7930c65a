"""The histogram of margins, drawn as Slicer draws it: over millimetres, with axes that say what they are."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.scene import comparison as com
from Testing.headless.plots import drawn
from Testing.scene.looks import compared


def test_the_histogram_of_margins_is_drawn_over_millimetres(scene, tmp_path):
    result = compared(tmp_path)
    x, y = drawn(com.part_of(result.head, "Series"))
    assert sum(y) == pytest.approx(100, abs=0.5), "shares of the surface in %"
    mean = np.average(x, weights=y)
    assert mean == pytest.approx(result.comparison["distance"]["mean_mm"], abs=0.5)  # half a bin of 1 mm
    assert min(x) == pytest.approx(result.comparison["distance"]["minimum_mm"], abs=1.0)


def test_the_axes_of_the_histogram_say_what_and_in_which_unit(scene, tmp_path):
    chart = com.part_of(compared(tmp_path).head, "Chart")
    assert "margin" in chart.GetXAxisTitle() and "mm" in chart.GetXAxisTitle()
    assert "surface" in chart.GetYAxisTitle() and "%" in chart.GetYAxisTitle()
