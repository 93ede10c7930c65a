"""``spine followup`` segments as ``spine segment`` does: what no model was made for is refused, lesions have levels."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.volume import Volume, read_volume, write_volume
from SpineLib.volume.segments import read_segments
from SpineLib.volume.transform import write_transform
from Testing.tasks.tiny import bright_network, patient, save_tiny


@pytest.fixture
def case(tmp_path, monkeypatch):
    """A transform that moves nothing, and the user's models."""
    monkeypatch.setenv("SPINE_MODELS", str(tmp_path / "models"))
    write_transform(np.eye(4), tmp_path / "still.tfm")
    return tmp_path


def run(case, **files) -> int:
    named = [part for option, path in files.items() for part in (f"--{option.replace('_', '-')}", str(path))]
    return main(["followup", *named, "--transform", str(case / "still.tfm"), "-o", str(case / "out"), "--overwrite"])


def test_scans_that_no_model_was_made_for_are_refused_unless_the_user_insists(case, capsys):
    save_tiny(case / "models", inputs=("T1",), target="necrosis")
    scan = patient()["T1"]
    write_volume(scan, case / "before.nrrd")
    write_volume(replace(scan, direction=np.eye(3)), case / "after.nrrd")  # axial
    write_volume(scan.with_array((scan.array == 400).astype(np.uint8)), case / "drawn.nrrd")
    files = {"before_t1": case / "before.nrrd", "after_t1": case / "after.nrrd", "metastasis": case / "drawn.nrrd"}
    assert run(case, **files, necrosis_model="necrosis-2d-t1") == 1
    told = capsys.readouterr().err
    assert "Of the scans from after the ablation: T1 has axial slices" in told and "--anyway" in told
    named = [part for option, path in files.items() for part in (f"--{option.replace('_', '-')}", str(path))]
    line = ["followup", *named, "--necrosis-model", "necrosis-2d-t1", "--transform", str(case / "still.tfm")]
    assert main([*line, "-o", str(case / "out"), "--anyway"]) == 0
    record = json.loads((case / "out" / "comparison.json").read_text())
    assert any("axial slices" in note and "used all the same" in note for note in record["notes"])


def test_metastases_that_a_model_found_have_their_level_in_every_file_and_touch_a_vertebra(case, capsys, shared_data):
    path = shared_data / "mr_lumbar" / "DzZ_T2.nii.gz"
    if not path.is_file():
        pytest.skip("the shared data has no mr_lumbar/DzZ_T2.nii.gz")
    scan, bodies = (read_volume(one).array[:, :, 1::5] for one in (path, path.with_name("DzZ_T2_vb-labels.nii.gz")))
    l3 = np.argwhere(bodies == 4)  # 1 is S1
    in_l3 = tuple(l3[np.linalg.norm((l3 - l3.mean(0)) * (1, 1, 5), axis=1) < 9].T)
    grey = scan.astype(np.float32)
    grey[in_l3] = grey[20:32, 20:32, 4:6] = 2000  # the second one beside the spine
    like = read_volume(path)
    before = Volume(grey, (5.0, 1.0, 1.0), like.origin, like.direction)
    write_volume(before, case / "before.nrrd")
    dead = np.zeros(grey.shape, np.uint8)
    dead[in_l3] = 1
    write_volume(before.with_array(dead), case / "dead.nrrd")
    save_tiny(case / "models", inputs=("T2",), network=bright_network(2, 1, brighter_than=12.0))
    scan = case / "before.nrrd"
    assert run(case, before_t2=scan, after_t2=scan, necrosis=case / "dead.nrrd", metastasis_model="tiny-2d-t2") == 0
    assert "Metastasis 1 (L3, " in capsys.readouterr().out
    record = json.loads((case / "out" / "comparison.json").read_text())
    assert [one["lesion"]["level"] for one in record["metastases"]] == ["L3"]
    assert any("touches no vertebra and was dropped" in note for note in record["notes"])
    (row,) = csv.DictReader((case / "out" / "comparison.csv").open())
    assert row["level"] == "L3" and "Metastasis 1 (L3, " in (case / "out" / "report.html").read_text(encoding="utf-8")
    _, (segment,) = read_segments(case / "out" / "metastases.seg.nrrd")
    assert segment.info.name == "Lesion 1 (L3)"
