"""GANs are compared on the same holes, with figures that are right."""

import json

import numpy as np
import pytest
import torch

from SpineLab.evaluation.gan import compare_gans, cube_hole
from SpineLab.training.gan.stacks import Stack
from SpineLib.cli.main import main
from SpineLib.metrics.mmd import kernel_mmd
from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.gan import Gan
from SpineLib.tasks.inpainting.gan import GanSettings

K, J, I = np.indices((40, 64, 64))  # noqa: E741 - axes as the field names them
#: A cone of bone, wider in lower slices.
CONE = Stack(
    "cone", 20, False, np.clip(16 * (np.hypot(J - 31.5, I - 31.5) * 1.75 - 30 + 0.2 * K), -127, 127).astype(np.int8)
)
BLOCK = Stack("block", 21, True, np.where((abs(J - 31.5) < 14) & (abs(I - 31.5) < 18), -100, 100).astype(np.int8))


@pytest.fixture(scope="module")
def gans():
    torch.manual_seed(3)
    return {"one": Gan("wgan-gp", 3, (2, 2, 3, 4)).eval(), "other": Gan("dcgan", 3, (2, 2, 3, 4)).eval()}


@pytest.fixture(scope="module")
def comparison(gans):
    return compare_gans([CONE, BLOCK], gans, GanSettings(steps=3, candidates=4), 1.0, slices=6)


def test_a_cube_is_28_mm_a_side_and_holds_bone():
    hole = cube_hole(CONE, [1])
    missing = np.argwhere(~hole.known)
    assert ((missing.max(axis=0) - missing.min(axis=0) + 1) == [28, 16, 16]).all()
    assert hole.images[~hole.known].mean() >= 0.25
    assert cube_hole(Stack("thin", 1, False, np.full((5, 64, 64), 90, np.int8)), [1]) is None


def test_all_methods_fill_the_same_holes_and_nothing_else(comparison):
    assert [(one.method, one.holes) for one in comparison.filled] == [
        ("one", "slices"),
        ("one", "cubes"),
        ("one-tied", "cubes"),
        ("other", "slices"),
        ("other", "cubes"),
        ("other-tied", "cubes"),
    ]
    for one in comparison.filled:
        if one.holes == "slices":
            known = comparison.single.known
            np.testing.assert_array_equal(one.repaired[known], comparison.single.images[known])
        else:
            known = np.concatenate([cube.known for cube in comparison.cubes])
            whole = np.concatenate([cube.images for cube in comparison.cubes])
            np.testing.assert_array_equal(one.repaired[known], whole[known])


def test_figures_are_those_of_the_slices(comparison):
    row, one = comparison.rows()[0], comparison.filled[0]
    assert row["kmmd"] == kernel_mmd(comparison.single.images, one.repaired).biased
    assert row["kmmd_made"] == kernel_mmd(comparison.single.images, comparison.made["one"]).biased
    cubes = comparison.filled[1]
    first, second = (
        np.concatenate([cube.images[~cube.known] for cube in comparison.cubes[:1]]) > 0.5,
        cubes.repaired[:40][~comparison.cubes[0].known] > 0.5,
    )
    assert cubes.dice[0] == pytest.approx(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_jumps_are_the_changes_that_the_truth_does_not_have(gans):
    """In a block no pixel changes from slice to slice, so all changes are the model's."""
    found = compare_gans([BLOCK], gans, GanSettings(steps=2, candidates=4), 1.0, slices=2)
    one, hole = found.filled[1], found.cubes[0]
    inside = np.flatnonzero((~hole.known).any(axis=(1, 2)))
    bone = (one.repaired > 0.5) & ~hole.known
    changes = [(bone[a + 1] != bone[a]).sum() / (~hole.known[a]).sum() for a in inside[:-1]]
    assert one.jumps == pytest.approx(np.mean(changes))


def test_the_shell_writes_table_figures_and_picture(gans, tmp_path, capsys):
    for name, gan in gans.items():
        save_bundle(
            tmp_path / name,
            gan,
            ModelCard(
                id=name,
                title=name,
                task="vertebra-inpainting",
                inputs=("mask",),
                patch=(64, 64),
                preparation={},
                network={"type": gan.kind, "latent": 3, "widths": [2, 2, 3, 4]},
                licence="none",
                training_data={"simulated": True, "description": "none"},
            ),
        )
    out = tmp_path / "out"
    assert (
        main(
            [
                "evaluate",
                "gan",
                "--model",
                str(tmp_path / "one"),
                "--model",
                str(tmp_path / "other"),
                "--simulate",
                "1",
                "--vertebrae",
                "2",
                "--slices",
                "4",
                "--steps",
                "2",
                "-o",
                str(out),
            ]
        )
        == 0
    )
    text = capsys.readouterr().out
    assert "0.001084" in text and "simulated" in text and "does not compare" in text
    assert {row["method"] for row in json.loads((out / "gan.json").read_text())["rows"]} == {
        "one",
        "one-tied",
        "other",
        "other-tied",
    }
    assert (out / "gan.png").read_bytes()[:4] == b"\x89PNG" and (out / "gan.md").read_text() == text
    assert main(["evaluate", "gan", "--model", str(tmp_path / "one"), "-o", str(out / "new")]) == 1
    assert "nothing to evaluate on" in capsys.readouterr().err
