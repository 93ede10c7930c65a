"""Processes that torchrun starts train together as one process does with a batch as large as all of theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from SpineLab.training import ranks
from SpineLab.training.loop import batches_of, drive
from SpineLab.training.record import read_log
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.loop import SegmentationRun
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from Testing.trainings import TINY

ROOT = Path(__file__).parents[3]


def toml(sections) -> str:
    def value(one):
        return json.dumps(one)  # numbers, strings and lists look alike in JSON and TOML

    def lines(table):
        return [f"{key} = {value(one)}" for key, one in table.items() if not isinstance(one, dict)]

    text = lines(sections)
    for name, table in sections.items():
        if isinstance(table, dict):
            text += [f"[{name}]", *lines(table)]
    return "\n".join(text)


def settings(batch):
    more = {
        "sampling": {**TINY["sampling"], "batch": batch},
        "optimisation": {**TINY["optimisation"], "steps": 3, "precision": "float32", "by_sample": 0.5,
                         "cross_entropy": 0.5, "clip": 1.0},
        "validation": {"cases": 2, "every": 3},
    }  # fmt: skip
    return {**TINY, **more}


def trained(how, cohort, folder, batch):
    """Runs ``spine train segmentation`` started as ``how`` says; the training's folder."""
    config = folder.with_suffix(".toml")
    config.write_text(toml(settings(batch)))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *how, "-m", "SpineLib", "train", "segmentation", "--config", str(config)]
    command += ["--cohort", str(cohort), "--out", str(folder), "--processes", "1", "--workers", "0"]
    # The processes meet at a socket in the temporary folder, whose path must not be long.
    with tempfile.TemporaryDirectory() as short:
        done = subprocess.run(
            command, cwd=short, env={**environment, "TMPDIR": short}, capture_output=True, text=True, timeout=500
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


TOGETHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")


def test_two_processes_have_the_losses_and_weights_of_one_with_twice_the_batch(ball_cohort, tmp_path):
    (two, said), (one, _) = (
        trained(TOGETHER, ball_cohort, tmp_path / "two", 2),
        trained((), ball_cohort, tmp_path / "one", 4),
    )
    losses = [[line["loss"] for line in read_log(run) if "loss" in line] for run in (two, one)]
    # Sums in single precision in another order.
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    a, b = (load_file(run / "last.safetensors") for run in (two, one))
    # Adam divides by a gradient's size, so where it is nothing but rounding its sign decides: such weights are few.
    apart = torch.cat([(a[name] - b[name]).abs().flatten() for name in a if name.startswith("network/")])
    assert (apart > 1e-3).float().mean() < 0.05
    assert said.count("cases to train on") == 1
    assert load_bundle(two / "model").card.inputs == load_bundle(one / "model").card.inputs


def test_one_process_shares_with_nobody():
    values = torch.arange(3.0)
    assert ranks.shared_sum(values) is values and ranks.count() == 1 and ranks.leads()


def test_a_training_that_cannot_be_shared_is_not_started_twice_in_one_folder(tmp_path, monkeypatch):
    config = SegmentationConfig.from_dict(TINY)
    run = SegmentationRun(config, [], tmp_path / "run", torch.device("cpu"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SpineError, match="without torchrun"):
        drive(run, batches_of(lambda step: None), None, print)
    assert not (tmp_path / "run").exists()
