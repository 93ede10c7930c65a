"""Folders of CTs with their vertebrae, now and before the lesion."""

import shutil

import numpy as np
import pytest

from SpineLib.cohort.ct import read_ct_cohort
from SpineLib.errors import SpineError
from SpineLib.phantom.ct import CtSettings, write_ct_cohort
from SpineLib.volume import read_volume

TINY = CtSettings(matrix=48, spacing=2.6, slices=14, thickness=4.0, region="lumbar", healthy=0.0, megavoxels=1.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_ct_cohort(tmp_path_factory.mktemp("cts") / "cohort", 2, 5, TINY)


def test_the_reader_finds_what_the_simulator_wrote(folder):
    cases = read_ct_cohort(folder)
    assert [c.name for c in cases] == ["sub-001", "sub-002"]
    for case in cases:
        ct, now, intact, lesion = (read_volume(p) for p in (case.ct, case.vertebrae, case.intact, case.lesion))
        assert ct.array.dtype == np.int16 and ct.array.min() >= -1024
        assert all(v.same_grid(ct, 1e-2) for v in (now, intact, lesion))
        assert [v["label"] for v in case.truth["vertebrae"]] == np.unique(intact.array)[1:].tolist()
        assert set(np.unique(lesion.array)) <= {0, *(f["number"] for f in case.truth["lesions"])}


def test_the_folder_says_that_it_is_simulated(folder):
    assert '"Simulated": true' in (folder / "dataset_description.json").read_text()
    lines = (folder / "participants.tsv").read_text().splitlines()
    assert len(lines) == 3 and all(line.endswith("true") for line in lines[1:])


def test_the_same_seed_writes_the_same_bytes_uncompressed_too(folder, tmp_path):
    again = write_ct_cohort(tmp_path / "again", 1, 5, TINY, extension=".nii")
    first, second = read_ct_cohort(folder)[0], read_ct_cohort(again)[0]
    assert second.ct.name.endswith("_ct.nii")
    assert np.array_equal(read_volume(first.ct).array, read_volume(second.ct).array)
    assert first.truth == second.truth


def test_a_patient_that_is_not_finished_is_left_out(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "derivatives/labels/sub-001/sub-001_truth.json").unlink()
    assert [c.name for c in read_ct_cohort(copy)] == ["sub-002"]
    (copy / "derivatives/labels/sub-002/ct/sub-002_label-intact_dseg.nii.gz").unlink()
    with pytest.raises(SpineError, match="spine phantom --ct"):
        read_ct_cohort(copy)


def test_a_damaged_truth_is_named(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "derivatives/labels/sub-001/sub-001_truth.json").write_text("{")
    with pytest.raises(SpineError, match="damaged"):
        read_ct_cohort(copy)


def test_a_folder_without_cases_is_refused(tmp_path):
    with pytest.raises(SpineError, match="holds no case"):
        read_ct_cohort(tmp_path)
    with pytest.raises(SpineError, match="does not exist"):
        read_ct_cohort(tmp_path / "nowhere")
