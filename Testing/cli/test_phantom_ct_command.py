"""``spine phantom --ct``."""

import pytest

from SpineLib.cli.main import main
from SpineLib.cohort.ct import read_ct_cohort

SMALL = ["--cases", "1", "--matrix", "64", "--slices", "12", "--thickness", "4", "--region", "thoracolumbar",
         "--processes", "1"]  # fmt: skip


def test_it_writes_a_cohort_and_says_that_it_is_simulated(tmp_path, capsys):
    options = ["--uncompressed", "--kinds", "lytic", "--metastases", "1,1", "--healthy", "0", "--metal", "0"]
    assert main(["phantom", "--ct", "-o", str(tmp_path / "cts"), *SMALL, *options]) == 0
    assert "simulated" in capsys.readouterr().out
    [case] = read_ct_cohort(tmp_path / "cts")
    assert case.ct.suffix == ".nii" and {f["kind"] for f in case.truth["lesions"]} <= {"lytic"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--ct", "--follow-up"], "--follow-up does not go with --ct"),
        (["--ct", "--sequences", "T1"], "--sequences does not go with --ct"),
        (["--ct", "--kinds", "benign"], "choose of lytic, sclerotic, mixed"),
        (["--ct", "--thickness", "0"], "give 0.3 to 10 mm"),
        (["--ct", "--metastases", "3,1"], "give the least and the most"),
        (["--kinds", "benign"], "choose of lytic, sclerotic, mixed"),
        (["--follow-up", "--kinds", "lytic"], "--kinds does not go with --follow-up"),
        (["--ct", "--shapes", "nowhere"], "give one of label maps of spines"),
        (["--shapes", "nowhere"], "give one of label maps of spines"),
        (["--shapes", ".", "--follow-up"], "--shapes does not go with --follow-up"),
        (["--shapes", ".", "--everyday", "--matrix", "99"], "--matrix, --everyday does not go with --shapes"),
        (["--ct", "--column", "--thickness", "2"], "--thickness does not go with --column"),
        (["--region", "cervical"], "which only --ct has"),
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_reason(options, reason, tmp_path, capsys):
    assert main(["phantom", "-o", str(tmp_path / "x"), "--cases", "1", *options]) != 0
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
