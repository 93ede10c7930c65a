"""The cohort of patients before and after ablation on disk, and the command that writes it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.cohort.mr import read_cohort, read_pairs
from SpineLib.errors import Cancelled, SpineError
from SpineLib.phantom import FollowUpSettings, write_followup_cohort
from SpineLib.phantom.sidecar import with_header
from SpineLib.volume import read_volume
from SpineLib.volume.told import fat_shift_of

TINY = FollowUpSettings(matrix=96, slices=15, spacing=1.25, oversampling=1, region="lumbar", others=(0, 1))


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_followup_cohort(tmp_path_factory.mktemp("followup") / "cohort", 2, 6, TINY, extension=".nii")


def test_both_sessions_and_their_truths_lie_where_bids_puts_them(cohort):
    names = contents(cohort)
    labels = "derivatives/labels/sub-001"
    for name in (
        "sub-001/ses-before/anat/sub-001_ses-before_T1w.nii",
        "sub-001/ses-before/anat/sub-001_ses-before_T2w.nii",
        "sub-001/ses-after/anat/sub-001_ses-after_ce-gd_T1w.nii",
        "sub-001/ses-after/anat/sub-001_ses-after_T2w.nii",
        f"{labels}/ses-before/anat/sub-001_ses-before_label-lesion_mask.nii",
        f"{labels}/ses-before/anat/sub-001_ses-before_label-vertebrae_dseg.nii",
        f"{labels}/ses-before/anat/sub-001_ses-before_label-tissue_dseg.nii",
        f"{labels}/ses-after/anat/sub-001_ses-after_label-necrosis_mask.nii",
        f"{labels}/ses-after/anat/sub-001_ses-after_label-lesion_mask.nii",
        f"{labels}/ses-after/anat/sub-001_ses-after_label-vertebrae_dseg.nii",
        f"{labels}/ses-after/anat/sub-001_ses-after_label-tissue_dseg.nii",
        f"{labels}/sub-001_truth.json",
    ):
        assert name in names
    assert json.loads(names["dataset_description.json"])["Simulated"] is True
    assert all(row.endswith("true") for row in names["participants.tsv"].decode().splitlines()[1:])


def test_training_and_registration_find_the_sessions(cohort):
    after = read_cohort(cohort, ("ceT1", "T2"), labels=("necrosis", "lesion", "vertebrae", "tissue"), session="after")
    assert after.simulated and [case.name for case in after.cases] == ["sub-001", "sub-002"]
    for pair in read_pairs(cohort):
        treated = pair.truth["treated"]
        assert pair.truth["simulated"] and treated["outcome"] in ("complete", "partial", "missed")
        assert np.shape(pair.truth["after_to_before_lps"][treated["level"]]) == (4, 4)
        lesion = read_volume(pair.before.labels["lesion"])
        assert treated["lesion"] in lesion.array and read_volume(pair.after.labels["necrosis"]).array.any()
        assert lesion.same_grid(read_volume(pair.before.sequences["T1"]), 1e-2)


def test_sidecars_tell_axis_and_size_of_the_displacement_of_fat_but_not_its_side(cohort):
    for pair in read_pairs(cohort):
        for session, case in (("before", pair.before), ("after", pair.after)):
            for name, file in case.sequences.items():
                facts, volume = pair.truth[session]["sequences"][name], read_volume(file)
                told = fat_shift_of(volume)
                along = np.array(told.vector_mm) @ volume.direction[:, 1 if facts["fat_shift_down_rows"] else 0]
                assert told.suppressed is (facts["fat_left"] < 1)
                assert along == pytest.approx(told.mm, abs=1e-6)
                assert told.mm == pytest.approx(abs(facts["fat_shift_voxels"]) * volume.spacing[0])
                unread = with_header(replace(volume, meta={}), facts, pair.truth[session]["field_t"])
                assert fat_shift_of(unread) == told


def test_the_bytes_do_not_depend_on_the_processes_and_an_interrupted_run_goes_on(cohort, tmp_path):
    def stop(fraction, text):
        raise Cancelled

    with pytest.raises(Cancelled):
        write_followup_cohort(tmp_path / "c", 2, 6, TINY, progress=stop, extension=".nii")
    write_followup_cohort(tmp_path / "c", 2, 6, TINY, processes=2, extension=".nii")
    assert contents(tmp_path / "c") == contents(cohort)


def test_a_folder_of_another_kind_is_left_alone(cohort, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(SpineError, match="empty folder"):
        write_followup_cohort(tmp_path, 1, 6, TINY)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]
    with pytest.raises(SpineError, match="another seed"):
        write_followup_cohort(cohort, 2, 7, TINY)


def test_the_command_can_leave_out_the_scan_before(tmp_path):
    command = ["phantom", "--follow-up", "--after-only", "-o", str(tmp_path / "c"), "--cases", "1", "--matrix", "96"]
    assert main([*command, "--slices", "15", "--region", "lumbar", "--processes", "1", "--outcomes", "1,0,0"]) == 0
    assert [p.name for p in (tmp_path / "c/sub-001").iterdir()] == ["ses-after"]
    assert "complete" in (tmp_path / "c/participants.tsv").read_text()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--after-only"], "--follow-up"),
        (["--follow-up", "--sequences", "T1"], "--sequences"),
        (["--follow-up", "--outcomes", "1,2"], "--outcomes"),
        (["--follow-up", "--outcomes", "0,0,0"], "--outcomes"),
        (["--follow-up", "--region", "cervicothoracic"], "--region"),
        (["--follow-up", "--matrix", "20"], "matrix"),
    ],
)
def test_the_command_refuses_what_does_not_go_together(tmp_path, capsys, options, named):
    assert main(["phantom", "-o", str(tmp_path / "c"), "--processes", "1", *options]) == 1
    assert named in capsys.readouterr().err
