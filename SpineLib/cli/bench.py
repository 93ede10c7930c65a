"""``spine bench``: time and memory of the inner work, beside the plain way of running the same weights."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from SpineLib.errors import SpineError

HELP = "measure time and memory beside the plain way of running the same weights"
MODELS = {"2d": "mets-t1t2-2d", "3d": "mets-t1t2-3d"}
_SIZE, _SLICES, _SPACING = 384, 20, 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``spine bench``."""
    parser.add_argument(
        "task",
        choices=("segment", "phantom", "compare", "detect", "followup", "model", "inpaint"),
        help="what to measure",
    )
    parser.add_argument("--cases", type=int, default=12, help="phantom: patients to simulate (default: 12)")
    parser.add_argument("--processes", type=int, default=2, help="phantom: patients at a time (default: 2)")
    parser.add_argument("--model-2d", default=MODELS["2d"], help=f"model id or folder (default: {MODELS['2d']})")
    parser.add_argument("--model-3d", default=MODELS["3d"], help=f"model id or folder (default: {MODELS['3d']})")
    parser.add_argument(
        "--model", help="detect, inpaint: model id or folder (default: the first installed that can do it)"
    )
    parser.add_argument("--only", choices=("2d", "3d"), help="measure one kind only")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"), help="default: auto")
    parser.add_argument("--seed", type=int, default=1, help="which simulated patient or pair of masks (default: 1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures")


def run(args: argparse.Namespace) -> int:
    """Measure; returns 0."""
    figures, text = _WAYS[args.task](args)
    print(text)
    if args.json is not None:
        from SpineLib.tasks.output import write_text

        write_text(args.json, json.dumps(figures, indent=2) + "\n")
    return 0


def _measure_phantom(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLib.cli import bench_phantom

    if min(args.cases, args.processes) < 1:
        raise SpineError("--cases and --processes must be at least 1.")
    figures = bench_phantom.measure(args.cases, args.processes)
    return [figures], bench_phantom.sentence(figures)


def _measure_compare(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLib.cli import bench_compare

    figures = bench_compare.measure(args.seed)
    return [figures], bench_compare.table(figures)


def _measure_segment(args: argparse.Namespace) -> tuple[list[dict], str]:
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


def _measure_detect(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLib.cli import bench_detect

    figures = bench_detect.measure(args.model, args.device, args.seed)
    return [figures], bench_detect.sentence(figures)


def _measure_followup(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLib.cli import bench_followup

    figures = bench_followup.measure(args.seed, args.device)
    return [figures], bench_followup.sentence(figures)


def _measure_model(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLib.cli import bench_model

    figures = bench_model.measure(args.seed)
    return [figures], bench_model.table(figures)


def _measure_inpaint(args: argparse.Namespace) -> tuple[list[dict], str]:
    from SpineLib.cli import bench_inpaint

    figures = bench_inpaint.measure(args.model, args.seed)
    return [figures], bench_inpaint.sentence(figures)


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
    command = [sys.executable, "-m", "SpineLib.cli.bench", str(folder), kind, way, model, device]
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

    from SpineLib.tasks.segment import SegmentSettings, segment
    from SpineLib.volume import read_volume

    sequences = {name: read_volume(folder / f"{name}.nrrd", name) for name in ("T1", "T2")}
    bundle, note = _bundle(folder, kind, model)
    started = time.perf_counter()
    if way == "fast":
        result = segment(sequences, bundle, SegmentSettings(device=device))
        mask, precision = result.mask.array, result.provenance["precision"]
        device = result.provenance["device"]
    else:
        from SpineLib.cli.bench_plain import plain

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


def peak_gb() -> float:
    """Largest resident memory of this process, GB."""
    if sys.platform == "win32":
        import ctypes
        from ctypes import wintypes

        counters = (ctypes.c_size_t * 10)()
        process = ctypes.windll.kernel32.GetCurrentProcess
        process.restype = wintypes.HANDLE
        ctypes.windll.psapi.GetProcessMemoryInfo(wintypes.HANDLE(process()), counters, ctypes.sizeof(counters))
        return counters[1] / 1e9  # PeakWorkingSetSize, behind cb and PageFaultCount
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


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


_WAYS = {
    "segment": _measure_segment,
    "phantom": _measure_phantom,
    "compare": _measure_compare,
    "detect": _measure_detect,
    "followup": _measure_followup,
    "model": _measure_model,
    "inpaint": _measure_inpaint,
}

if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), *sys.argv[2:])))
