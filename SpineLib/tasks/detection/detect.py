"""Suspicious places over the whole spine (Wang et al. 2017)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from time import perf_counter

import numpy as np
from scipy.ndimage import maximum_filter

from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle, find_bundle
from SpineLib.preprocess.pyramid import Pyramid, make_pyramid
from SpineLib.progress import Progress, part, silent
from SpineLib.settings import Settings
from SpineLib.tasks.column.fitness import header_doubt, plane_doubt, refuse, sequence_doubt, shows_a_spine
from SpineLib.tasks.column.mr import column_model, column_on_mr
from SpineLib.tasks.detection.candidates import Candidate, aggregate, find_candidates
from SpineLib.tasks.detection.column import SPINE_MODEL, column_from_labels, find_column, within, without_ends
from SpineLib.tasks.detection.likelihood import dense, dense_mirrored, middle, patchwise
from SpineLib.tasks.provenance import model_facts, provenance
from SpineLib.tasks.segmentation.levels import lowest_unused, lying_notes, place_at
from SpineLib.volume.told import reading_notes
from SpineLib.volume.triples import triple
from SpineLib.volume.volume import Volume

_LIBRARIES = ("numpy", "scipy", "SimpleITK", "torch")
#: The suspicious area of the checked slice in bfloat16 must agree with float32's to this Dice, else float32 is used.
_SAME_DICE = 0.98
#: Least area of a region in the paper (section 2.5.2).
PAPER_AREA_CM2 = 5.0


@dataclass(frozen=True)
class DetectSettings(Settings):
    """What the user may choose; None and "auto" leave it to the model and the machine.

    Attributes:
        threshold: likelihood from which a pixel is suspicious.
        smallest_area_cm2: regions of a smaller area in their slice are dropped.
        aggregate: average each slice with its neighbours (section 2.5.2).
        share: of the slice along the antero-posterior axis, in its middle, that is looked at; None: with ``column``
            wherever the column lies, else the middle half (section 3.1).
        column: look in the vertebral column only, less its ends: elsewhere the likelihood is 0.
        mirror: average each slice's likelihood with those of its three mirror images, where the model runs over whole
            slices; ours, not the paper's.
        step_mm: distance between the places looked at; what lies between is interpolated. A model that runs patch by
            patch wants minutes a slice at 1 mm, and the time falls with the square of this.
        device: "auto", "cuda", "mps" or "cpu".
        precision: "auto", "float32" or "bfloat16".
        anyway: use a scan that the models were not made for.
        lowest: level of the lowest vertebra above the sacrum that is seen; "": told by the sacrum.
    """

    threshold: float | None = None
    smallest_area_cm2: float | None = None
    aggregate: bool = True
    share: float | None = None
    column: bool = False
    mirror: bool = True
    step_mm: int = 1
    device: str = "auto"
    precision: str = "auto"
    anyway: bool = False
    lowest: str = ""

    def __post_init__(self):
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise SpineError(f"The threshold is {self.threshold}; choose one between 0 and 1.")
        if self.smallest_area_cm2 is not None and not 0 <= self.smallest_area_cm2 < 1e4:
            raise SpineError(f"The smallest area is {self.smallest_area_cm2} cm2; choose 0 or more.")
        if self.share is not None and not 0 < self.share <= 1:
            raise SpineError(f"The share of the slice is {self.share}; choose more than 0 and at most 1.")
        if self.step_mm not in (1, 2, 4, 8):
            raise SpineError(f"The step is {self.step_mm} mm; choose 1, 2, 4 or 8.")


@dataclass(frozen=True, eq=False)
class Detection:
    """What was found.

    Attributes:
        likelihood: float32, 0 to 1, aggregated, on the image's own grid; 0 where nothing was looked at and, where it
            was asked for, outside of the vertebral column.
        slices: the same as it was computed: sagittal slices with pixels of 1 mm, on a grid of its own.
        single: likewise, each slice by itself, not aggregated and not limited to the column.
        column: uint8 on the grid of ``slices``, 1 in the vertebral column; None where nothing was asked.
        candidates: the most suspicious first, found in ``slices``.
        provenance: JSON-able; what is needed to make the same result again.
        notes: sentences the user should read.
        vertebrae: with their levels' numbers, on any grid, where they are known.
    """

    likelihood: Volume
    slices: Volume
    single: Volume
    column: Volume | None
    candidates: list[Candidate]
    provenance: dict
    notes: list[str]
    vertebrae: Volume | None = None


def detect(
    image: Volume,
    bundle: ModelBundle,
    settings: DetectSettings = DetectSettings(),
    progress: Progress = silent,
    labels: Volume | None = None,
) -> Detection:
    """Find places suspicious of metastasis.

    Args:
        image: of the sequence that the model wants; best with sagittal slices, others are reformatted.
        bundle: a model of the task "metastasis-detection".
        settings: the user's choices.
        progress: told after each slice; may raise ``Cancelled``.
        labels: vertebrae (any value but 0), on any grid; with ``settings.column`` candidates lie in or near these.
            Without it a small network (``SPINE_MODEL``) says where vertebrae are.

    Raises:
        SpineError: the image or the model cannot be used, no such device.
        Cancelled: by ``progress``.
    """
    from SpineLib.networks.siamese import PATCH

    started, card = perf_counter(), bundle.card
    if card.task != "metastasis-detection":
        raise SpineError(f"The model '{card.id}' does not detect metastases; choose one that does.")
    threshold = card.threshold if settings.threshold is None else settings.threshold
    smallest = (
        card.preparation.get("smallest_area_cm2", PAPER_AREA_CM2)
        if settings.smallest_area_cm2 is None
        else settings.smallest_area_cm2
    )
    normalisation = card.preparation.get("normalisation", "patch")
    pyramid = make_pyramid(
        image, card.inputs[0], card.network["scales"], PATCH, normalisation, part(progress, 0.0, 0.1)
    )
    notes: list[str] = []
    by: str | dict = "labels" if settings.column else "nothing"
    for doubt in (header_doubt, plane_doubt):
        notes += refuse(doubt(image, card.inputs[0]), settings.anyway)
    if labels is not None:
        notes += lying_notes(labels, image, card.inputs[0])
        if settings.lowest:
            notes.append(lowest_unused(settings.lowest))
    if settings.column and labels is None:
        labels, by, said = _labels(image, card.inputs[0], settings, part(progress, 0.1, 0.14))
        notes += said
    spine = find_bundle(SPINE_MODEL) if settings.column and labels is None else None
    column, said = (
        _column(pyramid, image, labels, spine, settings, part(progress, 0.14, 0.15)) if settings.column else (None, [])
    )
    notes += said
    progress(0.15, "Loading the model")
    single, device, precision, changed = _likelihood(
        pyramid, bundle.network(), normalisation, threshold, settings, column, part(progress, 0.15, 0.95)
    )
    progress(0.95, "Listing candidates")
    joined = aggregate(single) if settings.aggregate else single
    slices = within(pyramid.volume(joined, "likelihood"), column)
    candidates = find_candidates(slices, threshold, smallest)
    if labels is not None and settings.column:
        candidates = [replace(one, level=place_at(one.centre_lps_mm, labels).name) for one in candidates]
    if settings.column and spine is not None:
        by = {key: model_facts(spine.card)[key] for key in ("id", "version", "sha256")}
    made = provenance(
        "detect",
        started,
        asdict(settings) | {"threshold": threshold, "smallest_area_cm2": smallest},
        libraries=_LIBRARIES,
        card=card,
        device=device,
        precision=precision,
        column_by=by,
        inputs=list(card.inputs),
        context=card.network["context"],
    )
    likelihood = pyramid.prepared.to_input(slices.array, "likelihood")
    progress(1.0, "Done")
    return Detection(
        likelihood,
        slices,
        pyramid.volume(single, "likelihood of single slices"),
        column,
        candidates,
        made,
        reading_notes(image, labels) + pyramid.notes + notes + changed,
        labels if settings.column else None,
    )


def _labels(
    image: Volume, sequence: str, settings: DetectSettings, progress: Progress
) -> tuple[Volume | None, str | dict, list[str]]:
    """Vertebrae of the installed model of the column, by what they were found, and notes; None without such a model."""
    bundle = column_model(sequence) if shows_a_spine(image) else None
    if bundle is None:
        return None, "nothing", []
    found = column_on_mr(
        image, bundle, settings.lowest, device=settings.device, precision=settings.precision, progress=progress
    )
    if not found.found:  # the smaller network of the detector is asked then
        return None, "nothing", []
    notes = refuse(sequence_doubt(found.column.grid.image, found.column, sequence), settings.anyway)
    return found.vertebrae, found.by, notes + found.notes


def _column(
    pyramid: Pyramid,
    image: Volume,
    labels: Volume | None,
    spine: ModelBundle | None,
    settings: DetectSettings,
    progress: Progress,
) -> tuple[Volume | None, list[str]]:
    """Where the vertebral column lies on the grid of places, None where none was found, and notes."""
    like = pyramid.volume(pyramid.prepared.channels[0], "column")
    if spine is None:
        assert labels is not None
        found = column_from_labels(labels, like)
    else:
        found = find_column(image, spine, like, device=settings.device, precision=settings.precision, progress=progress)
    found = without_ends(found)
    if found.array.any():
        return found, []
    return None, ["No vertebral column was found: candidates were not limited to it."]


def _likelihood(
    pyramid: Pyramid,
    network,
    normalisation: str,
    threshold: float,
    settings: DetectSettings,
    column: Volume | None,
    progress: Progress,
) -> tuple[np.ndarray, str, str, list[str]]:
    """Likelihoods (s, rows, columns) of each slice by itself, the device, the precision, and notes."""
    from SpineLib.inference.predict import choose_device, choose_precision

    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    run = _Run(pyramid, network.to(device), normalisation == "patch", settings, column, device)
    found, notes = run.all(precision, progress), []
    if settings.precision == "auto" and precision != "float32":
        dice = run.agreement(found, threshold, precision)
        if dice < _SAME_DICE:
            notes.append(
                f"Half precision would have changed what is suspicious (Dice {dice:.3f}), so full precision was used."
            )
            precision = "float32"
            found = run.all(precision, progress)
    return found, device, precision, notes


class _Run:
    """One network over one pyramid."""

    def __init__(
        self, pyramid: Pyramid, network, whiten: bool, settings: DetectSettings, column: Volume | None, device: str
    ):
        self.pyramid, self.network, self.whiten, self.settings, self.device = pyramid, network, whiten, settings, device
        count, rows, columns = pyramid.shape
        self.slices, self.rows, self.inside = range(count), slice(0, rows), None
        self.columns = middle(columns, 0.5 if settings.share is None else settings.share)
        if settings.share is None and column is not None:
            shown, self.rows, self.columns = _box(column.array)
            # One slice more on each side, which the aggregation adds to the outermost ones.
            self.slices = range(max(shown.start - 1, 0), min(shown.stop + 1, count))
            self.inside = _near(np.any(column.array, axis=0), settings.step_mm)

    def all(self, precision: str, progress: Progress) -> np.ndarray:
        found, count = np.zeros(self.pyramid.shape, np.float32), len(self.slices)
        for number, s in enumerate(self.slices):
            share = part(progress, number / count, (number + 1) / count)
            text = f"Slice {number + 1} of {count}"
            found[s] = self.one(s, precision, lambda done, share=share, text=text: share(done, text))
        return found

    def one(self, s: int, precision: str, tick=lambda done: None) -> np.ndarray:
        """Of one slice, (rows, columns); 0 where it is not looked at."""
        import torch

        def prepare(array: np.ndarray) -> torch.Tensor:
            from SpineLib.networks.arrays import tensor_of

            return tensor_of(np.ascontiguousarray(array, np.float32)).to(self.device, getattr(torch, precision))

        images = {scale: image[s] for scale, image in self.pyramid.images.items()}
        found = np.zeros(self.pyramid.shape[1:], np.float32)
        tick(0.0)
        with torch.inference_mode():
            rows, columns = (_lattice(one, self.settings.step_mm) for one in (self.rows, self.columns))
            if self.network.context == "margin" and not self.whiten:
                values = (
                    dense_mirrored(images, self.network, rows, columns, found.shape, prepare, tick)
                    if self.settings.mirror
                    else dense(images, self.network, rows, columns, prepare)
                )
            else:
                places = np.stack(np.meshgrid(rows, columns, indexing="ij"), -1)
                wanted = (
                    np.ones(places.shape[:2], bool)
                    if self.inside is None
                    else self.inside[tuple(np.minimum(places, np.array(self.inside.shape) - 1).transpose(2, 0, 1))]
                )
                values = np.zeros(wanted.shape, np.float32)
                values[wanted] = patchwise(images, self.network, places[wanted], prepare, whiten=self.whiten, tick=tick)
        found[self.rows, self.columns] = _between(values, rows, columns, self.rows, self.columns)
        return found

    def agreement(self, found: np.ndarray, threshold: float, precision: str) -> float:
        """Dice of what is suspicious in this precision and in float32, in the slice with most of it."""
        s = int((found >= threshold).sum(axis=(1, 2)).argmax())
        first, second = found[s] >= threshold, self.one(s, "float32") >= threshold
        total = first.sum() + second.sum()
        return 2 * float((first & second).sum()) / float(total) if total else 1.0


def _box(mask: np.ndarray) -> tuple[slice, slice, slice]:
    """The smallest box that holds a mask (s, rows, columns)."""
    inside = [np.flatnonzero(mask.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    return triple(slice(int(one[0]), int(one[-1]) + 1) for one in inside)


def _near(mask: np.ndarray, reach: int) -> np.ndarray:
    """Places at most ``reach`` rows and columns from a mask's: what interpolation inside of it needs."""
    return maximum_filter(mask, size=2 * reach + 1, mode="constant")


def _lattice(places: slice, step: int) -> range:
    """Every ``step``-th place, from the first until none of them lies beyond the last."""
    return range(places.start, places.stop + step - 1, step)


def _between(values: np.ndarray, rows: range, columns: range, all_rows: slice, all_columns: slice) -> np.ndarray:
    """Bilinear interpolation of a lattice's values to all places."""
    if rows.step == columns.step == 1:
        return values
    wanted_rows, wanted_columns = (np.arange(one.start, one.stop) for one in (all_rows, all_columns))
    along = np.stack([np.interp(wanted_columns, columns, row) for row in values])
    return np.stack([np.interp(wanted_rows, rows, column) for column in along.T], axis=1).astype(np.float32)
