"""Two ways of marking lesions on CT: a network that looks at the image, and comparison of vertebrae."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle, load_bundle
from SpineLib.models.catalogue import vertebra_models
from SpineLib.progress import Progress, part
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.ct.lesion_boxes import CtLesion, numbered
from SpineLib.tasks.ct.vertebrae import VertebraeSettings, segment_vertebrae
from SpineLib.volume.levels import level_name
from SpineLib.volume.volume import Volume

if TYPE_CHECKING:
    from SpineLib.networks.region_judge import RegionJudge

#: Around given vertebrae so much is looked at as well, mm: a lesion may bulge out of them.
MARGIN_MM = 25.0
#: A lesion that is marked within vertebrae touches their bone to so many mm: what destroyed it is not labelled.
_NEAR_MM = 3.0
#: Only air is darker, HU.
_AIR_HU = -500.0
#: More than this of one label is no single vertebra, ml.
_LARGEST_ML = 160.0


@dataclass(frozen=True, eq=False)
class Marked:
    """What was found.

    Attributes:
        lesions: numbered, the most likely first.
        mask: uint16 on the CT's grid, their numbers.
        device, precision: where and how it was computed.
        notes: sentences the user should read.
        where: what was searched, as a sentence without its end; "" leaves it to the caller.
        anything: whether anything was searched.
    """

    lesions: list[CtLesion]
    mask: Volume
    device: str
    precision: str
    notes: list[str] = field(default_factory=list)
    where: str = ""
    anything: bool = True


def marked_lesions(
    ct: Volume,
    bundle: ModelBundle,
    labels: Volume | None,
    in_vertebrae: bool,
    threshold: float,
    device: str,
    precision: str,
    progress: Progress,
) -> Marked:
    """By a network that marks them; arguments as of :func:`SpineLib.tasks.ct.lesions.detect_ct_lesions`, the vertebrae
    on the CT's grid."""
    from SpineLib.inference.predict import choose_device, choose_precision
    from SpineLib.tasks.ct.lesion_marks import lesions_of, mark_probabilities

    device = choose_device(device)
    precision = choose_precision(precision, device)
    progress(0.0, "Preparing the CT")
    spacing = float(bundle.card.preparation["spacing_mm"])
    grid = ColumnGrid.of(ct, (spacing,) * 3)
    where = grid.image > _AIR_HU
    if labels is not None:
        bone = labels.with_array((labels.array > 0).astype(np.float32))
        away = ndimage.distance_transform_edt(ColumnGrid.of(bone, (spacing,) * 3).image < 0.5, grid.spacing)
        where = away <= (_NEAR_MM if in_vertebrae else MARGIN_MM)
    progress(0.1, "Loading the model")
    network = bundle.network().to(device).eval()
    probability = mark_probabilities(
        grid, network, bundle.card.patch, where, device, precision, part(progress, 0.1, 0.9)
    )
    progress(0.9, "Measuring the lesions")
    found, masks = lesions_of(grid, probability, where, threshold)
    lesions, marked = _numbered(found, masks, grid.image.shape)
    return Marked(lesions, grid.to_source(marked, "lesions"), device, precision)


def compared_lesions(
    ct: Volume,
    bundle: ModelBundle,
    labels: Volume | None,
    in_vertebrae: bool,
    threshold: float,
    device: str,
    precision: str,
    progress: Progress,
) -> Marked:
    """By comparing each vertebra with its other side and its neighbours; arguments as of :func:`marked_lesions`.

    Vertebrae that are not given, or not one by one, are found first.

    Raises:
        SpineError: other bones are to be searched, or vertebrae have to be found and no model that does is installed.
    """
    from SpineLib.tasks.ct.lesion_regions import judged_lesions

    if not in_vertebrae:
        raise SpineError(
            f"The model '{bundle.card.id}' compares vertebrae with each other and can search no other bone; choose "
            "another model, or search the vertebrae only."
        )
    notes, found = [], None
    if labels is not None and _is_one(labels):
        notes.append("The vertebrae given are one label; they have to be told apart and were found again.")
        labels = None
    if labels is None:
        models = vertebra_models()
        if not models:
            raise SpineError(
                f"The model '{bundle.card.id}' needs the vertebrae, and no model that finds them is installed; give "
                "their segmentation."
            )
        chosen = VertebraeSettings(device=device, precision=precision)
        found = segment_vertebrae(ct, load_bundle(models[0][0]), chosen, part(progress, 0.0, 0.7))
        labels = found.labels
    if not labels.array.any():
        notes.append("No vertebra was found, so nothing was searched; check that the CT shows the spine.")
        empty = ct.with_array(np.zeros(ct.shape, np.uint16), "lesions")
        return Marked([], empty, "cpu", "float32", notes, "No vertebra was found and none searched", False)
    network = cast("RegionJudge", bundle.network())
    spacing = float(bundle.card.preparation["spacing_mm"])
    judged = judged_lesions(ct, labels, network, spacing, threshold, part(progress, 0.7 if found else 0.0, 0.98))
    progress(0.98, "Writing the lesions")
    lesions, marked = _numbered(judged.lesions, judged.masks, judged.grid.image.shape)
    mask = np.zeros(ct.shape, np.uint16)
    mask[judged.box] = judged.grid.to_source(marked, "lesions").array
    searched = ", ".join(level_name(number) for number in judged.searched)
    if judged.lacking:
        lacking = ", ".join(level_name(number) for number in judged.lacking)
        notes.append(
            f"Not searched: {lacking}. Too little of what is in the image is like the other side or the neighbours to "
            "say what would be normal there."
        )
    notes += _told(judged.broken, judged.fatty)
    if found is not None:
        notes.append("The vertebrae were found by the program itself; check them where it matters.")
    where = f"{searched or 'No vertebra'} {'was' if len(judged.searched) < 2 else 'were'} searched, and no other bone"
    return Marked(lesions, ct.with_array(mask, "lesions"), "cpu", "float32", notes, where, bool(judged.searched))


def _told(broken: list[int], fatty: list[int]) -> list[str]:
    """What the marks do not show."""
    told = []
    if broken:
        names = ", ".join(level_name(number) for number in broken)
        told.append(
            f"{names}: bone or cortex is lost. A soft-tissue mass beyond the bone is not marked, the mark ends at "
            "the bone: look beside it, into the canal, too."
        )
    if fatty:
        names = ", ".join(level_name(number) for number in fatty)
        told.append(
            f"{names}: fat or gas where the other side and the neighbours have bone, as of a haemangioma or the cleft "
            "of a fracture; it is not marked."
        )
    return told


def _is_one(labels: Volume) -> bool:
    numbers = np.unique(labels.array)
    count = np.count_nonzero(numbers)
    return bool(count == 1 and np.count_nonzero(labels.array) * labels.voxel_volume_ml > _LARGEST_ML)


def _numbered(
    found: list[CtLesion], masks: list[np.ndarray], shape: tuple[int, ...]
) -> tuple[list[CtLesion], np.ndarray]:
    """Lesions with their numbers, and those numbers in the masks' voxels."""
    lesions = numbered(found)
    marked = np.zeros(shape, np.uint16)
    unnumbered = [replace(one, id=0) for one in lesions]
    for one, mask in zip(found, masks):
        marked[mask > 0] = 1 + unnumbered.index(one)
    return lesions, marked
