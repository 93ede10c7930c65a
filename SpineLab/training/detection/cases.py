"""A cohort's cases as pyramids on disk, memory-mapped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLab.cohort.same import voxels_key
from SpineLab.training.cases import fingerprint, folder_beside, is_current, prepare_each, read_case, write_case
from SpineLab.training.detection.vertebrae import see_vertebrae, spine_model
from SpineLab.training.segmentation.dataset import label_on_grid
from SpineLib.cohort.masks import check_on_image, vertebrae_on
from SpineLib.cohort.mr import Case, Cohort
from SpineLib.errors import SpineError
from SpineLib.networks.siamese import PATCH
from SpineLib.preprocess.pyramid import make_pyramid
from SpineLib.progress import Progress, remark, silent
from SpineLib.tasks.detection.likelihood import middle
from SpineLib.volume import read_volume

#: What a place is; normal vertebra and background are what the paper draws normal samples from (section 2.4).
BACKGROUND, VERTEBRA, LESION = 0, 1, 2
_VERSION = 1


@dataclass(frozen=True, eq=False)
class DetectorCase:
    """One case in the cache; arrays are memory maps.

    Attributes:
        name: "sub-001".
        folder: where it lies in the cache.
        images: scale to float16 (s, rows, columns), as ``SpineLib.preprocess.pyramid`` makes them; only the slices that
            show a vertebra or a metastasis.
        kinds: uint8 (s, rows, columns) of places: BACKGROUND, VERTEBRA or LESION.
        lesions: uint8 (s, rows, columns), ids of metastases.
        spacing: of places along (s, rows, columns), mm.
    """

    name: str
    folder: Path
    images: dict[float, np.ndarray]
    kinds: np.ndarray
    lesions: np.ndarray
    spacing: tuple[float, float, float]

    @property
    def columns(self) -> slice:
        """The middle half along the antero-posterior axis (section 3.1)."""
        return middle(self.kinds.shape[2])


def cache_folder(
    cohort: Cohort, sequence: str, scales: Sequence[float], normalisation: str, root: Path | None = None
) -> Path:
    """The folder of the cases prepared in this way, beside the cohort unless ``root`` is given."""
    return folder_beside(
        cohort.folder, f"pyramids-{sequence}", _VERSION, sequence, list(scales), normalisation, root=root
    )


def prepare_cases(
    cohort: Cohort,
    sequence: str,
    scales: Sequence[float],
    normalisation: str,
    folder: Path,
    *,
    processes: int = 2,
    progress: Progress = silent,
) -> list[DetectorCase]:
    """Prepare all cases of the cohort that ``folder`` does not hold yet, and open them.

    Raises:
        SpineError: a case cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    todo = [case for case in cohort.cases if not _current(case, sequence, folder)]
    prepare_each(
        prepare_case,
        [(case, sequence, tuple(scales), normalisation, folder) for case in todo],
        processes,
        progress,
    )
    drawn_by = Counter(str(read_case(folder / case.name).get("vertebrae_from", "")) for case in cohort.cases)
    for model, count in drawn_by.items():
        if model:
            remark(
                f"{count} of {len(cohort.cases)} cases have no mask of the vertebrae; the model '{model}' found them."
            )
    return [open_case(folder / case.name) for case in cohort.cases]


def _current(case: Case, sequence: str, folder: Path) -> bool:
    facts: dict = {} if case.numbered else {"numbered": False}
    return is_current(folder / case.name, files=_files(case, sequence), **facts)


def prepare_case(case: Case, sequence: str, scales: tuple[float, ...], normalisation: str, folder: Path) -> None:
    """Prepare one case and write it to ``folder / case.name``; vertebrae that are not drawn are found by a model."""
    model = ""
    try:
        image = read_volume(case.sequences[sequence], sequence)
        pyramid = make_pyramid(image, sequence, scales, PATCH, normalisation)
        drawn = case.lesions()
        check_on_image(drawn, image)
        if "vertebrae" in case.labels:
            bones = vertebrae_on(case.labels["vertebrae"], image)
        else:
            bundle = spine_model()
            bones, model = see_vertebrae(image, bundle), bundle.card.id
    except SpineError as error:
        raise SpineError(f"Case {case.name}: {str(error).removeprefix(f'Case {case.name}: ')}") from error
    lesions = label_on_grid(drawn, pyramid.prepared)
    kinds = np.where(label_on_grid(bones, pyramid.prepared, binary=True), VERTEBRA, BACKGROUND).astype(np.uint8)
    kinds[lesions > 0] = LESION
    shown = kinds.any(axis=(1, 2))
    if not shown.any():
        raise SpineError(f"Case {case.name} shows neither a vertebra nor a metastasis; leave it out.")
    arrays: dict[str, np.ndarray] = {
        f"{scale:g}mm": image[shown].astype(np.float16) for scale, image in pyramid.images.items()
    }
    arrays |= {"kinds": kinds[shown], "lesions": lesions[shown]}
    facts = {
        "scales": list(scales),
        "spacing": [float(v) for v in pyramid.prepared.spacing],
        "files": _files(case, sequence),
        "numbered": case.numbered,
        "voxels": voxels_key(image),
        "vertebrae_from": model,
    }
    write_case(folder, case.name, arrays, facts)


def open_case(folder: Path) -> DetectorCase:
    """Map a prepared case into memory."""
    facts = read_case(folder)
    return DetectorCase(
        facts["name"],
        folder,
        {scale: np.load(folder / f"{scale:g}mm.npy", mmap_mode="r") for scale in facts["scales"]},
        np.load(folder / "kinds.npy"),
        np.load(folder / "lesions.npy"),
        tuple(facts["spacing"]),
    )


def _files(case: Case, sequence: str) -> list:
    files = [case.sequences[sequence], case.labels["lesion"], case.labels.get("vertebrae")]
    return fingerprint(file for file in files if file)
