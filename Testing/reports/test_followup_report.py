"""The report of a follow-up: verdict first, pictures, tables, and nothing of the patient unless asked for."""

from __future__ import annotations

import csv
import io
import json
import re

import numpy as np
import pytest

from SpineLib.reports.followup import FollowUpReport, LesionPart, case_json, followup_page
from SpineLib.reports.followup_cohort import cohort_page, patient_row
from SpineLib.reports.followup_tables import plain_table
from SpineLib.tasks.followup.compare import compare
from SpineLib.tasks.segmentation.lesions import measure_lesion
from SpineLib.volume import Volume

DIRECTION = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
SHIFT = np.array([[1.0, 0, 0, 4], [0, 1, 0, 3], [0, 0, 1, 0], [0, 0, 0, 1]])


def ball(centre, radius, shape=(9, 36, 32)) -> Volume:
    k, j, i = np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")
    inside = (4 * (k - centre[0])) ** 2 + (1.5 * (j - centre[1])) ** 2 + (1.5 * (i - centre[2])) ** 2 <= radius**2
    return Volume(inside.astype(np.uint8), (1.5, 1.5, 4.0), direction=DIRECTION)


@pytest.fixture(scope="module")
def report() -> FollowUpReport:
    """A metastasis half of which is left, and one that was not treated."""
    metastasis, other = ball((4, 16, 16), 8), ball((4, 30, 16), 5)
    necrosis = ball((4, 14, 16), 9)
    necrosis = Volume(necrosis.array, necrosis.spacing, tuple(np.subtract(necrosis.origin, SHIFT[:3, 3])), DIRECTION)
    comparison = compare(metastasis, necrosis, SHIFT, error_mm=0.6)
    image = metastasis.with_array(np.random.default_rng(0).normal(100, 20, metastasis.shape).astype(np.float32))
    after = Volume(image.array, image.spacing, necrosis.origin, DIRECTION)
    registration = {
        "quality": {"trusted": True, "reasons": [], "error_mm": 0.6, "spread_mm": 0.1, "overlap": 1.0, "metric": -0.4},
        "provenance": {"libraries": {"SimpleITK": "2.5"}},
    }
    parts = [
        LesionPart(measure_lesion(metastasis), comparison.to_dict(), comparison.surface, SHIFT, registration),
        LesionPart(measure_lesion(other, number=2)),
    ]
    return FollowUpReport(
        image,
        after,
        ("T1 before", "ceT1 after"),
        metastasis,
        necrosis,
        parts,
        notes=["A <note> to read."],
        simulated=True,
        provenance={"version": "1.2.3", "time": "now"},
    )


@pytest.fixture(scope="module")
def page(report, tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    followup_page(path, report)
    return path.read_text(encoding="utf-8")


def test_the_verdict_and_its_rule_stand_before_everything_else(page, report):
    main = page[page.index("<main") :]
    assert main.index("Incomplete ablation") < main.index("Scans in one space")
    assert report.parts[0].comparison["verdict"]["rule"][:60] in main
    assert "Not treated" in main and main.index("Not treated") < main.index("Scans in one space")


def test_the_page_stands_alone_and_warns(page):
    assert "Research use only, not a medical device" in page and "Simulated data, not a patient" in page
    addresses = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert addresses and all(address.startswith("data:image/png;base64,") for address in addresses)
    assert "A &lt;note&gt; to read." in page


def test_pictures_are_close_ups_slices_the_painted_surface_and_a_histogram(page):
    assert page.count('class="closeups"') == 1 and page.count("Both outlines") >= 1
    for view in ("from anterior", "from the left", "from posterior", "from the right"):
        assert f"Surface of the metastasis {view}" in page
    assert "Histogram of the margin" in page and "Checkerboard" in page
    assert "ceT1 after, registered" in page


def test_tables_hold_what_the_comparison_measured(page, report):
    overlap, distance = (report.parts[0].comparison[key] for key in ("overlap", "distance"))
    assert f"{100 * overlap['covered_share']:.1f} %" in page
    assert f"{distance['hausdorff95_mm']:.1f} mm" in page
    assert f"{distance['minimum_mm']:.1f} ± 0.6 mm" in page
    assert "SimpleITK 2.5" in page and "1.2.3" in page


def test_the_necrosis_is_drawn_where_the_transform_puts_it(report, monkeypatch):
    """Resampled into the space before, it overlaps the metastasis as it does in the comparison."""
    from SpineLib.reports import followup

    seen = {}
    monkeypatch.setattr(
        followup,
        "slice_viewer",
        lambda images, layers, *_, **__: seen.update({layer.name: layer.mask.array != 0 for layer in layers}) or "",
    )
    followup._scans(report, report.parts[0])
    common = np.count_nonzero(seen["Metastasis before"] & seen["Necrosis after"])
    share = common / np.count_nonzero(seen["Metastasis before"])
    assert share == pytest.approx(report.parts[0].comparison["overlap"]["covered_share"], abs=0.05)  # voxels of 4 mm


def test_the_patient_is_shown_only_when_asked_for(page, report, tmp_path):
    assert "Patient</h2>" not in page
    from dataclasses import replace

    followup_page(tmp_path / "r.html", replace(report, patient={"Name": "Doe Jane", "Born": "1950-01-02"}))
    assert "Doe Jane" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_json_has_all_figures_and_no_number_that_json_does_not_know(report):
    values = json.loads(json.dumps(case_json(report), allow_nan=False))
    first, second = values["metastases"]
    assert first["outcome"] == "incomplete" and second["outcome"] == "not treated" and second["comparison"] is None
    assert first["after_to_before_lps"] == SHIFT.tolist() and first["lesion"]["mean_probability"] is None
    assert values["simulated_data"] is True


def test_without_any_treated_metastasis_both_scans_are_shown_as_they_are(report, tmp_path):
    from dataclasses import replace

    followup_page(tmp_path / "r.html", replace(report, parts=[report.parts[1]]))
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Margin, metastasis" not in text and text.count('class="viewer"') == 2


def test_what_is_not_to_be_told_is_not_called_untreated(report, tmp_path):
    from dataclasses import replace

    from SpineLib.reports.text import followup_text

    untold = replace(report, parts=[replace(report.parts[1], untold="It is not shown.")])
    followup_page(tmp_path / "r.html", untold)
    for text in ((tmp_path / "r.html").read_text(encoding="utf-8"), followup_text(untold)):
        assert "not to be told" in text.lower() and "It is not shown." in text
        assert "not treated" not in text.lower()
    [one] = case_json(untold)["metastases"]
    assert one["outcome"] == "not to be told" and one["untold"] == "It is not shown."
    row = {"metastasis": 1, "outcome": "not to be told"}
    assert patient_row([row]) == row | {"treated": 0, "not_treated": 0, "message": ""}


def test_the_cohorts_table_has_a_line_a_patient_and_links_to_the_reports(tmp_path):
    treated = {"metastasis": 2, "outcome": "complete", "metastasis_ml": 3.5, "covered_share": 1.0, "minimum_mm": 1.25}
    untreated = {"metastasis": 1, "outcome": "not treated"}
    rows = [
        {"case": "sub-001", "status": "done", **patient_row([treated, untreated])},
        {"case": "sub-002", "status": "failed", "message": "The scan <is> missing."},
    ]
    cohort_page(tmp_path / "cohort.html", rows, simulated=True)
    text = (tmp_path / "cohort.html").read_text(encoding="utf-8")
    assert 'href="sub-001/report.html"' in text and 'href="sub-002' not in text
    assert "The scan &lt;is&gt; missing." in text and "Simulated data, not patients" in text
    lines = list(csv.DictReader(io.StringIO(plain_table(rows).to_csv())))
    assert lines[0]["treated"] == "1" and lines[0]["not_treated"] == "1" and lines[0]["minimum_mm"] == "1.25"
    assert lines[1]["outcome"] == "" and lines[1]["status"] == "failed"
