"""What drawing samples costs beside a training's step: one by one as before, and a batch at once, in one run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from SpineLab.training.loop import compute_device
from SpineLab.training.segmentation.batches import BatchSampler
from SpineLab.training.segmentation.config import SegmentationConfig
from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.loop import SegmentationRun
from SpineLab.training.segmentation.sampling import Steps

#: Slices, rows and columns of a case, of usual size.
_SHAPE, _CASES = (64, 320, 320), 4
_REPEATS = {"paper-2d": 4, "paper-3d": 1}


def measure(
    seed: int, presets: tuple[str, ...] = ("paper-2d", "paper-3d"), shape: tuple[int, int, int] = _SHAPE
) -> list[dict]:
    """Seconds a step of each preset: the network's, the sampler's both ways, and their ratio."""
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as folder:
        cases = [_case(Path(folder), number, shape, seed) for number in range(_CASES)]
        return [_measured(preset, cases, Path(folder)) for preset in presets]


def _measured(preset: str, cases: list[PreparedCase], folder: Path) -> dict:
    device, config = compute_device(), SegmentationConfig.read(preset)
    run = SegmentationRun(config, [], folder, device)
    steps = Steps(cases, config.sampling, config.augmentation, config.preparation.whitening)
    sampler, repeats = BatchSampler(steps, device), _REPEATS.get(preset, 2)
    batch = sampler[0]  # brings the cases to the device
    singly = _seconds(lambda number: steps[number], repeats)
    at_once = _seconds(lambda number: sampler[number], repeats)
    run.train_step(batch)
    step = _seconds(lambda number: run.train_step(batch), repeats)
    return {
        "preset": preset,
        "device": str(device),
        "threads": torch.get_num_threads(),
        "batch": config.sampling.batch,
        "step_s": step,
        "sampler_one_by_one_s": singly,
        "sampler_at_once_s": at_once,
        "ratio": at_once / step,
    }


def told(rows: list[dict]) -> str:
    """A line a preset."""
    lines = [
        f"{row['preset']} on {row['device']}, {row['threads']} threads: {row['step_s']:.3f} s a step of {row['batch']} "
        f"samples; drawing them {row['sampler_one_by_one_s']:.3f} s one by one, {row['sampler_at_once_s']:.3f} s at "
        f"once, {100 * row['ratio']:.0f} % of a step."
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _seconds(work: Callable[[int], object], repeats: int) -> float:
    started = time.perf_counter()
    for number in range(1, repeats + 1):
        work(number)
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / repeats


def _case(folder: Path, number: int, shape: tuple[int, int, int], seed: int) -> PreparedCase:
    """Noise with one lesion; what is drawn costs the same whatever it shows."""
    rng = np.random.default_rng([seed, number])
    lesions = np.zeros(shape, np.uint8)
    middle = np.array(shape) // 2
    box = np.stack([middle - 8, middle + 8])
    lesions[tuple(slice(a, b) for a, b in box.T)] = 1
    none = np.zeros((0, 3), np.int16)
    return PreparedCase(
        f"case-{number}",
        folder,
        rng.standard_normal((2, *shape), dtype=np.float32).astype(np.float16),
        lesions,
        (1.0, 1.0, 1.0),
        middle[None].astype(float),
        box[None],
        none,
        none,
        none,
    )
