"""Which cases a folder of patients holds, with and without sessions."""

import json

import pytest

from SpineLib.cohort.mr import read_cohort, read_pairs
from SpineLib.errors import SpineError


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.fixture
def sessions(tmp_path):
    """One patient with both sessions, one with the scan after the ablation alone."""
    for name in ("sub-001", "sub-002"):
        touch(tmp_path / f"{name}/ses-after/anat/{name}_ses-after_ce-gd_T1w.nii.gz")
        touch(tmp_path / f"{name}/ses-after/anat/{name}_ses-after_T2w.nii.gz")
        labels = tmp_path / f"derivatives/labels/{name}/ses-after/anat"
        touch(labels / f"{name}_ses-after_label-necrosis_mask.nii.gz")
    touch(tmp_path / "sub-001/ses-before/anat/sub-001_ses-before_T1w.nii.gz")
    touch(tmp_path / "derivatives/labels/sub-001/ses-before/anat/sub-001_ses-before_label-lesion_mask.nii.gz")
    (tmp_path / "derivatives/labels/sub-001/sub-001_truth.json").write_text(json.dumps({"treated": {"level": "L2"}}))
    return tmp_path


def test_a_session_is_read_like_a_cohort_of_its_own(sessions):
    after = read_cohort(sessions, ("ceT1", "T2"), labels=("necrosis",), session="after").cases
    assert [case.name for case in after] == ["sub-001", "sub-002"]
    assert set(after[0].sequences) == {"ceT1", "T2"} and set(after[0].labels) == {"necrosis"}
    before = read_cohort(sessions, ("T1",), labels=("lesion",), session="before").cases
    assert [case.name for case in before] == ["sub-001"]
    assert before[0].sequences["T1"].name == "sub-001_ses-before_T1w.nii.gz"


def test_pairs_are_the_patients_with_both_sessions(sessions):
    (pair,) = read_pairs(sessions)
    assert pair.name == "sub-001" and pair.truth["treated"]["level"] == "L2"
    assert set(pair.before.sequences) == {"T1"} and set(pair.after.sequences) == {"ceT1", "T2"}


def test_a_cohort_without_sessions_has_no_pairs_and_no_case_after_ablation(tmp_path):
    touch(tmp_path / "sub-001/anat/sub-001_T1w.nii.gz")
    assert len(read_cohort(tmp_path, ("T1",)).cases) == 1
    with pytest.raises(SpineError, match="spine phantom --follow-up"):
        read_pairs(tmp_path)
    with pytest.raises(SpineError, match="ses-after"):
        read_cohort(tmp_path, session="after")


def test_a_cohort_with_sessions_is_not_read_as_one_without(sessions):
    with pytest.raises(SpineError, match="sub-\\*/anat"):
        read_cohort(sessions)


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SpineError, match="not-here"):
        read_pairs(tmp_path / "not-here")
