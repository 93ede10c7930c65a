"""The page of a repaired vertebra: pictures before and after, the model, its checks, and what it was made with."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from SpineLib.mesh.gate import Check
from SpineLib.reports.inpaint import RepairReport, _cut_out, agreement, distance_colours, repair_page
from SpineLib.reports.viewer import close_ups, in_plane
from SpineLib.tasks.inpainting.inpaint import Repair, inpaint
from SpineLib.tasks.inpainting.settings import InpaintSettings
from SpineLib.tasks.printing.reconstruct import reconstruct
from SpineLib.volume import Volume
from SpineLib.volume.resampling import resample_like
from Testing.vertebrae import column as spine
from Testing.vertebrae import voxel_places, with_hole


def blocks() -> dict[str, Volume]:
    """A block of bone whose left upper front is gone, 1 mm voxels of 2 mm slices; head first, as CTs lie."""
    shape = (18, 40, 44)
    grid = Volume(np.zeros(shape, np.uint8), (1.0, 1.0, 2.0), (-20.0, -15.0, 100.0))
    truth, hole = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    truth[3:15, 8:32, 8:36] = 1
    hole[9:15, 6:18, 22:38] = 1
    before = truth * (1 - hole)
    ct = np.where(before > 0, 400, 40).astype(np.int16)
    return {
        "truth": grid.with_array(truth),
        "lesion": grid.with_array(hole),
        "before": grid.with_array(before),
        "ct": grid.with_array(ct, "CT"),
    }


@pytest.fixture(scope="module")
def report() -> RepairReport:
    volumes = blocks()
    before, truth = volumes["before"], volumes["truth"]
    after = truth.array.copy()
    after[14, 8:18, 22:36] = 0  # one slice of the hole stays open
    mask = before.with_array(after)
    ml = before.voxel_volume_ml
    measures = {
        "method": "templates",
        "volume_before_ml": before.array.sum() * ml,
        "removed_ml": 0.0,
        "volume_after_ml": after.sum() * ml,
        "added_ml": (after - before.array).sum() * ml,
    }
    provenance = {
        "parameters": {"method": "templates", "margin_mm": 1.0},
        "version": "1.2.3",
        "time": "now",
        "seconds": 2.4,
        "libraries": {"numpy": "2"},
        "notice": "Research use only",
    }
    unsure = mask.with_array(np.where(volumes["lesion"].array > 0, 2.0, 0.0).astype(np.float32), "uncertainty")
    repair = Repair(mask, before, volumes["lesion"], 20, measures, provenance, ["A <note> to read."], unsure)
    return RepairReport(
        repair,
        volumes["lesion"],
        volumes["ct"],
        reconstruct(mask, before, uncertainty=unsure),
        truth=truth,
        files=["model.stl"],
        simulated=True,
    )


@pytest.fixture(scope="module")
def page(report, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    repair_page(path, report)
    return path.read_text(encoding="utf-8")


def test_all_three_planes_are_shown_before_and_after_with_outlines(page):
    for plane in ("Axial", "Sagittal", "Coronal"):
        for state in ("before", "after", "all outlines"):
            picture = re.search(rf'aria-label="{plane}, {state}, slice \d+">(.*?)</svg>', page, re.S)
            assert picture and "<path" in picture.group(1), (plane, state)
    assert re.search(r'aria-label="Axial slice, from above to below"', page)


def test_both_models_are_shown_from_four_sides(page):
    assert len(re.findall(r'alt="The vertebra before from', page)) == 4
    assert len(re.findall(r'alt="The repaired vertebra from', page)) == 4


def test_how_sure_the_repair_is_stands_in_colours_and_numbers(report, page):
    assert len(re.findall(r'alt="How sure the repaired vertebra is from', page)) == 4
    assert "Nine of ten places lie within" in page and "Surface that is an estimate" in page
    model = report.reconstruction
    assert set(np.round(np.unique(model.uncertainty_mm), 6)) <= {0.0, 2.0} or model.uncertainty_mm.max() == 2.0
    assert model.measures["uncertainty_median_mm"] == pytest.approx(2.0, abs=0.3)


def test_what_the_gate_says_stands_in_words_and_numbers(report, page):
    assert report.reconstruction.model.report.passed and "can be printed" in page
    for check in report.reconstruction.model.report.checks:
        assert check.name in page


def test_a_model_that_the_gate_refuses_is_called_refused_and_the_reason_shown_in_red(report, tmp_path):
    model = report.reconstruction.model
    bad = np.zeros(len(model.triangles), bool)
    bad[:40] = True
    refusal = Check("smallest wall", False, 0.2, 0.8, "The wall is <0.2 mm>; scale the model.")
    gate = replace(model.report, checks=[*model.report.checks, refusal], bad_triangles=bad)
    refused = replace(report.reconstruction, model=replace(model, report=gate))
    repair_page(tmp_path / "page.html", replace(report, reconstruction=refused))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The model is refused." in page and "&lt;0.2 mm&gt;" in page
    assert len(re.findall(r'alt="What the gate refuses from', page)) == 4


def test_a_model_that_is_no_whole_vertebra_is_told_so_first_and_in_the_verdict(report, tmp_path):
    told = "The arch does not close."
    partial = replace(report.reconstruction, model=replace(report.reconstruction.model, attention=[told]))
    repair_page(tmp_path / "page.html", replace(report, reconstruction=partial))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert re.search(rf'<ul class="notes"><li><b>{told}</b></li>', page)
    assert f"The model can be printed, but it is not a whole vertebra. {told}" in page
    assert "printable, but not a whole vertebra" in page


def test_simulated_data_is_called_so_and_nothing_of_a_user_gets_in_as_html(page):
    assert "Simulated data, not a patient" in page and "Truth (simulated)" in page
    assert "A &lt;note&gt; to read." in page and "<note>" not in page
    assert '<a href="model.stl">' in page


def test_a_repair_is_compared_with_the_truth_within_the_region_alone(report):
    found = agreement(report.repair, report.truth)
    # Of the hole's six slices five are filled; beside the bone the region holds what never was bone.
    assert found["covered"] == pytest.approx(5 / 6)
    assert found["dice"] == pytest.approx(2 * 5 / 11)
    assert found["volume_error"] == pytest.approx(140 / (12 * 24 * 28))
    assert found["piece_error"] == pytest.approx(1 / 6)


def test_a_repair_of_masks_alone_has_a_page_too(report, tmp_path):
    bare = RepairReport(report.repair, report.lesion)
    repair_page(tmp_path / "page.html", bare)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Axial, before" in page and "Print gate" not in page and "Simulated" not in page


def test_settings_of_the_repair_are_those_that_it_was_made_with(page):
    assert re.search(r"<dt>Margin mm</dt><dd>1.0</dd>", page) and re.search(r"<dt>Smoothing</dt><dd>0.5</dd>", page)
    assert "1.2.3" in page


def test_colours_tell_what_stayed_from_what_changed_whatever_the_sign():
    same, little, much = distance_colours(np.array([0.1, -2.0, 9.0]))
    assert np.allclose(same, distance_colours(np.array([0.0]))[0])
    assert np.allclose(little, distance_colours(np.array([2.0]))[0])
    assert same.sum() > little.sum() > much.sum()


def test_planes_show_the_patients_right_at_the_left_and_the_head_or_front_on_top():
    volume = blocks()["lesion"]  # upper, front, left
    for plane, (row, column) in {"axial": (0, 1), "coronal": (0, 1), "sagittal": (0, 0)}.items():
        shown = in_plane(volume, plane)
        mask = shown.array.any(axis=0)
        where = [axis.mean() / size for axis, size in zip(np.nonzero(mask), mask.shape)]
        assert [round(share) for share in where] == [row, column], plane
    assert in_plane(volume, "axial").spacing == (1.0, 1.0, 2.0)
    assert in_plane(volume, "sagittal").spacing == (1.0, 2.0, 1.0)


def test_a_window_that_is_given_is_the_one_that_is_shown():
    volumes = blocks()
    wide, narrow = (
        close_ups([("CT", volumes["ct"], [])], volumes["truth"], window=window)
        for window in ((-1000.0, 3000.0), (39.0, 41.0))
    )
    assert wide != narrow


def test_bone_of_the_neighbours_and_bone_that_stayed_are_not_coloured_as_changed():
    """A mass that reaches the vertebra above: what is coloured is the repair's own, near the lesion alone."""
    labels, lesion = with_hole(spine((8, -9, 12)), 11, (0, -12, 16), 13.0)
    mass = np.linalg.norm(voxel_places(labels) - [0, -12, 16], axis=-1) < 16
    lesion = lesion.with_array(mass.astype(np.uint8))
    assert (mass & (labels.array == 10)).any(), "it lies in the neighbour, too"
    repair = inpaint(labels, lesion, 11, {}, InpaintSettings("templates"))
    model = reconstruct(repair.mask, repair.before)
    _, _, changed = _cut_out(RepairReport(repair, lesion, None, model))
    shown = resample_like(labels, changed, nearest=True).array
    assert changed.array.any() and not changed.array[(shown == 10) | (shown == 12)].any()
    points = model.model.points
    near = cKDTree(voxel_places(labels)[mass]).query(points)[0] < 2 * labels.spacing[0]
    as_before = distance_colours(np.array([0.0]))[0]
    same = np.abs(distance_colours(model.distance_mm) - as_before).max(axis=1) < 0.1
    # Voxels of 2 mm, smoothed: a rim of the hole that was round before is flat now.
    assert same[~near].mean() > 0.99 and not same[near].all()
    neighbour = cKDTree(voxel_places(labels)[labels.array == 10])
    assert (neighbour.query(points)[0] > labels.spacing[0] / 2).all(), "no point of the model lies in the neighbour"
