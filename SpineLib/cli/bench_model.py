"""``spine bench model``: a printable model with all checks, beside a plain way to a file, each in its own process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from SpineLib.errors import SpineError

#: The mask, (k, j, i), and spacing along i, j, k, mm.
SHAPE, SPACING = (60, 512, 512), (0.4, 0.4, 1.0)
WAYS = ("checked", "plain")
#: The image's middle lies so far behind the middle of the body, because of the arch, mm.
_ARCH = 22.0


def measure(seed: int) -> dict:
    """Simulate the mask of a lumbar vertebra and measure both ways to an STL file, in processes of their own.

    "checked" is ``build_model`` with all checks, and ``write_model`` with all of them again on the file. "plain" is
    skimage's marching cubes on the mask and the same STL writer: no smoothing, no decimation, no check. The seconds
    begin when the mask is read and the libraries are loaded; "process" is the whole process with its start.
    """
    from SpineLib.volume import write_volume

    figures = {}
    with tempfile.TemporaryDirectory(prefix="spine-bench-") as name:
        folder = Path(name)
        print("Simulating the vertebra ...", file=sys.stderr, flush=True)
        mask = simulated_vertebra(seed)
        write_volume(mask, folder / "mask.nrrd")
        root = str(Path(__file__).resolve().parents[2])
        paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        for way in WAYS:
            print(f"Measuring {way} ...", file=sys.stderr, flush=True)
            started = time.perf_counter()
            done = subprocess.run([sys.executable, "-m", "SpineLib.cli.bench_model", name, way], text=True,
                                  capture_output=True, env=os.environ | {"PYTHONPATH": paths}, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["the process was killed"])[-1]
                raise SpineError(f"Measuring failed ({last}); close other programs or choose another --seed.")
            figures[way] = json.loads(done.stdout.splitlines()[-1]) | {"process": time.perf_counter() - started}
    return {"kind": "model", "shape": list(SHAPE), "spacing_mm": list(SPACING), "simulated": True, "seed": seed,
            "mask_ml": float(mask.array.sum()) * mask.voxel_volume_ml, **figures,
            "times_the_plain_way": figures["checked"]["seconds"] / figures["plain"]["seconds"]}


def simulated_vertebra(seed: int):
    """A mask (uint8, :data:`SHAPE`) of a whole simulated lumbar vertebra in the middle of the image."""
    import numpy as np

    from SpineLib.phantom.bone import body_distance, posterior_distance
    from SpineLib.phantom.spine import draw_spine
    from SpineLib.volume import Volume

    vertebra = min(draw_spine(np.random.default_rng(seed), "L2", 20.0), key=lambda one: np.linalg.norm(one.centre))
    k, j, i = np.meshgrid(*((np.arange(count, dtype=np.float32) - (count - 1) / 2) * side
                            for count, side in zip(SHAPE, SPACING[::-1], strict=True)), indexing="ij", sparse=True)
    u, v, w = i, j + np.float32(_ARCH), k
    wall, plates = body_distance(vertebra, u, v, w)
    bone = np.minimum(np.maximum(wall, plates), posterior_distance(vertebra, u, v, w))
    return Volume((bone < 0).astype(np.uint8), SPACING)


def measure_here(folder: Path, way: str) -> dict:
    """In the child: one way from the mask to a checked file."""
    from SpineLib.cli.bench import peak_gb
    from SpineLib.mesh.files import write_mesh
    from SpineLib.mesh.gate import check_model
    from SpineLib.mesh.model import as_in_files, build_model, write_model
    from SpineLib.volume import read_volume

    mask = read_volume(folder / "mask.nrrd", "mask")
    started = time.perf_counter()
    if way == "checked":
        model = build_model(mask)
        made = time.perf_counter() - started
        write_model(model, folder / "checked.stl")
        seconds, resident, processor = time.perf_counter() - started, peak_gb(), time.process_time()
        points, triangles, report = model.points, model.triangles, model.report
    else:
        from skimage.measure import marching_cubes

        points, triangles, _, _ = marching_cubes(mask.array, 0.5, spacing=mask.spacing[::-1])
        points, triangles = points[:, ::-1] + mask.origin, triangles[:, ::-1]
        made = time.perf_counter() - started
        write_mesh(points, triangles, folder / "plain.stl")
        seconds, resident, processor = time.perf_counter() - started, peak_gb(), time.process_time()
        points, triangles = as_in_files(points, triangles)
        report = check_model(points, triangles)
    return {"seconds": seconds, "model_seconds": made, "processor_seconds": processor, "resident_gb": resident,
            "triangles": len(triangles), "passed": report.passed,
            "volume_ml": next(check.value for check in report.checks if check.name == "volume")}


def table(figures: dict) -> str:
    """The figures in lines."""
    size = "x".join(str(n) for n in figures["shape"][::-1])
    lines = [f"Model of a mask of {size}, {figures['mask_ml']:.1f} ml (simulated vertebra)",
             "way       model s  with file s  processor s  process s  resident GB  triangles  volume ml  gate"]
    for way in WAYS:
        one = figures[way]
        lines.append(f"{way:8} {one['model_seconds']:8.2f} {one['seconds']:12.2f} {one['processor_seconds']:12.2f} "
                     f"{one['process']:10.2f} {one['resident_gb']:12.2f} {one['triangles']:10d} "
                     f"{one['volume_ml']:10.2f}  {'passed' if one['passed'] else 'refused'}")
    return "\n".join([*lines, f"{figures['times_the_plain_way']:.1f} times the plain way's time, for smoothing, "
                              "decimation within 0.1 mm and all checks, twice"])


if __name__ == "__main__":
    print(json.dumps(measure_here(Path(sys.argv[1]), sys.argv[2])))
