"""``spine bench model``: a printable model with all checks, beside a plain way to a file, each in its own process."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from SpineLab.bench.child import measure_apart
from SpineLab.bench.memory import peak_gb

# What each way needs is imported where it begins: the loading counts.

#: The mask, (k, j, i), and spacing along i, j, k, mm.
SHAPE, SPACING = (60, 512, 512), (0.4, 0.4, 1.0)
WAYS = ("checked", "plain")
#: The image's middle lies so far behind the middle of the body, because of the arch, mm.
_ARCH = 22.0


def measure(seed: int) -> dict:
    """Simulate the mask of a lumbar vertebra and measure both ways to an STL file, in processes of their own.

    "checked" is ``build_model`` with all checks, and ``write_model`` with all of them again on the file. "plain" is
    skimage's marching cubes on the mask and the same STL writer: no smoothing, no decimation, no check. The seconds
    begin when the mask is read, and the loading of the libraries that a way needs counts; "process" is the whole
    process with its start.
    """
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as folder:
        print("Simulating the vertebra ...", file=sys.stderr, flush=True)
        figures = _apart(folder, "simulate", str(seed))  # a process of its own: its memory must not count
        for way in WAYS:
            print(f"Measuring {way} ...", file=sys.stderr, flush=True)
            started = time.perf_counter()
            one = _apart(folder, way)
            figures[way] = one | {"process": time.perf_counter() - started}
    return {
        "kind": "model",
        "shape": list(SHAPE),
        "spacing_mm": list(SPACING),
        "simulated": True,
        "seed": seed,
        **figures,
        "times_the_plain_way": figures["checked"]["seconds"] / figures["plain"]["seconds"],
    }


def _apart(*arguments: str) -> dict:
    return measure_apart("SpineLab.bench.model", *arguments, advice="choose another --seed")


def simulated_vertebra(seed: int):
    """A mask (uint8, :data:`SHAPE`) of a whole simulated lumbar vertebra in the middle of the image."""
    from SpineLib.phantom.bone import body_distance, posterior_distance
    from SpineLib.phantom.spine import draw_spine
    from SpineLib.volume import Volume

    vertebra = min(draw_spine(np.random.default_rng(seed), "L2", 20.0), key=lambda one: np.linalg.norm(one.centre))
    k, j, i = np.meshgrid(
        *(
            (np.arange(count, dtype=np.float32) - (count - 1) / 2) * side
            for count, side in zip(SHAPE, SPACING[::-1], strict=True)
        ),
        indexing="ij",
        sparse=True,
    )
    u, v, w = i, j + np.float32(_ARCH), k
    wall, plates = body_distance(vertebra, u, v, w)
    bone = np.minimum(np.maximum(wall, plates), posterior_distance(vertebra, u, v, w))
    return Volume((bone < 0).astype(np.uint8), SPACING)


def measure_here(folder: Path, way: str, seed: str = "1") -> dict:
    """In the child: simulate the mask, or one way from the mask to a file."""
    from SpineLib.volume import read_volume, write_volume

    if way == "simulate":
        mask = simulated_vertebra(int(seed))
        write_volume(mask, folder / "mask.nrrd")
        return {"mask_ml": float(mask.array.sum()) * mask.voxel_volume_ml}
    mask = read_volume(folder / "mask.nrrd", "mask")
    started, processor = time.perf_counter(), time.process_time()
    points, triangles, made = (_checked if way == "checked" else _plain)(mask, folder / f"{way}.stl")
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    resident = peak_gb()
    from SpineLib.mesh.gate import check_model
    from SpineLib.mesh.topology import merged

    report = check_model(*merged(points, triangles))
    return {
        "seconds": seconds,
        "model_seconds": made - started,
        "processor_seconds": processor,
        "resident_gb": resident,
        "triangles": len(triangles),
        "passed": report.passed,
        "volume_ml": next(check.value for check in report.checks if check.name == "volume"),
    }


def _checked(mask, path: Path):
    from SpineLib.mesh.model import build_model, write_model

    model = build_model(mask)
    made = time.perf_counter()
    write_model(model, path)
    return model.points, model.triangles, made


def _plain(mask, path: Path):
    from skimage.measure import marching_cubes

    from SpineLib.mesh.files import write_mesh

    points, triangles, _, _ = marching_cubes(mask.array, 0.5, spacing=mask.spacing[::-1])
    points = points[:, ::-1] + mask.origin
    made = time.perf_counter()
    write_mesh(points, triangles, path)
    return points, triangles, made


def told(figures: dict) -> str:
    """The figures in lines."""
    size = "x".join(str(n) for n in figures["shape"][::-1])
    lines = [
        f"Model of a mask of {size}, {figures['mask_ml']:.1f} ml (simulated vertebra)",
        "way       model s  with file s  processor s  process s  resident GB  triangles  volume ml  gate",
    ]
    for way in WAYS:
        one = figures[way]
        lines.append(
            f"{way:8} {one['model_seconds']:8.2f} {one['seconds']:12.2f} {one['processor_seconds']:12.2f} "
            f"{one['process']:10.2f} {one['resident_gb']:12.2f} {one['triangles']:10d} "
            f"{one['volume_ml']:10.2f}  {'passed' if one['passed'] else 'refused'}"
        )
    return "\n".join(
        [
            *lines,
            f"{figures['times_the_plain_way']:.1f} times the plain way's time, for smoothing, "
            "decimation within 0.1 mm and all checks, twice",
        ]
    )


if __name__ == "__main__":
    print(json.dumps(measure_here(Path(sys.argv[1]), *sys.argv[2:])))
