"""What is measured of a lesion is one list: files, table nodes, pages and the shell show it."""

from __future__ import annotations

import csv

import pytest

from SpineLib.cli.segment import summary
from SpineLib.metrics.lesion import LESION_MEASURES
from SpineLib.metrics.measure import Measure
from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.tasks.segmentation.output import write_table

LESION = Lesion(1, 1.23456, 14.26, 15.0, (-3.25, 10.0, 7.75), 0.876)


def test_a_table_for_programs_keeps_more_decimals_than_people_read_and_no_unit(tmp_path):
    write_table([LESION], tmp_path / "t.csv")
    (row,) = csv.DictReader((tmp_path / "t.csv").open())
    assert row == {
        "lesion": "1", "level": "", "volume_ml": "1.2346", "diameter_in_plane_mm": "14.26", "diameter_3d_mm": "15.00",
        "centre_r_mm": "-3.25", "centre_a_mm": "10.00", "centre_s_mm": "7.75", "mean_probability": "0.8760",
        "scan_unlikeness": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "shown"), [("volume_ml", "1.23"), ("centre_s_mm", "7.8"), ("mean_probability", "0.88")]
)
def test_people_read_a_number_below_a_heading_that_has_the_unit(key, shown):
    assert LESION_MEASURES[key].shown(LESION_MEASURES[key].of(LESION)) == shown


def test_a_new_measure_is_a_column_of_the_file_and_of_the_shell(monkeypatch, tmp_path):
    class Result:
        lesions, notes = [LESION], []
        provenance = {
            "model": {"id": "mine", "simulated_training_data": True},
            "device": "cpu", "precision": "float32", "seconds": 2.0, "notice": "Research use only",
        }  # fmt: skip

    radius = Measure("radius_mm", "Radius", "mm", 1, of=lambda one: one.diameter_3d_mm / 2, stored=2)
    monkeypatch.setitem(LESION_MEASURES, "radius_mm", radius)
    write_table([LESION], tmp_path / "t.csv")
    (row,) = csv.DictReader((tmp_path / "t.csv").open())
    assert row["radius_mm"] == "7.50"
    first, heads, line, notice = summary(Result)
    assert "model mine, trained on simulated data; cpu, float32, 2.0 s" in first and notice == "Research use only."
    assert heads.endswith("Radius (mm)") and line.split()[-1] == "7.5"
