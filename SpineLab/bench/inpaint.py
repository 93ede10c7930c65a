"""``spine bench inpaint``: a vertebra of 60 slices repaired by a GAN, all slices at once and one after the other.

Slice by slice is measured twice: with the networks as they were trained, run by torch's autocast, which is how the
paper's method is written down first; and in the form arranged for speed that all slices at once run in.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch

from SpineLab.bench.bundles import bundle_or_random
from SpineLab.bench.child import measure_apart
from SpineLab.bench.memory import peak_gb
from SpineLab.training.gan.ct_stacks import simulate_stacks
from SpineLab.training.gan.stacks import PART_MM, images_of
from SpineLab.training.gan.validation import hole_dice
from SpineLib.geometry.signed_distance import sampled
from SpineLib.inference.predict import choose_precision
from SpineLib.metrics.overlap import overlap
from SpineLib.models import ModelBundle
from SpineLib.networks.gan import Gan
from SpineLib.preprocess.vertebra_slices import PIXEL_MM as SIDE_MM
from SpineLib.preprocess.vertebra_slices import SLICE_SIZE
from SpineLib.tasks.inpainting.gan import GanSettings, inpaint_slices
from SpineLib.tasks.inpainting.inpaint import inpaint
from SpineLib.tasks.inpainting.settings import InpaintSettings
from SpineLib.volume import Volume

#: Slices of 1 mm, and the CT that they are cut from: pixels a side, and mm.
SLICES, MATRIX, PIXEL_MM = 60, 512, 0.39
#: So many of the slices are repaired one after the other; the time of all is extrapolated.
ALONE = 12
#: Each way is measured so many times, in turns; its best time counts.
ROUNDS = 3
#: Goals of the issue that set the task: seconds for the whole repair, and how many times faster all at once is.
GOAL_SECONDS, GOAL_TIMES = 30.0, 10.0
_TASK = "vertebra-inpainting"


def measure(model: str | None, seed: int) -> dict:
    """Measure in a child process of its own, and return its figures."""
    print("Measuring ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as folder:
        return measure_apart("SpineLab.bench.inpaint", folder, model or "", str(seed))


def measure_here(folder: Path, model: str, seed: int) -> dict:
    """In the child: the descent of all slices, of each slice by itself, and the whole repair of the vertebra."""
    bundle, note = _bundle(folder, model)
    network, kind = cast(Gan, bundle.network()), bundle.card.network["type"]
    images, labels, lesion = _vertebra(seed)
    known = _known(images)
    settings = GanSettings(probability=kind == "dcgan")

    def repaired(part: slice, fast: bool = True) -> np.ndarray:
        return inpaint_slices(
            images[part], known[part], network.generator, network.critic, replace(settings, fast=fast)
        )

    chosen = range(0, len(images), len(images) // ALONE)

    def one_by_one(fast: bool) -> tuple[np.ndarray, float, float]:
        found, *sample = _timed(lambda: np.concatenate([repaired(slice(n, n + 1), fast) for n in chosen]))
        return found, *(seconds * len(images) / len(chosen) for seconds in sample)

    for fast in (True, False):  # what is made once
        inpaint_slices(images[:2], known[:2], network.generator, network.critic, GanSettings(steps=3, fast=fast))
    # On a machine that does other things too, all have their share of its good and bad seconds.
    rounds = [(one_by_one(False), _timed(lambda: repaired(slice(None))), one_by_one(True)) for _ in range(ROUNDS)]
    plain, at_once, arranged = (
        (runs[0][0], *(min(run[part] for run in runs) for part in (1, 2))) for runs in zip(*rounds)
    )
    holes, masks = ~known[chosen], [found[0] > 0.5 for found in (at_once, plain, arranged)]
    masks[0] = masks[0][chosen]
    whole = _timed(lambda: inpaint(labels, lesion, 1, {_TASK: bundle}, InpaintSettings(method=kind)))
    return {
        "kind": "inpaint",
        "slices": len(images),
        "steps": settings.steps,
        "model": bundle.card.id,
        "note": note,
        "threads": torch.get_num_threads(),
        "precision": choose_precision(settings.precision, "cpu"),
        "seconds_at_once": at_once[1],
        "processor_seconds_at_once": at_once[2],
        "seconds_one_by_one_extrapolated": plain[1],
        "processor_seconds_one_by_one_extrapolated": plain[2],
        "seconds_one_by_one_arranged_extrapolated": arranged[1],
        "processor_seconds_one_by_one_arranged_extrapolated": arranged[2],
        "slices_one_by_one": len(chosen),
        "times_faster": plain[1] / at_once[1],
        "times_less_processor_time": plain[2] / at_once[2],
        "times_faster_than_arranged": arranged[1] / at_once[1],
        "dice_with_one_by_one": overlap(masks[1], masks[0]).dice,
        "dice_with_one_by_one_arranged": overlap(masks[2], masks[0]).dice,
        "differing_pixels": float((masks[0] != masks[1])[holes].mean()),
        "dice_in_the_hole": float(np.mean(hole_dice(images, at_once[0], known))),
        "seconds_whole_repair": whole[1],
        "processor_seconds_whole_repair": whole[2],
        "resident_gb": peak_gb(),
    }


def told(figures: dict) -> str:
    """The figures in lines."""
    return (
        f"A vertebra of {figures['slices']} slices (simulated), {figures['note'] or figures['model']}, "
        f"{figures['steps']} steps, {figures['threads']} threads, {figures['precision']}\n"
        f"all slices at once: {figures['seconds_at_once']:.1f} s ({figures['processor_seconds_at_once']:.1f} s of "
        f"processor time)\n"
        f"slice by slice: {figures['seconds_one_by_one_extrapolated']:.1f} s "
        f"({figures['processor_seconds_one_by_one_extrapolated']:.1f} s of processor time), extrapolated from "
        f"{figures['slices_one_by_one']} slices: all at once is {figures['times_faster']:.1f} times faster, goal "
        f"{GOAL_TIMES:g} ({figures['times_less_processor_time']:.1f} times less processor time)\n"
        f"slice by slice in the form of all at once: {figures['seconds_one_by_one_arranged_extrapolated']:.1f} s "
        f"({figures['processor_seconds_one_by_one_arranged_extrapolated']:.1f} s of processor time), "
        f"{figures['times_faster_than_arranged']:.1f} times\n"
        f"Dice of the repaired slices, at once and slice by slice: {figures['dice_with_one_by_one']:.4f}, in the "
        f"same form {figures['dice_with_one_by_one_arranged']:.4f}; {figures['differing_pixels']:.1%} of the "
        f"pixels in the hole differ\n"
        f"whole repair on {MATRIX}x{MATRIX}x{SLICES} labels, from labels to labels: "
        f"{figures['seconds_whole_repair']:.1f} s, goal {GOAL_SECONDS:g} s "
        f"({figures['processor_seconds_whole_repair']:.1f} s of processor time), "
        f"{figures['resident_gb']:.2f} GB resident\n"
        f"Dice with the truth inside the hole: {figures['dice_in_the_hole']:.2f}"
    )


def _timed(work):
    """What it returns, its seconds, and those of the processor."""
    started, processor = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - started, time.process_time() - processor


def _vertebra(seed: int):
    """60 slices of a simulated lumbar vertebra as images, its labels as a CT of 512 x 512 has them, and a lesion."""
    long = (stack for n in range(50) for stack in simulate_stacks(1000 * seed + n) if len(stack.distances) >= SLICES)
    stack = next(long)
    first = (len(stack.distances) - SLICES) // 2
    distances = stack.distances[first : first + SLICES]
    corner = -(SLICE_SIZE - 1) / 2 * SIDE_MM
    small = Volume(distances.astype(np.float32) * PART_MM, (SIDE_MM, SIDE_MM, 1.0), (corner, corner, 0.0))
    corner = -(MATRIX - 1) / 2 * PIXEL_MM
    grid = Volume(np.zeros((SLICES, MATRIX, MATRIX), np.uint8), (PIXEL_MM, PIXEL_MM, 1.0), (corner, corner, 0.0))
    labels = grid.with_array((sampled(small, grid, 8.0) < 0).astype(np.uint8))
    lesion = grid.with_array(
        (sampled(small.with_array((~_known(distances)).astype(np.float32)), grid, 0.0) > 0.5).astype(np.uint8)
    )
    return images_of(distances), labels, lesion


def _known(images):
    """Where nothing is missing: in each slice a hole of 16 x 16 pixels is, over the left pedicle and the body."""
    known = np.ones(images.shape, bool)
    known[:, 16:32, 34:50] = False
    return known


def _bundle(folder: Path, model: str) -> tuple[ModelBundle, str]:
    widths = (16, 32, 64, 128)
    return bundle_or_random(
        model,
        lambda card: card.task == _TASK,
        "is no GAN for vertebrae",
        lambda: Gan("wgan-gp", 48, widths),
        folder,
        id="random-gan",
        task=_TASK,
        inputs=("mask",),
        patch=(64, 64),
        preparation={},
        network={"type": "wgan-gp", "latent": 48, "widths": list(widths)},
    )


if __name__ == "__main__":
    print(json.dumps(measure_here(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
