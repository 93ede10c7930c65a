"""Which volume is which sequence, told by name and description."""

from __future__ import annotations

import numpy as np
import pytest

slicer = pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")

from SpineLib.scene.select import Candidate, choose, preselect, preselect_followup, sequence_of  # noqa: E402


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("t1_tse_sag", "T1"),
        ("3: t1_tse_sag", "T1"),
        ("T1 SE SAG", "T1"),
        ("Sag T1 FLAIR", "T1"),
        ("sub-001_T1w", "T1"),
        ("DzZ_T1", "T1"),
        ("T1W_TSE", "T1"),
        ("SAG T1 FSE pre", "T1"),
        ("T1 sag ohne KM", "T1"),
        ("t1_tse_sag_native", "T1"),
        ("ceT1 after", "ceT1"),
        ("T1ce sag", "ceT1"),
        ("sag_cet1w", "ceT1"),
        ("T1 non-contrast", "T1"),
        ("T1-weighted sagittal", "T1"),
        ("T2 TSE SAG", "T2"),
        ("sub-001_T2w", "T2"),
        ("t2_tse_sag_p2", "T2"),
        ("T2W_TSE", "T2"),
        ("Sag T2 FRFSE LSPINE", "T2"),
        ("T2FSE SAG", "T2"),
        ("STIR", "STIR"),
        ("t2_tirm_sag", "STIR"),
        ("sub-001_STIR", "STIR"),
        ("Sag T2 STIR", "STIR"),
        ("t2_stir_sag_512", "STIR"),
        ("T1 post Gd", "ceT1"),
        ("ce-gd_T1w", "ceT1"),
        ("sub-001_ce-gd_T1w", "ceT1"),
        ("SAG T1 +C", "ceT1"),
        ("t1_tse_sag_KM", "ceT1"),
        ("T1 fs gadovist sag", "ceT1"),
        ("T1 contrast-enhanced", "ceT1"),
    ],
)
def test_a_sequence_is_recognised_by_its_name(name, role):
    assert sequence_of(name)[0] == role


@pytest.mark.parametrize(
    "name",
    [
        "T10", "T12 level", "T1-T6", "levels T1 - T6", "T1 vertebra", "CT spine", "localizer T1", "t2_localizer",
        "Survey T2", "T2_map", "T1 mapping", "ADC", "T2* GRE", "t2star", "T1 subtraction", "T2 FLAIR brain",
        "T2 myelo 3D", "DIXON", "Volume_1", "", "T1 T2 fused", "sub-001_T1w_mask", "sub-001_desc-prep_T1w",
    ],
)  # fmt: skip
def test_what_is_no_plain_sequence_is_left_alone(name):
    assert sequence_of(name)[0] is None


def test_the_dicom_description_counts_where_the_name_says_nothing():
    assert sequence_of("Volume_2", "t2_tse_sag")[0] == "T2"


def test_a_sequence_among_levels_is_still_found():
    assert sequence_of("T2 TSE sag T1-T6")[0] == "T2"
    assert sequence_of("t1_tse_sag BWS T1-T12")[0] == "T1"


def test_the_sagittal_image_is_preferred_to_the_axial_one_and_the_plain_one_to_the_fat_suppressed():
    names = ["t1_tse_tra", "t1_tse_fs_sag", "t1_tse_sag", "t2_tse_tra", "t2_tse_sag"]
    assert choose([Candidate(name) for name in names]) == {"T1": 2, "T2": 4}


def test_the_first_of_two_equals_is_taken():
    assert choose([Candidate("T1 sag"), Candidate("T1 sag")]) == {"T1": 0}


def test_two_patients_are_never_mixed():
    candidates = [Candidate("T1 sag", group=1), Candidate("T1 sag", group=2), Candidate("T2 tra", group=2)]
    assert choose(candidates) == {"T1": 1, "T2": 2}


def test_only_the_wanted_roles_are_filled():
    assert choose([Candidate("T1"), Candidate("T2")], roles=["T2"]) == {"T2": 1}
    assert choose([]) == {}


def test_volumes_of_the_scene_are_preselected_by_name_and_by_series_description(scene):
    array = np.zeros((2, 2, 2), np.int16)
    t1 = slicer.util.addVolumeFromArray(array, name="5: t1_tse_sag")
    other = slicer.util.addVolumeFromArray(array, name="6: unnamed")
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    hierarchy.SetItemAttribute(hierarchy.GetItemByDataNode(other), "DICOM.SeriesDescription", "T2 TSE SAG")
    slicer.util.addVolumeFromArray(array, name="sub-001_T1w", nodeClassName="vtkMRMLLabelMapVolumeNode")
    hidden = slicer.util.addVolumeFromArray(array, name="STIR")
    hidden.SetHideFromEditors(True)
    assert preselect() == {"T1": t1, "T2": other}


@pytest.mark.parametrize(
    ("names", "dates"),
    [
        (("before T1", "before T2", "after ceT1", "after T2"), None),
        (("sub-1_ses-baseline_T1w", "baseline T2", "follow-up ce-gd_T1w", "follow-up T2"), None),
        (("sag T1", "sag T2", "sag T1 Gd", "sag T2"), ("20240101", "20240101", "20240103", "20240103")),
    ],
)
def test_scans_before_and_after_are_told_apart_by_date_or_name(scene, names, dates):
    nodes = [slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), np.float32), name=name) for name in names]
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    for node, date in zip(nodes, dates or [], strict=bool(dates)):
        study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), date)
        hierarchy.SetItemAttribute(study, "DICOM.StudyDate", date)
        hierarchy.SetItemParent(hierarchy.GetItemByDataNode(node), study)
    assert preselect_followup() == dict(zip(("beforeT1", "beforeT2", "afterCeT1", "afterT2"), nodes, strict=True))


def test_of_scans_that_nothing_tells_apart_only_contrast_says_when_they_were_taken(scene):
    nodes = [
        slicer.util.addVolumeFromArray(np.zeros((2, 3, 4), np.float32), name=name)
        for name in ("T1", "T2", "T1 Gd", "T2 again")
    ]
    assert preselect_followup() == {"beforeT1": nodes[0], "afterCeT1": nodes[2]}


def test_the_files_of_the_demo_are_told_apart_and_no_question_is_asked(scene):
    """A folder or study called "followup" says nothing of when a scan in it was taken."""
    from SpineLib.scene.dicomfacts import doubts

    names = [f"simulated_followup_{scan}" for scan in ("before_T1", "before_T2", "after_ceT1", "after_T2")]
    nodes = [slicer.util.addVolumeFromArray(np.zeros((4, 5, 6), np.float32), name=name) for name in names]
    found = preselect_followup()
    assert found == dict(zip(("beforeT1", "beforeT2", "afterCeT1", "afterT2"), nodes, strict=True))
    assert not doubts(found["beforeT2"], found["afterT2"])
