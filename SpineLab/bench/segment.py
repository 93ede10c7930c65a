"""``spine bench segment``: time and memory of a segmentation, beside the plain way of running the same weights."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from SpineLab.bench.memory import peak_gb
from SpineLib.errors import SpineError

MODELS = {"2d": "mets-t1t2-2d", "3d": "mets-t1t2-3d"}
_SIZE, _SLICES, _SPACING = 384, 20, 1.0


def measure_segment(args: argparse.Namespace) -> tuple[list[dict], str]:
    """Each kind and way in its own child process."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as name:
        folder = Path(name)
        _write_case(folder, args.seed)
        for kind in (args.only,) if args.only else ("2d", "3d"):
            model = args.model_2d if kind == "2d" else args.model_3d
            results = {way: _child(folder, kind, way, model, args.device) for way in ("fast", "plain")}
            figures.append(
                {
                    "kind": kind,
                    "dice": _dice(folder, kind),
                    **results,
                    "times_faster": results["plain"]["seconds"] / results["fast"]["seconds"],
                }
            )
    return figures, _table(figures)


def _write_case(folder: Path, seed: int) -> None:
    """T1 and T2 of a simulated patient, 384 x 384 x 20."""
    from SpineLib.phantom import PhantomSettings, simulate
    from SpineLib.volume import write_volume

    settings = PhantomSettings(matrix=_SIZE, slices=_SLICES, spacing=_SPACING, healthy=0.0, motion=False)
    case = simulate(seed, settings)
    for name in ("T1", "T2"):
        write_volume(case.images[name], folder / f"{name}.nrrd")


def _child(folder: Path, kind: str, way: str, model: str, device: str) -> dict:
    print(f"Measuring {kind}, {way} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "SpineLab.bench.segment", str(folder), kind, way, model, device]
    root = str(Path(__file__).resolve().parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": paths})
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["the process was killed"])[-1]
        raise SpineError(f"Measuring failed ({last}); close other programs or choose another model.")
    return json.loads(done.stdout.splitlines()[-1])


def measure(folder: Path, kind: str, way: str, model: str, device: str) -> dict:
    """In the child: the inner work (preparation, network, mask, lesions) of one way; writes the mask."""
    import numpy as np

    from SpineLib.tasks.segmentation.segment import SegmentSettings, segment
    from SpineLib.volume import read_volume

    sequences = {name: read_volume(folder / f"{name}.nrrd", name) for name in ("T1", "T2")}
    bundle, note = _bundle(folder, kind, model)
    started = time.perf_counter()
    if way == "fast":
        result = segment(sequences, bundle, SegmentSettings(device=device))
        mask, precision = result.mask.array, result.provenance["precision"]
        device = result.provenance["device"]
    else:
        from SpineLab.bench.plain import plain

        mask, precision, device = plain(sequences, bundle), "float32", "cpu"
    seconds = time.perf_counter() - started
    np.save(folder / f"{kind}-{way}.npy", mask)
    import torch

    return {
        "seconds": seconds,
        "resident_gb": peak_gb(),
        "precision": precision,
        "device": device,
        "model": bundle.card.id,
        "note": note,
        "threads": torch.get_num_threads(),
    }


def _bundle(folder: Path, kind: str, model: str):
    """The model; where the default one is not installed, a network with random weights of a fixed seed."""
    from SpineLib.models import ModelCard, find_bundle, list_bundles, save_bundle
    from SpineLib.preprocess import Preparation

    if model != MODELS[kind] or any(card.id == model for _, card in list_bundles()):
        bundle = find_bundle(model)
        if bundle.card.network["dimensions"] != int(kind[0]) or set(bundle.card.inputs) > {"T1", "T2"}:
            raise SpineError(f"The model '{bundle.card.id}' is no {kind} model of T1 and T2; choose another one.")
        return bundle, ""
    import torch

    from SpineLib.networks.unet import UNet

    torch.manual_seed(0)
    dimensions = int(kind[0])
    network = UNet(dimensions, 2)
    with torch.no_grad():  # a mask that is neither empty nor full
        network.last.weight.sub_(network.last.weight.mean()).mul_(20)
        network.last.bias.zero_()
    card = ModelCard(
        id=f"random-{kind}",
        title="Random weights",
        task="metastasis-segmentation",
        network={"type": "unet", "dimensions": dimensions, "inputs": 2, "widths": [16, 32, 64, 128, 160]},
        inputs=("T1", "T2"),
        preparation=Preparation(in_plane_spacing=_SPACING).to_dict(),
        patch=(128, 128) if dimensions == 2 else (64, 128, 128),
        licence="none",
        training_data={"simulated": True, "description": "none: random weights"},
    )
    return save_bundle(folder / card.id, network, card), f"{model} is not installed: random weights"


def _dice(folder: Path, kind: str) -> float:
    import numpy as np

    from SpineLib.metrics.overlap import overlap

    return overlap(*(np.load(folder / f"{kind}-{way}.npy") for way in ("plain", "fast"))).dice


def _table(figures: list[dict]) -> str:
    lines = [
        f"T1+T2, {_SIZE}x{_SIZE}x{_SLICES}, {figures[0]['fast']['threads']} threads (simulated patient)",
        "      way     seconds  resident GB  precision  device  times faster  Dice fast/plain",
    ]
    for one in figures:
        for way in ("fast", "plain"):
            row = one[way]
            last = f"{one['times_faster']:12.1f}  {one['dice']:15.4f}" if way == "fast" else ""
            lines.append(
                f"{one['kind']:4}  {way:6} {row['seconds']:8.1f} {row['resident_gb']:12.2f}  "
                f"{row['precision']:9}  {row['device']:6}  {last}".rstrip()
            )
        lines += [f"      {one['fast']['note'] or one['fast']['model']}"]
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *sys.argv[2:])))
