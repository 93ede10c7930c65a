"""``spine bench segment``: time and memory of a segmentation, beside the plain way of running the same weights."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from SpineLab.bench import MODELS
from SpineLab.bench.bundles import bundle_or_random
from SpineLab.bench.child import measure_apart
from SpineLab.bench.memory import peak_gb
from SpineLab.bench.plain import plain
from SpineLib.metrics.overlap import overlap
from SpineLib.models import ModelBundle, ModelCard, list_bundles
from SpineLib.networks.unet import WIDTHS, UNet
from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.preprocess import Preparation
from SpineLib.tasks.segmentation.placed import segment_placed
from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
from SpineLib.volume import read_volume, write_volume

_SIZE, _SLICES, _SPACING = 384, 20, 1.0
#: With the column, its levels and only around its vertebrae, as users run it; the network alone; the plain way.
_WAYS = ("levels", "fast", "plain")


def measure(models: Mapping[str, str], device: str, seed: int, only: str | None = None) -> list[dict]:
    """Each kind ("2d", "3d", or the only one) and way in a child process of its own; ``models`` by kind."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as name:
        folder = Path(name)
        _write_case(folder, seed)
        for kind in (only,) if only else tuple(MODELS):
            results = {}
            for way in _WAYS:
                print(f"Measuring {kind}, {way} ...", file=sys.stderr, flush=True)
                results[way] = measure_apart("SpineLab.bench.segment", folder, kind, way, models[kind], device)
            figures.append(
                {
                    "kind": kind,
                    "dice": _dice(folder, kind),
                    **results,
                    "times_faster": results["plain"]["seconds"] / results["fast"]["seconds"],
                }
            )
    return figures


def _write_case(folder: Path, seed: int) -> None:
    """T1 and T2 of a simulated patient, 384 x 384 x 20."""
    settings = PhantomSettings(matrix=_SIZE, slices=_SLICES, spacing=_SPACING, healthy=0.0, motion=False)
    case = simulate(seed, settings)
    for name in ("T1", "T2"):
        write_volume(case.images[name], folder / f"{name}.nrrd")


def measure_here(folder: Path, kind: str, way: str, model: str, device: str) -> dict:
    """In the child: the inner work (column, preparation, network, mask, lesions) of one way; writes the mask."""
    sequences = {name: read_volume(folder / f"{name}.nrrd", name) for name in ("T1", "T2")}
    bundle, note = _bundle(folder, kind, model)
    started, worked = time.perf_counter(), time.process_time()
    if way != "plain":
        result = (segment_placed if way == "levels" else segment)(sequences, bundle, SegmentSettings(device=device))
        mask, precision = result.mask.array, result.provenance["precision"]
        device = result.provenance["device"]
    else:
        mask, precision, device = plain(sequences, bundle), "float32", "cpu"
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    np.save(folder / f"{kind}-{way}.npy", mask)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "resident_gb": peak_gb(),
        "precision": precision,
        "device": device,
        "model": bundle.card.id,
        "note": note,
        "threads": torch.get_num_threads(),
    }


def _bundle(folder: Path, kind: str, model: str) -> tuple[ModelBundle, str]:
    """The model; where the default one is not installed, a network with random weights of a fixed seed."""
    dimensions = int(kind[0])

    def suits(card: ModelCard) -> bool:
        return card.network.get("dimensions") == dimensions and set(card.inputs) <= {"T1", "T2"}

    def network() -> UNet:
        unet = UNet(dimensions, 2)
        with torch.no_grad():  # a mask that is neither empty nor full
            unet.last.weight.sub_(unet.last.weight.mean()).mul_(20)
            unet.last.get_parameter("bias").zero_()
        return unet

    missing = model == MODELS[kind] and not any(card.id == model for _, card in list_bundles())
    bundle, note = bundle_or_random(
        "" if missing else model,
        (lambda card: False) if missing else suits,
        f"is no {kind} model of T1 and T2",
        network,
        folder,
        id=f"random-{kind}",
        task="metastasis-segmentation",
        network={"type": "unet", "dimensions": dimensions, "inputs": 2, "widths": list(WIDTHS)},
        inputs=("T1", "T2"),
        preparation=Preparation(in_plane_spacing=_SPACING).to_dict(),
        patch=(128, 128) if dimensions == 2 else (64, 128, 128),
    )
    return bundle, f"{model} is not installed: {note}" if note else ""


def _dice(folder: Path, kind: str) -> float:
    return overlap(*(np.load(folder / f"{kind}-{way}.npy") for way in ("plain", "fast"))).dice


def told(figures: list[dict]) -> str:
    lines = [
        f"T1+T2, {_SIZE}x{_SIZE}x{_SLICES}, {figures[0]['fast']['threads']} threads (simulated patient)",
        "      way     seconds  CPU seconds  resident GB  precision  device  times faster  Dice fast/plain",
    ]
    for one in figures:
        for way in _WAYS:
            row = one[way]
            last = f"{one['times_faster']:12.1f}  {one['dice']:15.4f}" if way == "fast" else ""
            lines.append(
                f"{one['kind']:4}  {way:6} {row['seconds']:8.1f} {row['cpu_seconds']:12.1f} "
                f"{row['resident_gb']:12.2f}  {row['precision']:9}  {row['device']:6}  {last}".rstrip()
            )
        lines += [f"      {one['fast']['note'] or one['fast']['model']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(measure_here(Path(sys.argv[1]), *sys.argv[2:])))
