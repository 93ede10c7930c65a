"""Lesions of the spine on a CT: Faster R-CNN on axial slices (Miao, section II.C), merged over slices to boxes, or a
network that marks them in 3-D."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, cast

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle
from SpineLib.models.card import ModelCard
from SpineLib.preprocess.ct_slices import AxialSlices, SlicePreparation, axial_slices
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.tasks.ct.checks import check_ct
from SpineLib.tasks.ct.lesion_boxes import (
    CtLesion,
    SliceBox,
    box_mask,
    lesion_of,
    link,
    numbered,
)
from SpineLib.tasks.ct.lesion_ways import MARGIN_MM, compared_lesions, marked_lesions
from SpineLib.tasks.provenance import provenance
from SpineLib.tasks.segmentation.recist import diameters
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.told import reading_notes
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

if TYPE_CHECKING:
    from SpineLib.networks.faster_rcnn import FasterRCNN

TASK = "ct-lesion-detection"
_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch")
#: Boxes of slices are linked from this share of the threshold on.
_WEAK = 0.4
#: Slices that the network is given at a time.
_BATCH = 4
#: Fewer lesions than this tell little of how many are missed.
_MANY = 20
#: Ways of marking lesions, by the type of the card's network; others find boxes.
_MARKING = {"unet": marked_lesions, "regions": compared_lesions}


@dataclass(frozen=True)
class CtLesionSettings(Settings):
    """What the user may choose; None and "auto" leave it to the model and the machine.

    Attributes:
        threshold: least probability of a lesion.
        overlap: least intersection over union of a lesion's boxes in neighbouring slices.
        gap: a lesion may be missing in so many slices in a row.
        in_vertebrae: keep only lesions whose box touches a vertebra of the labels given.
        device: "auto", "cuda", "mps" or "cpu".
        precision: "auto", "float32" or "bfloat16".
    """

    threshold: float | None = None
    overlap: float = 0.3
    gap: int = 1
    in_vertebrae: bool = True
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self):
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SpineError(f"The threshold is {self.threshold}; choose one between 0 and 1.")
        if not 0 < self.overlap < 1:
            raise SpineError(f"The overlap is {self.overlap}; choose one between 0 and 1.")
        if not (isinstance(self.gap, int) and 0 <= self.gap <= 10):
            raise SpineError(f"The gap is {self.gap} slices; choose 0 to 10.")


@dataclass(frozen=True, eq=False)
class CtLesions:
    """What was found.

    Attributes:
        lesions: the most likely first.
        provenance: JSON-able; what is needed to make the same result again.
        notes: sentences the user should read.
        searched: a sentence that says what was searched and how well the model does on real patients.
        mask: uint16 on the CT's grid, the lesion's number inside; None of a model that finds boxes.
    """

    lesions: list[CtLesion]
    provenance: dict
    notes: list[str]
    searched: str = ""
    mask: Volume | None = None


def detect_ct_lesions(
    ct: Volume,
    bundle: ModelBundle,
    settings: CtLesionSettings = CtLesionSettings(),
    progress: Progress = silent,
    vertebrae: Volume | None = None,
) -> CtLesions:
    """Find lesions of the spine.

    Faster R-CNN looks at each axial slice between its two neighbours; boxes that overlap from slice to slice are one
    lesion. Its probability is the mean of its two most likely neighbouring slices, so that what shows in one slice only
    counts half. A 3-D U-Net marks lesions by kind; what hangs together is one, see
    :mod:`SpineLib.tasks.ct.lesion_marks`. A judge of regions looks at what differs from the other side and from the
    neighbouring vertebrae, see :mod:`SpineLib.tasks.ct.lesion_regions`; vertebrae not given are found first.

    Args:
        ct: HU, of any axis order.
        bundle: a model of the task "ct-lesion-detection".
        settings: the user's choices.
        progress: told after every few slices; may raise ``Cancelled``.
        vertebrae: labels (any value but 0), on any grid. With them only their surroundings are looked at, which is
            faster, and with ``settings.in_vertebrae`` lesions must touch one.

    Raises:
        SpineError: the CT or the model cannot be used, the vertebrae lie elsewhere, no such device.
        Cancelled: by ``progress``.
    """
    started, card = perf_counter(), bundle.card
    if card.task != TASK:
        raise SpineError(f"The model '{card.id}' does not find lesions on CT; choose one that does.")
    threshold = card.threshold if settings.threshold is None else settings.threshold
    progress(0.0, "Checking the CT")
    notes = check_ct(ct) + reading_notes(vertebrae)
    labels = None
    if vertebrae is not None:
        labels = resample_like(vertebrae, ct, nearest=True)
        if not labels.array.any():
            raise SpineError("The vertebrae do not lie in the CT; choose a segmentation of this CT.")
    mask, where, anything = None, "", True
    if card.network["type"] in _MARKING:
        way, chosen = _MARKING[card.network["type"]], (settings.in_vertebrae, threshold)
        marked = way(ct, bundle, labels, *chosen, settings.device, settings.precision, part(progress, 0.0, 1.0))
        lesions, mask, device, precision = marked.lesions, marked.mask, marked.device, marked.precision
        notes, where, anything = notes + marked.notes, marked.where, marked.anything
    else:
        lesions, device, precision = _boxed(ct, bundle, settings, threshold, labels, part(progress, 0.0, 1.0))
    made = provenance(
        "detect-ct-lesions",
        started,
        asdict(settings) | {"threshold": threshold},
        libraries=_LIBRARIES,
        card=card,
        device=device,
        precision=precision,
        inputs=list(card.inputs),
        vertebrae_given=vertebrae is not None,
    )
    if vertebrae is None and lesions and not where:
        notes.append(
            "All of the CT was searched, other bones too; give the vertebrae's segmentation to keep to the spine."
        )
    searched = told_search(card, labels is not None and settings.in_vertebrae, labels is not None, where)
    if not anything:
        searched = f"{where}: that nothing is marked says nothing."
    if not lesions:
        notes.insert(0, searched)
    progress(1.0, "Done")
    return CtLesions(lesions, made, notes, searched, mask)


def told_search(card: ModelCard, in_vertebrae: bool, around: bool, where: str = "") -> str:
    """What was searched, and how well the model does on real patients, by the figures of its card."""
    where = where or (
        "The vertebrae of the segmentation were searched and nothing else"
        if in_vertebrae
        else "The surroundings of the vertebrae were searched"
        if around
        else "All of the CT was searched"
    )
    figures = card.figures.get("real_patients")
    if not isinstance(figures, Mapping) or not figures.get("lesions"):
        return f"{where}. How many lesions of real patients this model misses has not been measured: look for yourself."
    found, lesions = int(figures.get("found", 0)), int(figures["lesions"])
    false = figures.get("false_marks_a_scan")
    beside = f", with {float(false):.2g} false marks a scan" if isinstance(false, (int, float)) else ""
    few = " (too few to rely on)" if lesions < _MANY else ""
    return (
        f"{where}. Of {lesions} lesions of real patients{few} that this model was measured on it found {found}"
        f"{beside}: that it marks nothing does not mean that there is nothing."
    )


def _boxed(
    ct: Volume,
    bundle: ModelBundle,
    settings: CtLesionSettings,
    threshold: float,
    labels: Volume | None,
    progress: Progress,
) -> tuple[list[CtLesion], str, str]:
    """By Faster R-CNN: lesions, device and precision."""
    slices = axial_slices(ct, SlicePreparation.from_dict(bundle.card.preparation), part(progress, 0.0, 0.2))
    progress(0.2, "Loading the model")
    network = cast("FasterRCNN", bundle.network())
    boxes, device, precision = slice_boxes(
        slices, network, region_of(slices, labels), settings, part(progress, 0.2, 0.95), _WEAK * threshold
    )
    progress(0.95, "Merging slices")
    lesions = merge(slices, boxes, threshold, settings)
    if labels is not None and settings.in_vertebrae:
        lesions = [one for one in lesions if (labels.array[box_mask(ct, one).array > 0] > 0).any()]
    return numbered(lesions), device, precision


def region_of(slices: AxialSlices, vertebrae: Volume | None = None) -> tuple[slice, slice, slice]:
    """The slices, rows and columns to look at: around the vertebrae, else where the body is (brighter than air)."""
    if vertebrae is not None:
        inside = slices.of_mask(vertebrae.array)
        if inside.any():
            return triple(_extent(inside, axis, round(MARGIN_MM / slices.spacing[axis])) for axis in range(3))
    body = slices.images > 0
    return triple(_extent(body, axis, 0) for axis in range(3))


def slice_boxes(
    slices: AxialSlices,
    network: FasterRCNN,
    region: tuple[slice, slice, slice],
    settings: CtLesionSettings,
    progress: Progress,
    threshold: float,
) -> tuple[list[list[SliceBox]], str, str]:
    """The network's boxes in each slice (none beyond the region), and the device and precision used.

    Args:
        slices: of the CT.
        network: in eval mode.
        region: of :func:`region_of`.
        settings: device and precision.
        progress: told after every few slices.
        threshold: least probability of a box.
    """
    import torch

    from SpineLib.inference.layout import laid_out
    from SpineLib.inference.predict import choose_device, choose_precision
    from SpineLib.networks.arrays import array_of, tensor_of
    from SpineLib.networks.faster_rcnn import STRIDE

    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    network = laid_out(network, device, torch.channels_last)
    planes, rows, columns = region
    numbers = list(range(planes.start, planes.stop))
    found: list[list[SliceBox]] = [[] for _ in slices.images]
    for start in range(0, len(numbers), _BATCH):
        progress(start / len(numbers), f"Slice {start + 1} of {len(numbers)}")
        batch = numbers[start : start + _BATCH]
        cut = np.stack([slices.stack(number)[:, rows, columns] for number in batch])
        cut = np.pad(cut, [(0, 0), (0, 0), *((0, -size % STRIDE) for size in cut.shape[2:])])
        images = tensor_of(cut).to(device, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            results = network(images, threshold)
        for number, one in zip(batch, results):
            shifted = array_of(one.boxes) + [columns.start, rows.start] * 2
            found[number] = [
                SliceBox(number, tuple(box), float(score)) for box, score in zip(shifted.tolist(), array_of(one.scores))
            ]
    return found, device, precision


def merge(
    slices: AxialSlices, boxes: list[list[SliceBox]], threshold: float, settings: CtLesionSettings = CtLesionSettings()
) -> list[CtLesion]:
    """Lesions in space of all slices' boxes, of at least the threshold's probability; their ids are 0."""
    lesions = []
    for chain in link(boxes, settings.overlap, settings.gap):
        probability = chain_probability(chain)
        if probability < threshold:
            continue
        measured = [diameters(slices.images[one.slice], one.box, slices.spacing[1:]) for one in chain]
        lesions.append(lesion_of(chain, slices.to_lps, slices.own, max(measured), round(probability, 4)))
    return lesions


def chain_probability(chain: list[SliceBox]) -> float:
    """The largest mean probability of two neighbouring slices, one of which may lack the lesion."""
    by_slice = {one.slice: one.probability for one in chain}
    return max(
        (value + max(by_slice.get(number - 1, 0.0), by_slice.get(number + 1, 0.0))) / 2
        for number, value in by_slice.items()
    )


def _extent(inside: np.ndarray, axis: int, margin: int) -> slice:
    places = np.flatnonzero(inside.any(axis=tuple({0, 1, 2} - {axis})))
    if not len(places):
        return slice(0, inside.shape[axis])
    return slice(max(int(places[0]) - margin, 0), min(int(places[-1]) + 1 + margin, inside.shape[axis]))
