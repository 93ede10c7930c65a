"""A folder of simulated trunks, one ``.npz`` file each, as the training of the column reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.phantom.shapes import read_shapes
from SpineLib.phantom.trunk.case import draw_trunk
from SpineLib.progress import Progress, silent


def write_trunks(folder: Path, cases: int, seed: int, shapes: Path | None = None, progress: Progress = silent) -> None:
    """Simulate the cases that are not there yet.

    Args:
        folder: made where there is none.
        cases: number of files, ``trunk-0001.npz`` on.
        seed: of the first; the others follow.
        shapes: folder of label maps of real vertebrae, see :mod:`SpineLib.phantom.shapes`.
        progress: told of each case.

    Raises:
        SpineError: the folder can't be written, or ``shapes`` holds none.
    """
    real = read_shapes(shapes) if shapes is not None else []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for n in range(cases):
            progress(n / cases, f"Trunk {n + 1} of {cases}")
            path = folder / f"trunk-{n + 1:04d}.npz"
            if path.exists():
                continue
            unfinished = path.with_name(path.name + ".part")
            with open(unfinished, "wb") as file:
                np.savez_compressed(file, **draw_trunk(seed + n, real))  # type: ignore[arg-type]
            unfinished.replace(path)
    except OSError as error:
        raise SpineError(f"'{folder.name}' cannot be written ({error.strerror}); choose another folder.") from error
