"""A measure of an ablation is one entry in SpineLib.metrics.ablation: tables, page and shell show what it lists."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from SpineLib.cli.compare import summary
from SpineLib.metrics.ablation import MEASURES, OVERLAP, bin_figure, figures_of
from SpineLib.metrics.measure import Figure, Measure
from SpineLib.reports.followup_tables import overlap_facts, plain_table
from SpineLib.tasks.followup.compare import compare
from SpineLib.tasks.followup.output import comparison_row, write_comparison_table
from Testing.tasks.balls import ball, grid

#: Volumetric similarity (Taha and Hanbury, BMC Med Imaging 2015;15:29): which this house does not measure.
SIMILARITY = Measure(
    "volume_similarity",
    "Volumetric similarity",
    "%",
    2,
    of=lambda one: 1 - abs(one.metastasis_ml - one.necrosis_ml) / (one.metastasis_ml + one.necrosis_ml),
    group=OVERLAP,
)


@pytest.fixture
def compared(monkeypatch):
    """A comparison, made with a measure more."""
    monkeypatch.setitem(MEASURES, SIMILARITY.key, SIMILARITY)
    return compare(ball(6.0), ball(8.0, (1, 0, 0)))


@pytest.fixture
def shown(compared) -> str:
    """The measure as people read it, computed from what the comparison says of the volumes."""
    first, second = compared.values["metastasis_ml"], compared.values["necrosis_ml"]
    return f"{100 * (1 - abs(first - second) / (first + second)):.2f} %"


def test_a_new_measure_is_a_column_of_the_tables_for_programs(compared, tmp_path):
    value = compared.values["volume_similarity"]
    write_comparison_table([("Lesion 1", compared)], tmp_path / "c.csv")
    (row,) = csv.DictReader((tmp_path / "c.csv").open())
    assert float(row["volume_similarity"]) == pytest.approx(value, rel=1e-5)
    (row,) = csv.DictReader(io.StringIO(plain_table([comparison_row(compared)]).to_csv()))
    assert float(row["volume_similarity"]) == value
    assert json.loads(json.dumps(compared.to_dict()))["overlap"]["volume_similarity"] == value


def test_a_new_measure_stands_on_the_page_and_in_the_shell(compared, shown):
    assert overlap_facts(compared.to_dict())["Volumetric similarity"] == shown
    assert any(line.split() == ["Volumetric", "similarity", *shown.split()] for line in summary("Lesion 1", compared))


def test_a_comparison_of_an_older_version_lacks_a_new_measure_and_is_shown_all_the_same(monkeypatch):
    old = compare(ball(6.0), ball(8.0)).to_dict()
    monkeypatch.setitem(MEASURES, SIMILARITY.key, SIMILARITY)
    texts = {figure.key: figure.text(value) for figure, value in figures_of(old)}
    assert texts["volume_similarity"] == "–" and texts["dice"].endswith(" %")


def test_percentiles_keep_their_own_place_in_the_json_form():
    values = compare(ball(6.0), ball(8.0)).values
    form = compare(ball(6.0), ball(8.0)).to_dict()["distance"]
    assert form["percentiles_mm"] == {str(p): values[f"percentile_{p}_mm"] for p in (5, 25, 50, 75, 95)}
    assert compare(ball(6.0), grid()).to_dict()["distance"]["percentiles_mm"] is None


def test_every_key_is_that_of_its_measure_and_no_two_measures_read_alike():
    assert all(key == measure.key for key, measure in MEASURES.items())
    assert len({measure.label for measure in MEASURES.values()}) == len(MEASURES)


@pytest.mark.parametrize(
    ("low", "high", "key"),
    [(None, 0.0, "share_below_0_mm"), (0.0, 2.5, "share_0_to_2.5_mm"), (5.0, None, "share_from_5_mm")],
)
def test_a_bin_of_margins_is_named_by_its_limits(low, high, key):
    assert bin_figure(low, high).key == key


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [("ml", 1.234, "1.23 ml"), ("%", 0.5, "50.00 %"), ("", 3.0, "3.00"), ("mm", None, "–"), ("mm", np.nan, "–")],
)
def test_a_fraction_is_shown_in_per_cent_and_what_is_missing_as_a_dash(unit, value, text):
    assert Figure("key", "Label", unit, 2).text(value) == text
