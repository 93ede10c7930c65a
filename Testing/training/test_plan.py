"""A plan runs its commands in order and within a time, keeps their words, and goes on where it was stopped."""

import argparse

import pytest

from SpineLab.training.plan import PLANS, Plan, run_plan
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLib.cli.main import main
from SpineLib.cohort.mr import read_cohort
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle

TINY = """
minutes = 12.0

[[stage]]
name = "cohort"
command = '''phantom -o {out}/cohort --cases {cases} --matrix 96 --slices 6 --healthy 0 --processes {cores}'''
share = 0.2
cases = 720

[[stage]]
name = "metastases"
command = "train segmentation --config %s --cohort {out}/cohort --out {out}/metastases --steps 4 --minutes {minutes}"
share = 0.5
uses = "card"
after = ["cohort"]
"""
CONFIG = """
inputs = ["T1", "T2"]
workers = 0
[network]
widths = [4, 6]
[preparation]
slices = 8
in_plane_spacing = 3.0
[sampling]
patch = [32, 32]
batch = 2
[optimisation]
precision = "float32"
[validation]
cases = 1
every = 0
"""


@pytest.fixture
def plan(tmp_path):
    config, file = tmp_path / "tiny.toml", tmp_path / "plan.toml"
    config.write_text(CONFIG)
    file.write_text(TINY % config.as_posix())
    return file


def test_a_plan_simulates_trains_and_leaves_a_model(plan, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["train", "plan", "--plan", str(plan), "--out", str(out), "--minutes", "0.1", "--cores", "1"]) == 0
    assert len(read_cohort(out / "cohort", ("T1", "T2")).cases) == 6  # in proportion to the time, and not fewer
    assert load_bundle(out / "metastases" / "model").card.inputs == ("T1", "T2")
    assert "cases to train on" in (out / "metastases.log").read_text()
    said = capsys.readouterr().out
    assert said.index("cohort: done") < said.index("metastases: spine train segmentation")
    assert main(["train", "plan", "--plan", str(plan), "--out", str(out), "--minutes", "0.1", "--cores", "1"]) == 0
    assert "spine" not in capsys.readouterr().out, "all was done"


def test_a_stage_that_fails_stops_the_plan_and_only_what_is_left_runs_again(tmp_path):
    file, out, notes = tmp_path / "plan.toml", tmp_path / "out", tmp_path / "broken.toml"
    file.write_text(
        '[[stage]]\nname = "first"\ncommand = "models list"\nshare = 0.5\n'
        f'[[stage]]\nname = "second"\ncommand = "train segmentation --config {notes.as_posix()} --cohort x --out y"\n'
        'share = 0.5\nafter = ["first"]\n'
    )
    file.write_text("minutes = 1.0\n" + file.read_text())
    said = []
    for _ in range(2):
        with pytest.raises(SpineError, match=r"'second' ended with status .*second\.log"):
            run_plan(Plan.read(file), out, 1.0, 1, said.append)
    assert [text.split()[1] for text in said] == ["first:", "first:", "second:", "second:"]
    assert "There is no configuration" in (out / "second.log").read_text()


def test_a_stage_that_waits_for_an_unknown_one_is_refused(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text('minutes = 1.0\n[[stage]]\nname = "a"\ncommand = "x"\nshare = 1.0\nafter = ["b"]\n')
    with pytest.raises(SpineError, match="stage 'a' does not fit"):
        Plan.read(file)


@pytest.mark.parametrize("name", [file.stem for file in PLANS.glob("*.toml")])
def test_each_plan_of_the_project_fits_its_time_and_its_commands_are_understood(name, tmp_path):
    from SpineLab.commands import phantom
    from SpineLab.commands.train import segmentation

    plan = Plan.read(name)
    for uses in ("cores", "card"):
        assert sum(stage.share for stage in plan.stages if stage.uses == uses) <= 1.0
    for stage in plan.stages:
        words = plan.arguments(stage, tmp_path, plan.minutes, 16)
        parser = argparse.ArgumentParser()
        rest = words[1:] if words[0] == "phantom" else words[2:]
        (phantom if words[0] == "phantom" else segmentation).add_arguments(parser)
        chosen = parser.parse_args(rest)
        if words[0] == "train":
            SegmentationConfig.read(chosen.config)
