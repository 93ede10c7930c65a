"""Fitting the judge of regions: from CTs to a bundle that finds lesions, and how it does on each CT left out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLab.commands.train import ct_regions
from SpineLab.training.ct_regions.examples import Examples
from SpineLab.training.ct_regions.fit import fitted
from SpineLib.cli.main import main
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.networks.region_judge import RegionJudge
from SpineLib.volume import write_volume
from Testing.tasks.test_ct_compared_lesions import BODIES, as_volume, spine


def test_the_command_writes_a_bundle_that_says_how_it_does_on_each_ct_left_out(tmp_path, capsys):
    lesion = BODIES[1] + (0, 0, 9)
    image, labels = spine([(lesion, 6, 500)])
    healthy, _ = spine(noise=12.0)
    for name, array in (("ill", image), ("well", healthy), ("labels", labels)):
        write_volume(as_volume(array), tmp_path / f"{name}.nii.gz")
    words = ["train", "ct-regions", "--paint-from", "Made for tests.", "--copies", "1", "--threads", "1"]
    for name in ("ill", "well"):
        words += ["--paint", str(tmp_path / f"{name}.nii.gz"), str(tmp_path / "labels.nii.gz")]
    assert main([*words, "-o", str(tmp_path / "judge")]) == 0
    bundle = load_bundle(tmp_path / "judge")
    assert isinstance(bundle.network(), RegionJudge) and bundle.card.task == "ct-lesion-detection"
    assert [one["name"] for one in bundle.card.figures["left_out"]] == ["ill", "well"]
    assert "--paint ill.nii.gz labels.nii.gz" in bundle.card.command and str(tmp_path) not in bundle.card.command
    assert "simulated" in bundle.card.text and "| well | 0 | 0 |" in capsys.readouterr().out


def test_nothing_to_learn_from_is_refused(tmp_path):
    with pytest.raises(SpineError, match="nothing to learn from"):
        ct_regions.run(_arguments(tmp_path))


def test_cts_without_vertebrae_that_can_be_compared_are_refused(tmp_path):
    image, labels = spine()
    labels[np.isin(labels, (20, 22))] = 0
    labels[:, :, 36:] = 0
    for name, array in (("ct", image), ("labels", labels)):
        write_volume(as_volume(array), tmp_path / f"{name}.nii.gz")
    files = [[tmp_path / "ct.nii.gz", tmp_path / "labels.nii.gz"]]
    with pytest.raises(SpineError, match="several vertebrae"):
        ct_regions.run(_arguments(tmp_path, files))


def test_the_fit_computes_on_one_thread_and_leaves_the_others_as_they_were():
    """Threads that wait for each other at every small sum made a fit of seconds one of minutes on a busy machine."""
    before, seen = torch.get_num_threads(), set()
    torch.set_num_threads(2)
    try:
        rng = np.random.default_rng(0)
        ill = np.arange(8) > 3
        examples = Examples("a", rng.normal(0, 1, (8, 3)).astype(np.float32), ill, np.ones(8, np.float32))
        fitted(examples, progress=lambda fraction, text: seen.add(torch.get_num_threads()))
        assert seen == {1} and torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def _arguments(folder, files=()):
    import argparse

    parser = argparse.ArgumentParser()
    ct_regions.add_arguments(parser)
    arguments = parser.parse_args(["--paint-from", "Made for tests.", "-o", str(folder / "judge")])
    arguments.paint = list(files)
    return arguments
