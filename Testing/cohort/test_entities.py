"""The choice among several images of one sequence in a BIDS folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from SpineLib.cohort.entities import entities_of
from SpineLib.cohort.images import find_cases, single_images
from SpineLib.errors import SpineError

#: As in the spine-generic datasets, and what other datasets of the spine have.
AX, SAG = "sub-01_acq-ax_T2w.nii.gz", "sub-01_acq-sag_T2w.nii.gz"
FIRST, SECOND = "sub-01_acq-sag_run-01_T2w.nii.gz", "sub-01_acq-sag_run-02_T2w.nii.gz"
PHASE, MAGNITUDE = "sub-01_part-phase_T1w.nii.gz", "sub-01_part-mag_T1w.nii.gz"


@pytest.fixture
def images(tmp_path):
    """The images of one case by sequence, as they are found in a folder with these files."""

    def of(*names):
        folder = tmp_path / "sub-01" / "anat"
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).touch()
        return dict(find_cases(tmp_path))["sub-01"]

    return of


def chosen(images, **wanted):
    return {name: path.name for name, path in single_images(images, wanted)[0].items()}


@pytest.mark.parametrize(
    ("names", "wanted", "name"),
    [
        ([AX, SAG], {"acq": ["sag"]}, SAG),
        ([AX, SAG], {"acq": ["AX"]}, AX),
        ([AX, SAG], {"acq": ["cor", "ax"]}, AX),
        ([AX, "sub-01_T2w.nii.gz"], {"acq": ["sag"]}, "sub-01_T2w.nii.gz"),
        ([FIRST, SECOND], {"run": ["2"]}, SECOND),
        ([FIRST, SECOND, AX], {"acq": ["sag"], "run": ["1"]}, FIRST),
        (["sub-01_chunk-1_T2w.nii.gz", "sub-01_chunk-2_T2w.nii.gz"], {"chunk": ["2"]}, "sub-01_chunk-2_T2w.nii.gz"),
        (["sub-01_echo-1_T2w.nii.gz", "sub-01_echo-2_T2w.nii.gz"], {"echo": ["1"]}, "sub-01_echo-1_T2w.nii.gz"),
    ],
)
def test_an_image_is_chosen_by_what_its_name_says(images, names, wanted, name):
    assert chosen(images(*names), **wanted) == {"T2": name}


def test_images_of_a_phase_are_no_images_of_anatomy_unless_they_are_asked_for(images):
    both = images(PHASE, MAGNITUDE)
    assert chosen(both) == {"T1": MAGNITUDE}
    assert chosen(both, part=["phase"]) == {"T1": PHASE}


def test_a_choice_is_no_matter_to_a_sequence_that_does_not_have_it(images):
    assert chosen(images(AX, SAG, "sub-01_T1w.nii.gz"), acq=["sag"]) == {"T1": "sub-01_T1w.nii.gz", "T2": SAG}


def test_several_that_would_do_are_named_with_the_option_that_chooses(images):
    with pytest.raises(SpineError, match=r"2 T2 images \(acq-ax, acq-sag\); choose one with --acq"):
        single_images(images(AX, SAG))
    with pytest.raises(SpineError, match=r"acq-sag_run-1, acq-sag_run-2\); choose one with --acq or --run"):
        single_images(images(AX, FIRST, SECOND, SAG))
    with pytest.raises(SpineError, match="leave one of them"):
        single_images(images(AX, "sub-01_acq-ax_T2w.nii"), {"acq": ["ax"]})


def test_a_value_that_no_image_has_is_refused_with_those_there_are(images):
    with pytest.raises(SpineError, match=r"no T2 image with acq-cor, only ax, sag; .*--acq"):
        single_images(images(AX, SAG), {"acq": ["cor"]})


def test_the_choice_is_told(images):
    assert single_images(images(AX, SAG), {"acq": ["sag"]})[1] == ["Of 2 T2 images the one of acq-sag was taken."]
    assert single_images({"T2": [Path(AX)]}, {"acq": ["ax"]})[1] == []


def test_names_are_read_as_bids_writes_them():
    assert entities_of(Path("sub-01_ses-2_acq-Sag3D_run-02_T2w.nii.gz")) == {
        "sub": "1", "ses": "2", "acq": "sag3d", "run": "2"
    }  # fmt: skip
