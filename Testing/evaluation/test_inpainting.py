"""Repairs measured against the truth: real vertebrae with pieces cut away, and simulated lesions."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from SpineLab.evaluation.inpainting import (
    damaged_vertebrae,
    evaluate_inpaint,
    simulated_lesions,
    summarise,
)
from SpineLib.cli.main import main
from SpineLib.cohort.ct import CtCase
from SpineLib.errors import SpineError
from SpineLib.volume import write_volume
from Testing.vertebrae import column, with_hole


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    whole = column((5, -4, 6))
    whole = whole.with_array(np.where(whole.array > 0, whole.array + 9, 0).astype(np.uint8))  # T12, L1, L2
    labels, lesion = with_hole(whole, 20, (14.0, -16.0, 2.0), 10.0)
    for name, volume in (("whole", whole), ("vertebrae", labels), ("lesion", lesion)):
        write_volume(volume, folder / f"{name}.nii.gz")
    return folder


def test_each_kind_of_damage_of_each_vertebra_is_repaired_by_each_method(files):
    pieces = list(damaged_vertebrae(files / "whole.nii.gz", most=1, kinds=("breach",)))
    assert [one.kind for one in pieces] == ["breach"]
    evaluation = evaluate_inpaint(iter(pieces), ["templates", "interpolation"], {})
    assert [(row["kind"], row["method"]) for row in evaluation.cases] == [
        ("breach", "templates"),
        ("breach", "interpolation"),
    ]
    best = {row["method"]: row for row in evaluation.summary}
    assert best["templates"]["dice"] > 0.85  # vertebrae that are all alike, 2 mm voxels
    assert best["templates"]["mean_mm"] < 1.0
    assert best["interpolation"]["dice"] < best["templates"]["dice"]


def test_the_truth_is_the_vertebra_before(files):
    one = next(damaged_vertebrae(files / "whole.nii.gz", most=1, kinds=("half",)))
    bone = one.site.labels.array == one.site.label
    lost = (one.truth.array > 0) & ~bone
    assert not (bone & (one.truth.array == 0)).any()
    assert 0.35 < lost.sum() / (one.truth.array > 0).sum() < 0.65
    assert one.site.region[lost].all()


def test_simulated_lesions_are_compared_with_the_vertebra_before_them(files):
    case = CtCase(
        "sub-001", files / "none", files / "vertebrae.nii.gz", files / "whole.nii.gz", files / "lesion.nii.gz"
    )
    (one,) = simulated_lesions(case)
    assert one.simulated and one.site.label == 20
    (row,) = evaluate_inpaint(iter([one]), ["templates"], {}).cases
    assert row["simulated"] and row["dice"] > 0.9


def test_medians_leave_out_what_has_no_figure_and_keep_real_and_simulated_apart():
    def row(simulated, dice, mean):
        return {
            "simulated": simulated,
            "method": "templates",
            "kind": "half",
            "case": "a",
            "vertebra": "L1",
            "dice": dice,
            "mean_mm": mean,
            "p95_mm": mean,
            "volume_error": -0.02,
            "seconds": 1.0,
        }

    rows = [row(False, 0.8, 1.0), row(False, 0.9, float("nan")), row(False, 1.0, 3.0), row(True, 0.5, 9.0)]
    real, simulated = summarise(rows)
    assert (real["dice"], real["mean_mm"], real["volume_error"], real["repairs"]) == (0.9, 2.0, 0.02, 3)
    assert simulated["dice"] == 0.5


def test_the_command_writes_tables_and_a_page(files, tmp_path, capsys):
    out = tmp_path / "out"
    assert (
        main(
            [
                "evaluate",
                "inpaint",
                "--masks",
                str(files / "whole.nii.gz"),
                "--methods",
                "interpolation",
                "--vertebrae",
                "1",
                "--kinds",
                "half",
                "-o",
                str(out),
            ]
        )
        == 0
    )
    with open(out / "inpaint.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"half"} and {row["method"] for row in rows} == {"interpolation"}
    said = json.loads((out / "inpaint.json").read_text())
    assert said["goals"]["mean_mm"] == 1.0 and len(said["cases"]) == len(rows)
    assert "Real vertebrae" in (out / "inpaint.md").read_text() and "<svg" in (out / "inpaint.html").read_text()
    assert "Median" in (out / "inpaint.html").read_text() and "medians" in capsys.readouterr().out


def test_unknown_methods_and_empty_files_are_refused(files, tmp_path, capsys):
    write_volume(column().with_array(np.zeros(column().shape, np.uint8)), tmp_path / "empty.nii.gz")
    with pytest.raises(SpineError, match="no whole vertebra"):
        list(damaged_vertebrae(tmp_path / "empty.nii.gz"))
    for option in ("--methods", "--kinds"):
        assert (
            main(
                [
                    "evaluate",
                    "inpaint",
                    "--masks",
                    str(files / "whole.nii.gz"),
                    option,
                    "magic",
                    "-o",
                    str(tmp_path / "out"),
                ]
            )
            == 1
        )
        assert "magic" in capsys.readouterr().err
