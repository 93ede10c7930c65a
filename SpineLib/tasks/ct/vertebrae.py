"""The vertebrae of a CT, one by one: by the column's network with the outlines of one that looks at slices, by either
alone, or by the user's choice of model."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from time import perf_counter

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle, load_bundle
from SpineLib.models.catalogue import VERTEBRA_TASKS, find_bundle, vertebra_models
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.tasks.column.find import TASK as COLUMN
from SpineLib.tasks.ct.checks import check_ct
from SpineLib.tasks.ct.completeness import NO_ARCH, foreign_notes, missing_parts
from SpineLib.tasks.ct.vertebrae_column import find_by_column
from SpineLib.tasks.ct.vertebrae_slices import find_by_slices
from SpineLib.tasks.provenance import provenance
from SpineLib.volume.levels import DOWNWARDS, FIRST_COUNTED, VERSE, level_name
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

TASK = "vertebra-segmentation"
_LIBRARIES = ("numpy", "scipy", "scikit-image", "SimpleITK", "torch")


@dataclass(frozen=True)
class VertebraeSettings(Settings):
    """What the user may choose; None and "auto" leave it to the model and the machine.

    Attributes:
        threshold: probability from which a voxel is bone of a vertebra.
        first: level of the most cranial vertebra in the CT, e.g. "T11"; "" counts them from cranial.
        smallest_ml: smaller vertebrae are dropped.
        device: "auto", "cuda", "mps" or "cpu".
        precision: "auto", "float32" or "bfloat16".
        outline: with a model of the column, the model of slices that draws its vertebrae's outlines: its id or folder,
            "auto" for the installed one if there is one, or "none" for the column's own.
    """

    threshold: float | None = None
    first: str = ""
    smallest_ml: float = 1.0
    device: str = "auto"
    precision: str = "auto"
    outline: str = "auto"

    def __post_init__(self):
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SpineError(f"The threshold is {self.threshold}; choose one between 0 and 1.")
        if self.first and self.first not in [VERSE[number] for number in DOWNWARDS]:
            raise SpineError(f"There is no vertebra '{self.first}'; choose one of C1 to C7, T1 to T12, L1 to L5, S.")
        if not 0 <= self.smallest_ml < 1e3:
            raise SpineError(f"The smallest vertebra is {self.smallest_ml} ml; choose 0 or more.")


@dataclass(frozen=True)
class VertebraInfo:
    """One vertebra of a label map.

    Attributes:
        label: its number there.
        name: "L3", or "vertebra 2" where the level is not known.
        volume_ml: its bone.
        centre_lps_mm: centre of its bone, LPS, mm.
        touches_border: whether it reaches the edge of the image, and so may be cut off.
        incomplete: what it lacks of a whole vertebra, in words; empty where nothing was found missing.
    """

    label: int
    name: str
    volume_ml: float
    centre_lps_mm: tuple[float, float, float]
    touches_border: bool
    incomplete: tuple[str, ...] = ()

    def to_dict(self) -> dict:
        """JSON-able."""
        return asdict(self) | {"centre_lps_mm": list(self.centre_lps_mm), "incomplete": list(self.incomplete)}


@dataclass(frozen=True, eq=False)
class Vertebrae:
    """All on the CT's own grid.

    Attributes:
        labels: uint8; VerSe numbers when the level is known, else 1, 2, ... from cranial.
        vertebrae: from cranial to caudal.
        probability: float32, 0 to 1, of bone of a vertebra.
        provenance: JSON-able; what is needed to make the same result again.
        notes: sentences the user should read.
    """

    labels: Volume
    vertebrae: list[VertebraInfo]
    probability: Volume
    provenance: dict
    notes: list[str]


def segment_vertebrae(
    ct: Volume,
    bundle: ModelBundle,
    settings: VertebraeSettings = VertebraeSettings(),
    progress: Progress = silent,
) -> Vertebrae:
    """Find the vertebrae and tell them apart.

    Args:
        ct: HU, in any axis order.
        bundle: a model of the task "vertebra-segmentation".
        settings: the user's choices.
        progress: told at least once a second; may raise ``Cancelled``.

    Raises:
        SpineError: no CT in Hounsfield units (:func:`check_ct`), a model of another task, no such device, not enough
            memory.
        Cancelled: by ``progress``.
    """
    started = perf_counter()
    card = bundle.card
    if card.task not in VERTEBRA_TASKS or "CT" not in card.inputs:
        raise SpineError(f"The model '{card.id}' is for {card.task}; choose one for {TASK}.")
    progress(0.0, "Checking the CT")
    notes = check_ct(ct)
    threshold = card.threshold if settings.threshold is None else settings.threshold
    chosen = (settings.first, settings.smallest_ml, settings.device, settings.precision, part(progress, 0.0, 0.85))
    if card.task == COLUMN:
        found = find_by_column(ct, bundle, _outline(settings), threshold, *chosen)
    else:
        found = find_by_slices(ct, bundle, threshold, *chosen)
    labels = found.labels
    missing = missing_parts(labels, found.agreement, part(progress, 0.85, 0.98))
    progress(0.98, "Measuring the vertebrae")
    vertebrae = [replace(one, incomplete=missing.get(one.label, ())) for one in describe_vertebrae(labels, found.named)]
    notes += found.notes + whole_notes(vertebrae) + foreign_notes(ct, labels)
    made = provenance(
        "vertebrae",
        started,
        asdict(settings) | {"threshold": threshold, "preparation": dict(card.preparation)} | found.facts,
        libraries=_LIBRARIES,
        card=card,
        device=found.device,
        precision=found.precision,
        inputs=["CT"],
    )
    progress(1.0, "Done")
    return Vertebrae(labels, vertebrae, found.probability, made, notes)


def _outline(settings: VertebraeSettings) -> ModelBundle | None:
    """The model that draws the outlines of the column's vertebrae.

    Raises:
        SpineError: there is none of that name, or it is of another task.
    """
    if settings.outline == "none":
        return None
    if settings.outline == "auto":
        folder = next((folder for folder, card in vertebra_models() if card.task == TASK), None)
        return load_bundle(folder) if folder is not None else None
    bundle = find_bundle(settings.outline)
    if bundle.card.task != TASK or "CT" not in bundle.card.inputs:
        raise SpineError(f"The model '{bundle.card.id}' is for {bundle.card.task}; outlines need one for {TASK}.")
    return bundle


def describe_vertebrae(labels: Volume, verse: bool = True) -> list[VertebraInfo]:
    """The vertebrae of a label map, which may be the user's own, from cranial to caudal.

    Args:
        labels: whole numbers, 0 is none.
        verse: whether the numbers are VerSe's; otherwise they only count.

    Raises:
        SpineError: fractions or negative numbers.
    """
    array = labels.array
    if array.dtype.kind == "f":
        if not np.array_equal(array, np.rint(array)):
            raise SpineError("The segmentation of the vertebrae holds fractions; give a labelmap of whole numbers.")
        array = array.astype(np.int64)
    if array.size and array.min() < 0:
        raise SpineError("The segmentation of the vertebrae holds negative numbers; give a labelmap.")
    found = []
    for number, box in enumerate(ndimage.find_objects(array), start=1):
        if box is None:
            continue
        inside = array[box] == number
        centre = [side.start + float(place.mean()) for side, place in zip(box, np.nonzero(inside))]
        lps = labels.ijk_to_lps @ (*reversed(centre), 1.0)
        border = any(side.start == 0 or side.stop == size for side, size in zip(box, array.shape))
        name = level_name(number) if verse or number >= FIRST_COUNTED else f"vertebra {number}"
        found.append(
            VertebraInfo(
                number,
                name,
                float(np.count_nonzero(inside)) * labels.voxel_volume_ml,
                triple(round(float(value), 2) for value in lps[:3]),
                border,
            )
        )
    return sorted(found, key=lambda one: -one.centre_lps_mm[2])


def whole_notes(vertebrae: list[VertebraInfo]) -> list[str]:
    """Sentences on what the vertebrae lack, all together."""
    if not vertebrae:
        return ["No vertebra was found; check that the CT shows the spine."]
    notes = []
    lacking = [f"{one.name} ({', '.join(one.incomplete)})" for one in vertebrae if one.incomplete]
    if lacking:
        notes.append(f"Not whole: {'; '.join(lacking)}. Look at these before you measure, repair or print from them.")
    open_ = sum(NO_ARCH in one.incomplete for one in vertebrae)
    if open_ >= 3 and 2 * open_ >= len(vertebrae):
        notes.insert(
            0,
            f"{open_} of {len(vertebrae)} vertebrae have no closed arch, as in an image whose header has the patient "
            "turned round (prone for supine, which also exchanges left and right): check how it lies before you use "
            "the result.",
        )
    cut = [one.name for one in vertebrae if one.touches_border]
    if cut:
        notes.append(f"The edge of the image is reached by {', '.join(cut)}: what lies beyond is missing.")
    return notes
