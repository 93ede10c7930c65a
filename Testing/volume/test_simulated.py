"""Files that say of themselves that they are simulated."""

from __future__ import annotations

import json

import pytest

from SpineLib.volume.simulated import simulated_description, simulated_files


def described(folder, **facts):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps(facts))
    return folder


@pytest.mark.parametrize(
    ("description", "answer"),
    [
        ({"Simulated": True}, True),
        ({"simulated": False, "Name": "not simulated"}, False),
        ({}, False),
        ({"Name": "Simulated CT of the spine"}, True),
        ({"Name": "CT of patients"}, False),
    ],
)
def test_a_description_says_whether_the_data_is_simulated(description, answer):
    assert simulated_description(description) is answer


def test_images_and_labels_of_a_simulated_cohort_are_simulated(tmp_path):
    described(tmp_path, Simulated=True)
    assert simulated_files([tmp_path / "sub-001" / "ct" / "sub-001_ct.nii"])
    assert simulated_files([tmp_path / "derivatives" / "labels" / "sub-001" / "ct" / "sub-001_label-lesion_mask.nii"])


def test_one_simulated_file_among_others_is_enough(tmp_path):
    described(tmp_path / "a", Simulated=True)
    assert simulated_files([tmp_path / "b" / "ct.nii.gz", tmp_path / "a" / "lesion.nii.gz"])


def test_a_sidecar_says_it_too(tmp_path):
    (tmp_path / "ct.json").write_text('{"Simulated": true}')
    assert simulated_files([tmp_path / "ct.nii.gz"]) and not simulated_files([tmp_path / "other.nii.gz"])


def test_a_result_of_a_model_that_learned_from_simulated_scans_is_not_simulated_for_that(tmp_path):
    provenance = {"model": {"id": "column-ct", "simulated_training_data": True}}
    result = {"vertebrae": [], "notes": ["The model was trained on simulated CTs."], "provenance": provenance}
    (tmp_path / "vertebrae.json").write_text(json.dumps(result))
    assert not simulated_files([tmp_path / "vertebrae.nii.gz"])


def test_files_of_the_demo_are_simulated_by_their_name(tmp_path):
    assert simulated_files([tmp_path / "simulated_repair_ct.nii.gz"])


@pytest.mark.parametrize("text", ['{"Name": "CT"}', "no JSON", "[1]", ""])
def test_a_patient_is_not_called_simulated_whatever_lies_beside(tmp_path, text):
    (tmp_path / "dataset_description.json").write_text(text)
    (tmp_path / "ct.json").write_text(text)
    assert not simulated_files([tmp_path / "ct.nii.gz"])


def test_a_patients_cohort_within_a_folder_of_simulated_ones_is_not_simulated(tmp_path):
    described(tmp_path, Simulated=True)
    described(tmp_path / "patients", Simulated=False)
    assert not simulated_files([tmp_path / "patients" / "sub-001" / "ct" / "sub-001_ct.nii.gz"])
