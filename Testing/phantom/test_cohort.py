"""The cohort on disk."""

import json
import os

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import Cancelled, SpineError
from SpineLib.phantom import PhantomSettings, write_cohort
from SpineLib.volume import read_volume
from SpineLib.volume.told import fat_shift_of

TINY = PhantomSettings(matrix=96, slices=15, oversampling=1, region="lumbar", spacing=1.25, healthy=0.0)


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_cohort_is_the_same_bytes_whatever_the_number_of_processes(tmp_path):
    one = contents(write_cohort(tmp_path / "a", 2, 5, TINY, extension=".nii"))
    two = contents(write_cohort(tmp_path / "b", 2, 5, TINY, processes=2, extension=".nii"))
    assert one == two


def test_a_cohort_says_that_it_is_simulated_and_training_finds_its_cases(tmp_path):
    folder = write_cohort(tmp_path / "cohort", 2, 5, TINY)
    cohort = read_cohort(folder, ("T1", "T2"), labels=("lesion", "reader1", "reader2", "vertebrae", "tissue"))
    assert cohort.simulated and [c.name for c in cohort.cases] == ["sub-001", "sub-002"]
    truth = json.loads((folder / "derivatives/labels/sub-001/sub-001_truth.json").read_text())
    mask = read_volume(cohort.cases[0].labels["lesion"])
    assert truth["simulated"] and sorted(np.unique(mask.array))[1:] == [n["number"] for n in truth["lesions"]]
    assert mask.same_grid(read_volume(cohort.cases[0].sequences["T2"]), 1e-2)
    told = fat_shift_of(read_volume(cohort.cases[0].sequences["T2"]))
    assert told.mm == pytest.approx(1.25 * abs(truth["sequences"]["T2"]["fat_shift_voxels"]))
    assert "true" in (folder / "participants.tsv").read_text().splitlines()[1]


def test_an_interrupted_cohort_goes_on_where_it_stopped(tmp_path):
    def stop(fraction, text):
        if "case 2" in text:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_cohort(tmp_path / "c", 3, 5, TINY, progress=stop)
    first = tmp_path / "c/sub-001/anat/sub-001_T1w.nii.gz"
    written = first.stat().st_mtime_ns
    write_cohort(tmp_path / "c", 3, 5, TINY)
    assert first.stat().st_mtime_ns == written
    assert len(list((tmp_path / "c").glob("sub-*"))) == 3


def test_a_disk_that_gets_full_in_mid_case_leaves_no_half_case_that_counts_as_done(tmp_path, monkeypatch):
    replace = os.replace

    def full(source, target):
        if str(target).endswith("truth.json"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("SpineLib.volume.files.os.replace", full)
        with pytest.raises(SpineError, match="disk is full"):
            write_cohort(tmp_path / "c", 1, 5, TINY)
    assert not list(tmp_path.rglob("*truth*"))
    write_cohort(tmp_path / "c", 1, 5, TINY)
    assert contents(tmp_path / "c") == contents(write_cohort(tmp_path / "whole", 1, 5, TINY))


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(SpineError, match="empty folder"):
        write_cohort(tmp_path, 1, 5, TINY)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_a_cohort_of_another_seed_is_not_mixed_in(tmp_path):
    write_cohort(tmp_path / "c", 1, 5, TINY)
    with pytest.raises(SpineError, match="another seed"):
        write_cohort(tmp_path / "c", 1, 6, TINY)


def test_the_command_refuses_an_unknown_sequence(tmp_path, capsys):
    assert main(["phantom", "-o", str(tmp_path / "c"), "--sequences", "T1,FLAIR"]) == 1
    assert "FLAIR" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()
