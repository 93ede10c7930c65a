"""Weights of a PyTorch file without running what stands in it: torch's restricted reader, in a process of its own.

``weights_only=True`` builds tensors, numbers, texts, lists and dictionaries, and refuses everything else by name; the
process gets no more than the two file names and leaves a safetensors file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from SpineLib.errors import SpineError

if TYPE_CHECKING:
    import torch

_SECONDS = 600
_REFUSED = 3


def read_foreign_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a ``.safetensors``, ``.pth`` or ``.pt`` file by name.

    Raises:
        SpineError: it cannot be read, or holds anything but tensors and plain values.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "weights.safetensors"
            command = [sys.executable, str(Path(__file__).resolve()), str(path), str(target)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
            if done.returncode == _REFUSED:
                raise SpineError(
                    f"'{path.name}' holds more than weights ({done.stdout.strip()[:200]}), which is not run; ask for a "
                    "safetensors file of it."
                )
            if done.returncode:
                raise SpineError(f"'{path.name}' is no readable PyTorch file of weights; get it again.")
            return {name: value.clone() for name, value in load_file(target).items()}
    except (OSError, SafetensorError) as error:
        raise SpineError(f"'{path.name}' is no readable file of weights; get it again.") from error
    except subprocess.TimeoutExpired as error:
        raise SpineError(f"'{path.name}' took too long to read; ask for a safetensors file of it.") from error


def _main(source: str, target: str) -> int:
    import pickle

    import numpy as np
    import torch
    from safetensors.torch import save_file

    # Training programs keep losses as numpy numbers; these hold no code.
    scalar = getattr(np, "_core", None) or np.core
    plain = [np.dtype, scalar.multiarray.scalar, *(type(np.dtype(kind)) for kind in ("f4", "f8", "i4", "i8", "?"))]
    try:
        with torch.serialization.safe_globals(plain):
            known = torch.load(source, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        print(next((line for line in str(error).splitlines() if "GLOBAL" in line), "not readable").strip())
        return _REFUSED
    for key in ("network_weights", "state_dict", "model"):  # nnU-Net, Lightning, MONAI's CheckpointSaver
        if isinstance(known, dict) and isinstance(known.get(key), dict):
            known = known[key]
    if not isinstance(known, dict) or not all(isinstance(value, torch.Tensor) for value in known.values()):
        print("no state of a network")
        return _REFUSED
    save_file({str(name): value.detach().clone().contiguous() for name, value in known.items()}, target)
    return 0


if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    sys.exit(_main(*sys.argv[1:]))
