"""A BIDS-like folder of patients with their lesion masks."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume import Volume

SUFFIXES = {"T1": "T1w", "T2": "T2w", "STIR": "STIR", "ceT1": "ce-gd_T1w"}
_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


@dataclass(frozen=True)
class Case:
    """One patient's files.

    Attributes:
        name: "sub-001".
        sequences: files by sequence name ("T1", "T2", "STIR", "ceT1"), those there are.
        labels: files by label: "lesion" (lesion ids), "reader1", "reader2", "vertebrae", "tissue"; those there are.
    """

    name: str
    sequences: dict[str, Path]
    labels: dict[str, Path]


@dataclass(frozen=True)
class Cohort:
    """The cases of a folder.

    Attributes:
        folder: where it lies.
        cases: in the order of their names.
        description: ``dataset_description.json``.
    """

    folder: Path
    cases: tuple[Case, ...]
    description: dict = field(default_factory=dict)

    @property
    def simulated(self) -> bool:
        """Whether the description calls the data simulated, by a key "Simulated" or in its name or text."""
        flag = self.description.get("Simulated", self.description.get("simulated"))
        return bool(flag) if flag is not None else "simulated" in json.dumps(self.description).lower()


def read_cohort(folder: str | Path, inputs: tuple[str, ...] = (), *, labels: tuple[str, ...] = ()) -> Cohort:
    """Find the cases of ``folder`` that have all ``inputs`` and all ``labels``.

    Raises:
        SpineError: the folder does not exist or holds no such case.
    """
    folder = Path(folder)
    cases = []
    for path in sorted(folder.glob("sub-*")):
        name, derived = path.name, folder / "derivatives" / "labels" / path.name / "anat"
        sequences = {key: _file(path / "anat", f"{name}_{suffix}") for key, suffix in SUFFIXES.items()}
        masks = {"lesion": "label-lesion_mask", "reader1": "desc-reader1_mask", "reader2": "desc-reader2_mask",
                 "vertebrae": "label-vertebrae_dseg", "tissue": "label-tissue_dseg"}
        case = Case(name, {key: file for key, file in sequences.items() if file},
                    {key: file for key, text in masks.items() if (file := _file(derived, f"{name}_{text}"))})
        if case.sequences and set(inputs) <= case.sequences.keys() and set(labels) <= case.labels.keys():
            cases.append(case)
    if not cases:
        raise SpineError(f"'{folder}' holds no case 'sub-*/anat' with {', '.join([*inputs, *labels]) or 'a sequence'}; "
                         "choose a folder as 'spine phantom' writes it.")
    try:
        description = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        description = {}
    return Cohort(folder, tuple(cases), description if isinstance(description, dict) else {})


def label_like(label: Volume, reference: Volume) -> np.ndarray:
    """A label's voxels (k, j, i) on the grid of ``reference``, by the nearest one; 0 where the label does not reach."""
    if label.same_grid(reference):
        return np.asarray(label.array)
    import SimpleITK as sitk

    def image(volume: Volume, array: np.ndarray) -> sitk.Image:
        made = sitk.GetImageFromArray(array)
        made.SetSpacing(volume.spacing)
        made.SetOrigin(volume.origin)
        made.SetDirection(volume.direction.ravel())
        return made

    return sitk.GetArrayFromImage(sitk.Resample(
        image(label, np.asarray(label.array)), image(reference, np.zeros(reference.shape, np.uint8)), sitk.Transform(),
        sitk.sitkNearestNeighbor, 0))


def _file(folder: Path, stem: str) -> Path | None:
    return next((folder / (stem + end) for end in _ENDINGS if (folder / (stem + end)).is_file()), None)
