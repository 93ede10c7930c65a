"""Simulated CTs as cases of the column's network: image, parts and instances at 2 mm in one ``.npz`` file each."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from SpineLib.geometry import resample
from SpineLib.geometry.orientation import Orientation
from SpineLib.phantom.ct.case import CtPhantom, CtSettings, simulate_ct
from SpineLib.phantom.ct.realshapes import read_chains
from SpineLib.processes import each_in_processes
from SpineLib.progress import Progress, silent
from SpineLib.volume import Volume

#: Voxels of a case, mm; and what its Hounsfield units are clipped to.
SPACING, LOWEST, HIGHEST = 2.0, -1000.0, 2000.0


def write_column_cases(
    folder: Path, cases: int, seed: int, shapes: Path | None = None, processes: int = 1, progress: Progress = silent
) -> None:
    """Write ``case-0001.npz`` to ``cases``; case n is drawn from (seed, n) alone, and those there are kept."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [n for n in range(1, cases + 1) if not (folder / f"case-{n:04d}.npz").exists()]
    if processes <= 1:
        for done, number in enumerate(wanted):
            progress(done / len(wanted), f"Case {done + 1} of {len(wanted)}")
            _write_one(folder, seed, shapes, number)
    else:
        work = [(folder, seed, shapes, number) for number in wanted]
        each_in_processes(
            _write_one, work, processes, lambda n: progress(n / len(wanted), f"{n} of {len(wanted)} cases")
        )
    progress(1.0, f"{cases} simulated cases")


def _write_one(folder: Path, seed: int, shapes: Path | None, number: int) -> None:
    chains = read_chains(shapes) if shapes is not None else ()
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    rng = np.random.default_rng([seed, number, 1])
    settings = varied(rng)
    case = column_case(simulate_ct(own, settings, chains if rng.random() < 0.93 else ()))
    path = folder / f"case-{number:04d}.npz"
    unfinished = path.with_name(path.name + ".part")  # a training that runs already never reads half of it
    with open(unfinished, "wb") as file:
        np.savez_compressed(file, **case)  # type: ignore[arg-type]
    os.replace(unfinished, path)


def varied(rng: np.random.Generator) -> CtSettings:
    """What a scan of the column may be: two vertebrae or the trunk, thin or thick slices, small or wide fields."""
    thickness = float(rng.choice((0.7, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0), p=(0.1, 0.2, *(0.15,) * 4, 0.05, 0.05)))
    length = float(
        rng.choice((rng.uniform(45, 110), rng.uniform(110, 220), rng.uniform(220, 340)), p=(0.2, 0.45, 0.35))
    )
    wide = float(rng.choice((rng.uniform(100, 170), rng.uniform(170, 260), rng.uniform(260, 400)), p=(0.4, 0.35, 0.25)))
    pixel = float(rng.uniform(0.8, 1.2))
    slices = max(8, round(length / thickness))
    matrix = int(min(wide / pixel, np.sqrt(5e6 / slices)))
    return CtSettings(
        matrix=max(96, matrix),
        slices=slices,
        thickness=thickness,
        spacing=pixel,
        healthy=0.25,
        metastases=(1, 4),
        metal=0.08,
        sagittal=0.06,
        arch=0.3,
        step=1.3,
    )


def column_case(case: CtPhantom) -> dict[str, np.ndarray]:
    """Arrays of a case: ``image`` float16 HU, ``parts``, ``instances`` uint8 (z, y, x), ``spacing`` mm, ``real``.

    z runs upwards, y backwards, x to the left. What a lesion took is background; what stands keeps its vertebra.
    """
    image = _regular(case.ct, False)
    return {
        "image": np.clip(image, LOWEST, HIGHEST).astype(np.float16),
        "parts": _regular(case.parts, True),
        "instances": _regular(case.vertebrae, True),
        "spacing": np.array([SPACING] * 3),
        "real": np.array(False),
    }


def _regular(volume: Volume, labels: bool) -> np.ndarray:
    """The volume's array (z, y, x) at SPACING: cubic with a low-pass, labels from the nearest voxel."""
    orientation = Orientation.of(volume)
    array = orientation.apply(volume.array).transpose(1, 2, 0)[::-1]
    steps = [volume.spacing[2 - axis] for axis in orientation.axes]
    for axis, own in enumerate((steps[1], steps[2], steps[0])):
        count = array.shape[axis]
        at = resample.positions(count, max(2, round(count * own / SPACING)), SPACING / own)
        if labels:
            array = np.take(array, resample.nearest(count, at), axis)
        else:
            matrix = resample.cubic(count, at)
            array = resample.along(np.ascontiguousarray(array, dtype=np.float32), matrix, axis)
    return np.ascontiguousarray(array)
