"""``spine demo`` as a user runs it, with the model that the project ships."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from SpineLib.geometry.triangles import volume_mm3
from SpineLib.mesh.arch import LEAST_PEDICLE, arch_of
from SpineLib.mesh.files import read_mesh
from SpineLib.metrics.overlap import overlap
from SpineLib.volume import read_volume

REPOSITORY = Path(__file__).resolve().parents[2]
FOLLOWUP = {
    "after_T2.nii.gz",
    "after_ceT1.nii.gz",
    "after_to_before.tfm",
    "after_to_before.json",
    "before_T1.nii.gz",
    "before_T2.nii.gz",
    "comparison.csv",
    "comparison.json",
    "margin.vtp",
    "metastases.seg.nrrd",
    "necroses.seg.nrrd",
    "report.html",
}
REPAIR = {
    "CT.nii.gz",
    "lesion.nii.gz",
    "model.3mf",
    "model.stl",
    "report.html",
    "result.seg.nrrd",
    "vertebrae.nii.gz",
}
FILES = (
    {f"simulated_followup_{name}" for name in FOLLOWUP}
    | {f"simulated_repair_{name}" for name in REPAIR}
    | {
        "demo.json",
        "index.html",
        "simulated_T1.nii.gz",
        "simulated_T2.nii.gz",
        "simulated_lesions.csv",
        "simulated_probability.nii.gz",
        "simulated_provenance.json",
        "simulated_result.seg.nrrd",
        "simulated_truth.csv",
        "simulated_truth.seg.nrrd",
    }
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("with space ü") / "demo"
    line = [sys.executable, "-m", "SpineLib", "demo", "--out", folder]
    done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Simulated data" in done.stdout and "100 %" in done.stderr
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_writes_all_its_files_and_says_simulated_in_their_names(demo):
    assert {path.name for path in demo.iterdir()} == FILES
    assert all("simulated" in name for name in FILES - {"demo.json", "index.html"})


def test_the_shipped_model_finds_most_of_the_simulated_metastases(demo):
    truth, result = (read_volume(demo / f"simulated_{name}.seg.nrrd") for name in ("truth", "result"))
    assert truth.same_grid(result) and truth.same_grid(read_volume(demo / "simulated_T1.nii.gz"))
    assert overlap(truth.array, result.array).dice > 0.5
    found = [row["found"] for row in rows(demo / "simulated_truth.csv")]
    assert len(found) >= 2 and found.count("True") > len(found) / 2


def test_tables_record_and_segmentation_tell_the_same(demo):
    record = json.loads((demo / "simulated_provenance.json").read_text(encoding="utf-8"))
    result = read_volume(demo / "simulated_result.seg.nrrd")
    truth = read_volume(demo / "simulated_truth.seg.nrrd")
    lesions = rows(demo / "simulated_lesions.csv")
    assert len(lesions) == len(record["lesions"]) == result.array.max()
    for row in lesions:
        volume = np.count_nonzero(result.array == int(row["lesion"])) * result.voxel_volume_ml
        assert float(row["volume_ml"]) == pytest.approx(volume, abs=1e-3)
    assert record["agreement"]["dice"] == pytest.approx(overlap(truth.array, result.array).dice)
    found = [row["found"] for row in rows(demo / "simulated_truth.csv")]
    assert len(record["agreement"]["found"]) == found.count("True")
    assert record["simulated"] is True and len(record["provenance"]["model"]["sha256"]) == 64


def test_the_page_stands_alone_and_warns(demo):
    text = (demo / "index.html").read_text(encoding="utf-8")
    assert "Research use only, not a medical device" in text and "Simulated data, not a patient" in text
    assert "79.4 ± 6.2" in text and "Model card" in text
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    beside = {source for source in sources if not source.startswith("data:image/png;base64,")}
    assert beside == FILES - {"demo.json", "index.html"}
    assert text.count("data:image/png") == 2 * 20


def test_the_repaired_vertebra_is_whole_and_its_model_has_its_volume(demo):
    repaired = read_volume(demo / "simulated_repair_result.seg.nrrd")
    vertebrae = read_volume(demo / "simulated_repair_vertebrae.nii.gz")
    lesion = read_volume(demo / "simulated_repair_lesion.nii.gz")
    assert repaired.same_grid(vertebrae, 1e-2)
    before = (vertebrae.array == repaired.array.max()).sum()
    after = (repaired.array > 0).sum()
    # Most of what the lesion hollowed out counts as the vertebra's already when it is segmented.
    assert after > before and ((repaired.array > 0) & (lesion.array > 0)).sum() > 0.2 * after
    arch = arch_of(repaired.with_array((repaired.array > 0).astype(np.uint8)))
    assert arch.closed and min(arch.left_mm2, arch.right_mm2) > LEAST_PEDICLE * max(arch.left_mm2, arch.right_mm2)
    mesh = read_mesh(demo / "simulated_repair_model.stl")
    assert volume_mm3(mesh.points, mesh.triangles) / 1000 == pytest.approx(after * repaired.voxel_volume_ml, rel=0.01)


def test_the_page_of_the_repair_shows_it_and_says_that_it_is_simulated(demo):
    text = (demo / "simulated_repair_report.html").read_text(encoding="utf-8")
    assert "Simulated data, not a patient" in text and "Coronal, after" in text
    # The lesion of this patient cut the pedicle through; the arch is its own vertebra's all the same, and whole again.
    assert "Every check passed: the model can be printed." in text
    assert "Dice within the repaired region" in text
    links = set(re.findall(r'href="(?!data:)([^"]*)"', text))
    assert links == {f"simulated_repair_{name}" for name in REPAIR - {"report.html"}}


def test_it_says_in_one_sentence_what_is_wrong(tmp_path):
    (tmp_path / "thesis.txt").write_text("ten years")
    for more, sentence in ((["--out", tmp_path], "no demo wrote it"), (["--model", "none"], "no model 'none'")):
        line = [sys.executable, "-m", "SpineLib", "demo", "--out", tmp_path / "new", *more]
        done = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True)
        assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
