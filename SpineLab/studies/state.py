"""A study's folder: what it is of, what is done already, and that nothing else is mixed into it."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import SpineLib
from SpineLab.cohort.same import voxels_key
from SpineLab.training.facts import write_json
from SpineLib.errors import SpineError
from SpineLib.json_text import plain
from SpineLib.sequences import SEQUENCES
from SpineLib.volume import read_volume
from SpineLib.volume.json_object import json_object
from SpineLib.volume.reading import files_behind, folder_and_series

_FILE = "study.json"
_ENDS, _PART = 1 << 16, 1 << 20


@dataclass(frozen=True)
class Patient:
    """One patient of a study.

    Attributes:
        name: "sub-001".
        origin: a word of :mod:`SpineLib.cohort.origin`.
        files: that the study reads of it, by what they are; None where it would read one and there is none.
        fold: that holds it out, from 0.
    """

    name: str
    origin: str
    files: Mapping[str, Path | None]
    fold: int = 0


class StudyFolder:
    """Where a study keeps what it has.

    Args:
        folder: made if it is not there.
        study: its name.
        budget: "small" or "paper".
        settings: JSON-able; all that its figures depend on beside the data.
        patients: of the data.

    Raises:
        SpineError: the folder holds a study of other data or settings, or something else; one patient stands in the
            data under two names and would be in two folds.
    """

    def __init__(self, folder: Path, study: str, budget: str, settings: Mapping[str, Any], patients: Sequence[Patient]):
        self.folder, self.study, self.budget, self.patients = folder, study, budget, tuple(patients)
        prints = {
            one.name: {key: _print(file) if file else None for key, file in one.files.items()} for one in patients
        }
        wanted = json.loads(json.dumps(plain({"study": study, "budget": budget, "settings": settings, "data": prints})))
        about = folder / _FILE
        known = json_object(about)
        if folder.exists() and not folder.is_dir():
            raise SpineError("The output is a file; choose a folder.")
        if not known and folder.exists() and any(folder.iterdir()):
            raise SpineError("The output folder holds something else than this study; choose an empty folder.")
        for key in ("study", "budget", "data", "settings") if known else ():
            if not (_same_data(known.get(key), wanted[key]) if key == "data" else known.get(key) == wanted[key]):
                what = {"data": "other data", "settings": "other settings"}.get(key, f"another {key}")
                raise SpineError(
                    f"The output folder holds a study of {what}; choose another folder, or ask for the same."
                )
        if not known:
            _refuse_doubles(patients)
        folder.mkdir(parents=True, exist_ok=True)
        self.begun = known.get("begun") or time.strftime("%Y-%m-%d %H:%M")
        self.facts = {**wanted, "begun": self.begun, "versions": versions()}
        write_json(about, self.facts)

    def part(self, *names: str) -> Path:
        """A folder or file in it; folders above are made."""
        path = self.folder.joinpath(*names)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def done(self, *names: str) -> Any:
        """What was kept under that name, or None: it has not been done yet."""
        path = self.folder.joinpath(*names).with_suffix(".json")
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def keep(self, value: Any, *names: str) -> Any:
        """Keep a JSON-able value under a name, in one go."""
        path = self.part(*names).with_suffix(".json")
        write_json(path, plain(value))
        return value


def versions() -> dict[str, str]:
    """Of what computes."""
    import torch

    return {
        "SpineOncology": SpineLib.__version__,
        "Python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"CPU, {torch.get_num_threads()} threads",
    }


def stratified(volumes: Mapping[str, float], folds: int, seed: int) -> dict[str, int]:
    """Each patient's fold: of nearly one size, each with its share of small and large lesions.

    Args:
        volumes: of each patient's lesions; 0 of a healthy one.
        folds: how many.

    Raises:
        SpineError: there are fewer patients than folds, or a fold would hold no patient with a lesion.
    """
    if len(volumes) < folds:
        raise SpineError(
            f"{folds} folds need at least {folds} patients and there are {len(volumes)}; give more of them."
        )
    ranked = sorted(volumes, key=lambda name: (-volumes[name], name))
    rng, chosen = np.random.default_rng([seed, 20]), {}
    for start in range(0, len(ranked), folds):
        for fold, name in zip(rng.permutation(folds), ranked[start : start + folds]):
            chosen[name] = int(fold)
    empty = [fold for fold in range(folds) if not any(volumes[name] > 0 for name, at in chosen.items() if at == fold)]
    if empty:
        raise SpineError(
            f"Fold {empty[0]} of {folds} would hold no patient with a lesion, so that it measures nothing; give more "
            "patients with lesions."
        )
    return chosen


def _same_data(kept: Any, wanted: Mapping[str, Mapping[str, str | None]]) -> bool:
    """By what was kept: studies begun before masks beside the one that is learned were looked at do not hold them."""
    return isinstance(kept, dict) and kept == {
        name: {key: value for key, value in own.items() if key in kept.get(name, {})} for name, own in wanted.items()
    }


def _print(file: Path) -> str:
    """Of what a file or a series holds; where it lies and when it was copied do not matter."""
    digest = hashlib.sha256((folder_and_series(file)[1] or "").encode())
    for path in files_behind(file):
        size = path.stat().st_size
        with open(path, "rb") as stream:
            digest.update(f"{size}:".encode() + stream.read(_ENDS))
            if path.suffix == ".gz" and size > 2 * _ENDS:  # it ends with its checksum
                stream.seek(-_ENDS, 2)
            while part := stream.read(_PART):
                digest.update(part)
    return digest.hexdigest()[:16]


def _refuse_doubles(patients: Sequence[Patient]) -> None:
    """By voxels: the same scan may lie there in another format, axis order or compression."""
    seen: dict[str, str] = {}
    for one in patients:
        for key, file in [(key, file) for key in _IMAGES if (file := one.files.get(key))]:
            try:
                first = seen.setdefault(voxels_key(read_volume(file, key)), one.name)
            except SpineError as error:
                raise SpineError(f"Case {one.name}: {error}") from error
            if first != one.name:
                raise SpineError(
                    f"{one.name} and {first} have the same {key} image: one patient would be in two folds; "
                    "leave one of them."
                )


#: Keys of files that are a patient's own; masks may be alike (empty).
_IMAGES = ("CT", *SEQUENCES)
