"""One patient, the right order, contrast on the second scan."""

from __future__ import annotations

import numpy as np
import pytest

from SpineLib.errors import SpineError
from SpineLib.tasks.followup.checks import check_patients, contrast_note, order_of_dates, order_of_names
from SpineLib.volume import Volume
from SpineLib.volume.dicom_facts import DicomFacts


def facts(**values) -> DicomFacts:
    return DicomFacts(**values)


def test_two_patients_are_refused_without_showing_who_they_are():
    one, other = facts(patient_id="4711", patient_name="Doe^Jane"), facts(patient_id="0815")
    with pytest.raises(SpineError, match="--allow-different-patients") as caught:
        check_patients(one, other)
    assert not any(secret in str(caught.value) for secret in ("4711", "0815", "Doe"))
    assert len(check_patients(one, other, allow_different=True)) == 1


@pytest.mark.parametrize("other", [facts(patient_id="4711"), facts(), None])
def test_one_patient_or_an_unknown_one_passes(other):
    assert check_patients(facts(patient_id="4711"), other) == []


@pytest.mark.parametrize(
    "before, after, order",
    [
        (facts(study_date="20240101"), facts(study_date="20240103"), "right"),
        (facts(study_date="20240103"), facts(study_date="20240101"), "swapped"),
        (
            facts(study_date="20240101", study_time="101500"),
            facts(study_date="20240101", study_time="091500.5"),
            "swapped",
        ),
        (facts(acquisition_date="20240101"), facts(study_date="20240103"), "right"),
        (facts(study_date="20240101"), facts(study_date="20240101"), "unknown"),
        (facts(study_date="20240101"), facts(), "unknown"),
        (None, facts(study_date="20240101"), "unknown"),
    ],
)
def test_dates_tell_the_order(before, after, order):
    assert order_of_dates(before, after) == order


@pytest.mark.parametrize(
    "before, after, order",
    [
        ("ses-before/T1.nii", "ses-after/ceT1.nii", "right"),
        ("ses-after/T1.nii", "ses-before/ceT1.nii", "swapped"),
        ("Follow-up/3", "baseline/2", "swapped"),
        ("pre_T1.nrrd", "post_T1.nrrd", "right"),
        ("simulated_followup_before_T2", "simulated_followup_after_T2", "right"),
        ("T1.nrrd", "ceT1.nrrd", "unknown"),
        ("ses-after/T1.nii", "ses-after/T2.nii", "unknown"),
        ("express.nii", "poster.nii", "unknown"),
    ],
)
def test_names_tell_the_order_only_when_both_do(before, after, order):
    assert order_of_names(before, after) == order


@pytest.fixture
def ablated():
    """A dark ball with a bright rim in grey marrow, and the ball's mask."""
    k, j, i = np.mgrid[-10:11, -20:21, -20:21]
    radius = np.sqrt((2 * k) ** 2 + j**2 + i**2)
    array = np.where(radius <= 10, 60, np.where(radius <= 14, 160, 100)).astype(np.float32)
    volume = Volume(array, (1.0, 1.0, 2.0))
    return volume, volume.with_array((radius <= 10).astype(np.uint8))


def test_an_enhancing_rim_raises_no_doubt_and_a_dull_one_does(ablated):
    image, mask = ablated
    assert contrast_note(image, mask) is None
    dull = image.with_array(np.where(image.array > 150, 62, image.array))
    assert "hardly brighter" in contrast_note(dull, mask)


def test_dicom_decides_where_it_speaks(ablated):
    image, mask = ablated
    dull = image.with_array(np.minimum(image.array, 62))
    assert contrast_note(dull, mask, facts(contrast_agent="Gadobutrol")) is None
    assert "names no contrast agent" in contrast_note(image, mask, facts(contrast_agent=None))


def test_an_empty_mask_says_nothing_about_contrast(ablated):
    image, mask = ablated
    assert contrast_note(image, mask.with_array(mask.array * 0)) is None
