"""The vertebral column in one image: every vertebra, the sacrum, discs and canal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from SpineLib.errors import SpineError
from SpineLib.models.bundle import ModelBundle
from SpineLib.networks.column import ColumnNet
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.column.chain import are_lumbar, column_of, group_chain, sacrum_below, sacrum_is_cut
from SpineLib.tasks.column.grid import ColumnGrid
from SpineLib.tasks.column.grouping import Member, group
from SpineLib.tasks.column.levels import Levels, name_levels
from SpineLib.tasks.column.parts import BACKGROUND, BODY, CANAL, DISC, OF_A_VERTEBRA, OTHER_BONE, SACRUM
from SpineLib.tasks.column.predict import predict_column
from SpineLib.tasks.column.promontory import with_second_look
from SpineLib.tasks.column.ribs import lowest_ribbed, without_ribs
from SpineLib.tasks.column.sacrum import sacrum_of, sacrum_top_mm, without_sacral
from SpineLib.volume.crop import box_of
from SpineLib.volume.volume import Volume

TASK = "column-segmentation"

_FALSE_SACRUM = (
    "What looks like a sacrum lies below vertebrae that are too few, or too near to each other, to be lumbar ones: no "
    "level is counted from it."
)
_APART = "Telling the vertebrae apart"
#: Planes of the network's grid that are looked at before progress is told.
_PLANES = 32
_CUT_SACRUM = (
    "So little of the sacrum is seen that it may be an L5 which the lower edge of the image cuts: no level is counted "
    "from it."
)
#: So many times the slices of its training patches a network for MR takes at once.
_ALL_SLICES = 1.5


@dataclass(frozen=True)
class ColumnPreparation:
    """How a column model wants its image; what its card holds.

    Attributes:
        spacing: mm along (z, y, x).
        kind: "ct" (HU, limited and scaled) or "mr" (each window whitened).
    """

    spacing: tuple[float, float, float] = (1.5, 1.5, 1.5)
    kind: str = "ct"

    def __post_init__(self):
        object.__setattr__(self, "spacing", tuple(float(side) for side in self.spacing))
        if (
            len(self.spacing) != 3
            or not all(0.2 <= side <= 10 for side in self.spacing)
            or self.kind not in ("ct", "mr")
        ):
            raise SpineError(f"This is no valid preparation of a column: {self}; correct the model's description.")

    @classmethod
    def from_dict(cls, values: Mapping) -> ColumnPreparation:
        """Of the JSON form; a key that does not exist is an error."""
        try:
            return cls(**values)
        except (TypeError, ValueError) as error:
            raise SpineError(f"This is no valid preparation of a column: {dict(values)}; correct the model.") from error

    @property
    def normalised(self) -> Callable[[np.ndarray], np.ndarray]:
        """What makes a window of the image what the network is shown, in training as in use."""
        return normalised_ct if self.kind == "ct" else normalised_mr


def normalised_ct(hu: np.ndarray) -> np.ndarray:
    """HU from -500 to 1500 as about -1 to 3: soft tissue at 0, cancellous bone at 0.5, cortex at 1.5 to 3."""
    return np.clip(hu, -500.0, 1500.0).astype(np.float32) / np.float32(500.0)


def normalised_mr(grey: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 within the window, the brightest half percent limited."""
    grey = np.asarray(grey, np.float32)
    grey = np.minimum(grey, np.percentile(grey, 99.5))
    deviation = float(grey.std())
    return (grey - grey.mean()) / np.float32(deviation if deviation > 1e-6 else 1.0)


@dataclass(frozen=True, eq=False)
class Column:
    """What was found, on the grid of the network.

    Attributes:
        grid: the image, and the way back to its own grid.
        parts: uint8 (z, y, x), numbers of :mod:`SpineLib.tasks.column.parts`.
        labels: uint8 (z, y, x), 1 is the most cranial vertebra.
        bone: float16 (z, y, x), probability of a vertebra's bone.
        members: one a vertebra, from cranial to caudal.
        levels: their names.
        device, precision: where and how it was computed.
    """

    grid: ColumnGrid
    parts: np.ndarray
    labels: np.ndarray
    bone: np.ndarray
    members: list[Member]
    levels: Levels
    device: str
    precision: str

    def labelmap(self, threshold: float = 0.5) -> Volume:
        """The vertebrae with their levels' numbers on the image's own grid, uint8.

        What is bone there is decided by the interpolated probability, whose it is by the nearest voxel.
        """
        table = np.zeros(256, np.uint8)
        table[1 : len(self.levels.numbers) + 1] = self.levels.numbers
        grown = _grown(table[self.labels])
        numbers = self.grid.to_source(grown, "vertebrae")
        if np.prod(self.grid.spacing) <= 0.9 * numbers.voxel_volume_ml * 1000:
            return self.grid.to_source(table[self.labels], "vertebrae")
        bone = self.grid.to_source(self.bone.astype(np.float32), "bone")
        return numbers.with_array(np.where(bone.array >= threshold, numbers.array, 0).astype(np.uint8))

    def partmap(self) -> Volume:
        """The parts on the image's own grid, uint8."""
        return self.grid.to_source(self.parts, "parts")


def find_column(
    image: Volume,
    bundle: ModelBundle,
    *,
    named: tuple[int, str] | None = None,
    wanted: Callable[[np.ndarray], bool] = lambda part: True,
    device: str = "auto",
    precision: str = "auto",
    progress: Progress = silent,
) -> Column:
    """Find the column and tell its vertebrae apart.

    Args:
        image: in any axis order.
        bundle: a model of the task "column-segmentation" that takes such images.
        named: which vertebra from above (from 0) has which level, when the user says so.
        wanted: whether a window of the image is worth computing.
        device, precision: as :func:`SpineLib.inference.predict.predict` takes them.
        progress: told at least once a window.

    Raises:
        SpineError: a model of another task, no such device, not enough memory, or a level that does not fit.
        Cancelled: by ``progress``.
    """
    if bundle.card.task != TASK:
        raise SpineError(f"The model '{bundle.card.id}' is for {bundle.card.task}; choose one for {TASK}.")
    preparation = ColumnPreparation.from_dict(bundle.card.preparation)
    progress(0.0, "Preparing the image")
    grid = ColumnGrid.of(image, preparation.spacing, part(progress, 0.0, 0.05))
    network = bundle.network()
    assert isinstance(network, ColumnNet)
    z, y, x = bundle.card.patch
    thick = preparation.kind == "mr"
    if thick and grid.image.shape[2] <= _ALL_SLICES * x:  # one window holds all slices: half the work
        x = max(x, grid.image.shape[2])
    probability, offsets, device, precision = predict_column(
        grid.image,
        network,
        (z, y, x),
        preparation.normalised,
        wanted=wanted,
        followed=(BODY, DISC, CANAL, SACRUM) if thick else (),
        along_mm=None if thick else grid.spacing,
        kept=np.float32 if thick else np.float16,
        device=device,
        precision=precision,
        progress=part(progress, 0.05, 0.65 if thick else 0.8),
    )
    if thick:
        probability, offsets = with_second_look(
            grid.image,
            probability,
            offsets,
            grid.spacing,
            network,
            (z, y, x),
            preparation.normalised,
            device=device,
            precision=precision,
            progress=part(progress, 0.65, 0.8),
        )
    parts = _likeliest(probability, part(progress, 0.8, 0.88))
    if thick:
        parts[~column_of(parts, grid.spacing) & (parts != OTHER_BONE)] = BACKGROUND
    progress(0.88, _APART)
    labels, members = (group_chain if thick else group)(parts, offsets, grid.spacing)
    progress(0.93, _APART)
    if not thick:
        labels, members = without_sacral(labels, members, parts, grid.spacing)
        sacrum = sacrum_of(parts, members, grid.spacing)
        parts[(parts == SACRUM) & ~sacrum] = BACKGROUND
    parts[np.isin(parts, OF_A_VERTEBRA) & (labels == 0)] = BACKGROUND
    false_sacrum = thick and (parts == SACRUM).any() and not are_lumbar([one.centre_mm for one in members])
    if false_sacrum:
        parts[parts == SACRUM] = BACKGROUND
    cut_sacrum = thick and sacrum_is_cut(parts, grid.spacing)
    if thick:
        stands = members and not cut_sacrum
        sacrum_mm = sacrum_below(parts, members[-1].centre_mm, grid.spacing) if stands else None
    else:
        sacrum_mm = sacrum_top_mm(parts == SACRUM, grid.spacing)
    levels = _levels(parts, grid.spacing, members, sacrum_mm, named)
    if (false_sacrum or cut_sacrum) and named is None:
        levels = replace(levels, notes=(*levels.notes, _FALSE_SACRUM if false_sacrum else _CUT_SACRUM))
    progress(0.98, _APART)
    bone = probability[list(OF_A_VERTEBRA)].sum(0, dtype=np.float32).astype(np.float16)
    progress(1.0, "Done")
    return Column(grid, parts, labels, bone, members, levels, device, precision)


def _likeliest(probability: np.ndarray, progress: Progress) -> np.ndarray:
    """uint8 (z, y, x): the part that each voxel of (parts, z, y, x) most likely is."""
    parts = np.zeros(probability.shape[1:], np.uint8)
    for first in range(0, len(parts), _PLANES):
        progress(first / len(parts), _APART)
        planes = slice(first, first + _PLANES)
        parts[planes] = probability[:, planes].astype(np.float32, copy=False).argmax(0)
    return parts


def levels_on_ct(column: Column, kept: Sequence[int], named: tuple[int, str] | None = None) -> Levels:
    """Levels of some of a CT's vertebrae.

    Args:
        column: as :func:`find_column` gives it.
        kept: which of its members (from 0).
        named: which of those (from 0) has which level, when the user says so.

    Raises:
        SpineError: a level that does not fit.
    """
    members, sacrum = [column.members[n] for n in kept], column.parts == SACRUM
    spacing = column.grid.spacing
    bare = without_ribs(column.parts, [one.centre_mm for one in members], spacing)
    return _levels(column.parts, spacing, members, sacrum_top_mm(sacrum, spacing), named, bare)


def _levels(
    parts: np.ndarray,
    spacing: tuple[float, float, float],
    members: Sequence[Member],
    sacrum_mm: np.ndarray | None,
    named: tuple[int, str] | None,
    bare: Sequence[int] = (),
) -> Levels:
    centres = [one.centre_mm for one in members]
    ribbed = lowest_ribbed(parts, centres, spacing)
    return name_levels(centres, [one.agreement for one in members], sacrum_mm, named, ribbed, bare)


def _grown(labels: np.ndarray, voxels: int = 2) -> np.ndarray:
    """Labels grown a little into what has none, each to its nearest."""
    out = np.zeros(labels.shape, np.uint8)
    if labels.any():
        box = box_of(labels, (voxels,) * 3)
        near = labels[box]
        distance, nearest = ndimage.distance_transform_edt(near == 0, return_indices=True)
        out[box] = np.where(distance <= voxels, near[tuple(nearest)], 0)
    return out
