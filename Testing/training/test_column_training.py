"""Training of the column: what a patch holds, and that the network learns to part blocks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from SpineLab.training.column.cases import read_cases, write_column_case
from SpineLab.training.column.config import ColumnConfig
from SpineLab.training.column.loop import run_training
from SpineLab.training.column.sampling import ColumnSampler
from SpineLib.errors import SpineError
from SpineLib.models import load_bundle
from SpineLib.tasks.column.find import find_column
from SpineLib.tasks.column.parts import OFFSET_MM
from SpineLib.volume.volume import Volume
from Testing.columns import SPACING, block_column

_HU = np.array([-400, 250, 700, 1200, 80, -100, 300], np.float32)  # parts that a small network can part by density


def _write(folder, count=2):
    folder.mkdir()
    parts, instances, _ = block_column()
    rng = np.random.default_rng(0)
    for n in range(count):
        image = (_HU[parts] + rng.normal(0, 20, parts.shape)).astype(np.float16)
        write_column_case(
            folder / f"case-{n}.npz", image=image, parts=parts, instances=instances, spacing=np.array(SPACING)
        )
    return folder


def _config(**optimisation):
    return ColumnConfig().changed(
        network={"widths": (8, 16, 16), "strides": ((2, 2, 2), (2, 2, 2))},
        preparation={"spacing": SPACING},
        sampling={"patch": (40, 32, 32)},
        optimisation={"rate": 5e-3, "warm_up": 5, "average": 0.9, **optimisation},
        validation={"every": 0, "cases": 1},
    )


def test_the_offsets_of_a_turned_patch_still_end_at_the_bodys_centre(tmp_path):
    cases = read_cases(_write(tmp_path / "cases"))
    config = _config().changed(augmentation={"cut": 0.0})
    sampler = ColumnSampler(cases, config)
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(12):
        _, parts, offsets, known = sampler.cut(cases[0], rng, augmented=True)
        places = torch.stack(
            torch.meshgrid(*(torch.arange(n) * s for n, s in zip(parts.shape, SPACING)), indexing="ij")
        )
        ends = (places + offsets * OFFSET_MM)[:, known].T
        body = ends[(parts == 1)[known]]
        # All votes of a patch end in at most three places, each 32 mm from the next (27 where it is drawn smaller).
        centres = torch.unique(torch.round(ends / 4), dim=0)
        assert len(centres) <= 8 * 3
        seen += len(body) > 0
    assert seen > 6


def test_a_patch_without_augmentation_shows_the_image_itself(tmp_path):
    cases = read_cases(_write(tmp_path / "cases"))
    sampler = ColumnSampler(cases, _config().changed(sampling={"anywhere": 1.0}))
    case = cases[0]
    image, parts, _, _ = sampler.cut(case, np.random.default_rng(5), augmented=False)
    bone = parts == 1
    if bone.any():
        assert abs(float(image[bone].mean()) * 500 - 250) < 60  # HU of a body; partial volume at its surface


@pytest.mark.parametrize("wrong", ["empty", "broken"])
def test_a_folder_without_cases_is_refused(tmp_path, wrong):
    folder = tmp_path / "cases"
    folder.mkdir()
    if wrong == "broken":
        (folder / "case.npz").write_bytes(b"no zip")
    with pytest.raises(SpineError, match="holds no case"):
        read_cases(folder)


def test_the_loss_falls_and_the_bundle_answers_on_the_images_own_grid(tmp_path):
    cases = _write(tmp_path / "cases", 3)
    lines: list[str] = []
    bundle = run_training(_config(steps=60), [cases], tmp_path / "run", command="spine train", report=lines.append)
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines if " loss " in line]
    assert losses[-1] < 0.9 * losses[0]
    again = load_bundle(bundle.folder)
    assert again.card.task == "column-segmentation" and "simulated data" in again.card.text
    parts, _, _ = block_column()
    volume = Volume(_HU[parts], (2.0, 2.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    column = find_column(volume, again, precision="float32")
    assert column.labelmap().array.shape == volume.array.shape
    assert column.partmap().array.shape == volume.array.shape
    assert len(column.levels.numbers) == len(column.members)


def test_a_training_goes_on_where_it_was(tmp_path):
    cases = _write(tmp_path / "cases")
    run_training(_config(steps=3), [cases], tmp_path / "run")
    lines: list[str] = []
    run_training(_config(steps=5), [cases], tmp_path / "run", report=lines.append)
    assert any("Going on at step 3" in line for line in lines)
