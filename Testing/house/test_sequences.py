"""An MR sequence is one entry in SpineLib.sequences: everything else finds it there."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.cli import followup, segment
from SpineLib.cohort.images import find_cases
from SpineLib.cohort.layout import Place
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import read_card
from SpineLib.phantom.physics import PROTOCOLS
from SpineLib.sequences import PAIRS, SEQUENCES, MrSequence, enhanced_of, sequence_of_file
from SpineLib.volume import Volume, check_image
from Testing.house.structure import REPOSITORY

#: Proton density: a sequence that this house does not know.
PD = MrSequence("PD", "PDw", re.compile(r"(?<![a-z0-9])pd(?:w|fs)?(?![a-z0-9])"), like="T2")


@pytest.fixture
def pd(monkeypatch):
    """The list with a sequence more."""
    monkeypatch.setitem(SEQUENCES, "PD", PD)


def options(command) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return parser


def test_every_sequence_has_its_physics_in_the_phantom():
    assert set(PROTOCOLS) == set(SEQUENCES)


def test_every_name_that_an_entry_refers_to_is_there():
    assert all(name == one.name and one.like in SEQUENCES for name, one in SEQUENCES.items())
    assert {one.plain for one in SEQUENCES.values()} - {""} <= SEQUENCES.keys()
    assert {name for pair in PAIRS for name in pair} <= SEQUENCES.keys()


def test_the_first_with_contrast_medium_is_found_among_others():
    assert enhanced_of(("T2", "ceT1", "CT")) == "ceT1" and enhanced_of(("T2", "CT")) is None


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_file_that_the_house_writes_is_read_as_what_it_is(name, tmp_path):
    stem = Place(tmp_path, "sub-001", "after").image(name, "").name
    assert sequence_of_file(stem) == name


@pytest.mark.usefixtures("pd")
def test_a_model_may_look_at_a_new_sequence():
    card = read_card(sorted((REPOSITORY / "Resources" / "Models").glob("mets-t2-2d*"))[0])
    assert replace(card, inputs=("PD",)).inputs == ("PD",)
    with pytest.raises(SpineError, match="different names out of T1, T2, STIR, ceT1, PD"):
        replace(card, inputs=("FLAIR",))


@pytest.mark.usefixtures("pd")
def test_the_shell_asks_for_a_new_sequence_before_and_after():
    assert options(segment).parse_args(["-o", "x", "--pd", "a.nii"]).pd.name == "a.nii"
    args = options(followup).parse_args(["-o", "x", "--before-pd", "b.nii", "--after-pd", "c.nii"])
    assert (args.before_pd.name, args.after_pd.name) == ("b.nii", "c.nii")
    assert "--reference {T1,T2,STIR,ceT1,PD}" in options(segment).format_help()


@pytest.mark.usefixtures("pd")
def test_a_folder_of_patients_may_hold_a_new_sequence(tmp_path):
    place = Place(tmp_path, "sub-001")
    place.images.mkdir(parents=True)
    place.image("PD", ".nii.gz").touch()
    (place.images / "sub-001_acq-sag_PDw.nii").touch()
    assert place.image("PD", ".nii.gz").name == "sub-001_PDw.nii.gz"
    assert read_cohort(tmp_path, ("PD",)).cases[0].sequences == {"PD": place.image("PD", ".nii.gz")}
    assert {name: len(files) for name, files in dict(find_cases(tmp_path))["sub-001"].items()} == {"PD": 2}


@pytest.mark.usefixtures("pd")
def test_a_volume_is_told_to_be_a_new_sequence_by_its_name():
    pytest.importorskip("slicer", reason="slicer-core is not installed (pip install SpineLib[slicer])")
    from SpineLib.scene.select import Candidate, choose, sequence_of

    assert sequence_of("5: pd_tse_sag")[0] == "PD"
    assert choose([Candidate("t1_tse_sag"), Candidate("pd_tse_sag")]) == {"T1": 0, "PD": 1}


@pytest.mark.usefixtures("pd")
def test_a_ct_is_not_taken_for_a_new_sequence():
    ct = Volume(np.linspace(-1000, 1500, 1000, dtype=np.int16).reshape(10, 10, 10), name="ct")
    with pytest.raises(SpineError, match="is a CT, not an MR image"):
        check_image(ct, "PD")
