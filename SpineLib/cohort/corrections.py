"""A user's own corrected patients: a cohort as any other, and beside each patient what a model had said first.

``sub-001/anat``, ``derivatives/labels/sub-001/anat`` with the corrected mask and the model's first one, and
``sub-001_correction.json``. No name, date, identifier or free text of a patient is written. ``learning/`` holds what
was made of the patients: ``state.json`` tells which model is in use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from SpineLib.cohort.layout import correction_path, patients
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.user_data import user_data
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object
from SpineLib.volume.volume import Volume

#: The mask that is corrected, by what a model looks for.
LABEL_OF_TARGET = {"metastasis": "lesion", "necrosis": "necrosis"}
#: Beside the patients: training, comparison, state.
WORK = "learning"
_STATE, _COMPARISON = "state.json", "comparison.json"


@dataclass(frozen=True)
class FirstResult:
    """How far what the model had said first was from the correction.

    Attributes:
        dice: of both masks, 0 to 1; None where both are empty.
        added: lesions that the user added: the first result had covered less than a tenth of each.
        removed: lesions of the first result that touch nothing of the correction.
        kept: the others.
    """

    dice: float | None
    added: int
    removed: int
    kept: int


@dataclass(frozen=True)
class Correction:
    """One patient of the training set.

    Attributes:
        patient: "sub-001".
        person: patient whose first entry this is, for those with several studies: they are never parted into trained on
            and tested on.
        number: how many were added before it; the order of the trend (there are no dates).
        images: SHA-256 of each sequence's voxels and grid, by which the same patient is known again.
        label: "lesion" or "necrosis".
        lesions: in the correction.
        simulated: whether the images are.
        model: id, version and SHA-256 of the model whose result was corrected; empty if there was none.
        first: None if there was none.
    """

    patient: str
    person: str
    number: int
    images: dict[str, str]
    label: str
    lesions: int
    simulated: bool = False
    model: dict[str, str] = field(default_factory=dict)
    first: FirstResult | None = None

    def to_dict(self) -> dict[str, Any]:
        """What stands in ``sub-001_correction.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Correction:
        """The inverse of :meth:`to_dict`.

        Raises:
            KeyError, TypeError, ValueError: it is no such file.
        """
        first = values.get("first")
        return cls(**{**values, "first": FirstResult(**first) if first else None})


def corrections_folder(target: str) -> Path:
    """Where a user's corrected patients lie: in the environment's SPINE_CORRECTIONS, else with the user's own data.

    Args:
        target: "metastasis" or "necrosis".

    Raises:
        SpineError: the system knows no home folder of this user.
    """
    return user_data("Corrections", "SPINE_CORRECTIONS") / target


def read_corrections(folder: Path) -> list[Correction]:
    """The patients of a training set in the order in which they were added; none where there is no folder.

    Raises:
        SpineError: what is said of a patient is damaged.
    """
    found = []
    for name in patients(folder):
        path = correction_path(folder, name)
        if not path.is_file():
            continue  # another cohort's patient, or half removed
        try:
            found.append(Correction.from_dict(json_object(path)))
        except (KeyError, TypeError, ValueError) as error:
            raise SpineError(
                f"'{path.name}' of the training set is damaged: remove that patient and add it again."
            ) from error
    return sorted(found, key=lambda one: one.number)


def image_key(volume: Volume) -> str:
    """SHA-256 of voxels and grid; the same for the same image whatever its file's name and format."""
    grid = np.round(volume.ijk_to_lps, 2) + 0.0  # no -0
    digest = hashlib.sha256(repr((volume.shape, grid.tolist())).encode())
    digest.update(np.ascontiguousarray(volume.array.astype(np.float32)).tobytes())
    return digest.hexdigest()


def known_as(corrections: Sequence[Correction], keys: Mapping[str, str]) -> Correction | None:
    """The patient that was added before with any of these images.

    Raises:
        SpineError: the images are of several patients of the set.
    """
    wanted = set(keys.values())
    found = [one for one in corrections if wanted & set(one.images.values())]
    if len(found) > 1:
        raise SpineError(
            f"The images are of {len(found)} patients of the training set ({', '.join(one.patient for one in found)}): "
            "give images of one patient; if they are of one, remove the others first."
        )
    return found[0] if found else None


@dataclass(frozen=True)
class LearningState:
    """Which model is in use, and what waits for the user's word.

    Attributes:
        in_use: id of the local model that was accepted last; "" for the model that learning starts from.
        former: ids that were in use before, the last one last; "" among them is the model that learning starts from.
        base: id of that model.
        trained: how many local models were made.
        proposed: id of the model that was trained and neither accepted nor dropped; "" for none.
    """

    in_use: str = ""
    former: tuple[str, ...] = ()
    base: str = ""
    trained: int = 0
    proposed: str = ""


def read_state(folder: Path) -> LearningState:
    """The state of a training set; a fresh one where there is none."""
    values = json_object(folder / WORK / _STATE)
    try:
        return LearningState(**{**values, "former": tuple(values.get("former", ()))})
    except TypeError:
        return LearningState()


def write_state(folder: Path, state: LearningState) -> None:
    """Keep the state.

    Raises:
        SpineError: it cannot be written.
    """
    _keep(folder, _STATE, asdict(state))


def is_begun(folder: Path) -> bool:
    """Whether a fine-tuning was begun and not finished; the next one goes on there."""
    return (folder / WORK / "run").is_dir()


def read_comparison(folder: Path) -> dict[str, Any]:
    """The former and the proposed model side by side, as the last fine-tuning wrote it; empty where there is none."""
    return json_object(folder / WORK / _COMPARISON)


def write_comparison(folder: Path, comparison: Mapping[str, Any]) -> None:
    """Keep it.

    Raises:
        SpineError: it cannot be written.
    """
    _keep(folder, _COMPARISON, comparison)


def _keep(folder: Path, name: str, values: Mapping[str, Any]) -> None:
    (folder / WORK).mkdir(parents=True, exist_ok=True)
    write_text(folder / WORK / name, json_text(values))
