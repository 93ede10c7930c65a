"""``spine bench detect``: a whole case at once, beside the same weights patch by patch."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import cast

import numpy as np
import torch

from SpineLab.bench.bundles import bundle_or_random
from SpineLab.bench.child import measure_apart
from SpineLab.bench.memory import peak_gb
from SpineLib.models import ModelBundle, ModelCard
from SpineLib.networks.siamese import PATCH, Siamese
from SpineLib.phantom import PhantomSettings, simulate
from SpineLib.preprocess.pyramid import make_pyramid
from SpineLib.tasks.detection.detect import DetectSettings, detect
from SpineLib.tasks.detection.likelihood import patchwise
from SpineLib.volume import read_volume, write_volume

#: The paper's case (section 3.1): 13 sagittal slices, 340 x 340 mm.
SIZE, SLICES = 340, 13
#: Places that are run patch by patch; the rest is extrapolated.
PLACES = 512


def measure(model: str | None, device: str, seed: int, places: int = PLACES) -> dict:
    """Simulate the case, measure in a child process of its own, and return its figures."""
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as name:
        folder = Path(name)
        print("Simulating the case ...", file=sys.stderr, flush=True)
        _write_case(folder, seed)
        print("Measuring ...", file=sys.stderr, flush=True)
        return measure_apart("SpineLab.bench.detect", folder, model or "", device, str(places))


def measure_here(folder: Path, model: str, device: str, places: int) -> dict:
    """In the child: the whole case with ``detect`` as users run it, in the vertebral column with its mirror images; the
    middle half without them; then some places of that patch by patch, float32 on the CPU, which are compared with it.
    """
    image, (bundle, note) = read_volume(folder / "STIR.nrrd", "STIR"), _bundle(folder, model)
    started = time.perf_counter()
    detect(image, bundle, DetectSettings(device=device, column=True))
    as_used, resident = time.perf_counter() - started, peak_gb()
    started, processor = time.perf_counter(), time.process_time()
    found = detect(image, bundle, DetectSettings(device=device, mirror=False))
    seconds, processor = time.perf_counter() - started, time.process_time() - processor

    network = cast(Siamese, bundle.network())
    pyramid = make_pyramid(image, "STIR", network.scales, PATCH, bundle.card.preparation["normalisation"])
    slices, rows, columns = pyramid.shape
    middle = slices // 2
    images = {scale: one[middle] for scale, one in pyramid.images.items()}
    rng = np.random.default_rng(0)
    chosen = np.c_[rng.integers(0, rows, places), rng.integers(columns // 4, columns // 4 + columns // 2, places)]

    def prepare(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, np.float32))

    with torch.inference_mode():
        patchwise(images, network, chosen[:8], prepare, whiten=False)  # what is made only once does not count
        started, of_patches = time.perf_counter(), time.process_time()
        single = patchwise(images, network, chosen, prepare, whiten=False)
        sample, of_patches = time.perf_counter() - started, time.process_time() - of_patches
    share = places / (slices * rows * (columns // 2))
    difference = np.abs(found.single.array[middle][tuple(chosen.T)] - single).max()
    return {
        "kind": "detect",
        "size": [slices, rows, columns],
        "model": bundle.card.id,
        "note": note,
        "seconds_as_used": as_used,
        "seconds": seconds,
        "processor_seconds": processor,
        "resident_gb": resident,
        "precision": found.provenance["precision"],
        "device": found.provenance["device"],
        "threads": torch.get_num_threads(),
        "places_sampled": places,
        "sample_seconds": sample,
        "patchwise_seconds_extrapolated": sample / share,
        "times_faster": sample / share / seconds,
        "times_less_processor_time": of_patches / share / processor,
        "largest_difference": float(difference),
    }


def told(figures: dict) -> str:
    """The figures in lines."""
    s, rows, columns = figures["size"]
    return (
        f"{s} slices of {rows} x {columns} mm at 1 mm, STIR (simulated patient), "
        f"{figures['note'] or figures['model']}, {figures['threads']} threads\n"
        f"the vertebral column with mirror images, as users run it: {figures['seconds_as_used']:.1f} s, "
        f"{figures['resident_gb']:.2f} GB resident ({figures['precision']}, {figures['device']})\n"
        f"all places of the middle half at once, without mirror images: {figures['seconds']:.1f} s\n"
        f"patch by patch: {figures['patchwise_seconds_extrapolated']:.0f} s, extrapolated from "
        f"{figures['places_sampled']} places in {figures['sample_seconds']:.1f} s (float32, cpu)\n"
        f"{figures['times_faster']:.0f} times faster than that ({figures['times_less_processor_time']:.0f} times "
        f"less processor time); likelihoods differ by at most {figures['largest_difference']:.1e}"
    )


def _write_case(folder: Path, seed: int) -> None:
    settings = PhantomSettings(sequences=("STIR",), matrix=SIZE, slices=SLICES, spacing=1.0, healthy=0.0)
    write_volume(simulate(seed, settings).images["STIR"], folder / "STIR.nrrd")


def _suits(card: ModelCard) -> bool:
    return card.task == "metastasis-detection" and card.network["context"] == "margin" and card.inputs == ("STIR",)


def _bundle(folder: Path, model: str) -> tuple[ModelBundle, str]:
    return bundle_or_random(
        model,
        _suits,
        "is none for fat-suppressed T2 that can run over whole slices",
        Siamese,
        folder,
        id="random-detector",
        task="metastasis-detection",
        network={"type": "siamese", "context": "margin", "scales": [0.5, 1.0, 2.0]},
        inputs=("STIR",),
        preparation={"normalisation": "local", "smallest_area_cm2": 1.0},
        patch=PATCH,
    )


if __name__ == "__main__":
    print(json.dumps(measure_here(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))))
