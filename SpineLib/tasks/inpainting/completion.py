"""The learned completion: a network that corrects the shapes a vertebra's mirror image and neighbours suggest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from scipy import ndimage

from SpineLib.tasks.inpainting.templates import Known, Template, blended
from SpineLib.volume.triples import triple

if TYPE_CHECKING:
    import torch

#: What the network sees: the templates' weighted mean, the known bone, what is unknown, the mirror image and how much
#: of it is known, the neighbours.
CHANNELS = ("mean", "known", "unknown", "mirror", "mirror known", "above", "below")
#: Distances are cut at this (mm) for the network, which says by how many times ``STEP_MM`` the mean is off.
CUT_MM, STEP_MM = 6.0, 2.0
#: The network moves the mean's surface by at most this, mm.
MOST_MM = 2.0
#: It learned from pieces that end 3 mm beyond the bone, and so makes bone of what lies deeper in the unknown part. With
#: a tumour's soft tissue to be replaced too, that is the mass: more than so many ml in one piece, so many mm beyond the
#: templates' surface, are no bone that these missed. There and as far around (mm) the templates stand, and from there
#: on the network counts more and more.
_MASS_MM, _MASS_ML, _FADE_MM = 3.0, 0.3, (3.0, 8.0)
#: Voxels around the unknown part that the network sees too.
AROUND = 6
#: The border of what is to be repaired tells the network where the bone was, if it ends near it. What lies farther than
#: this beyond the templates' surface (mm), as a share of all that lies beyond it: up to the first share the network
#: counts as much as it ever does, from the second one on not at all. On real vertebrae pieces that end 3 mm beyond
#: the bone have 0.05 to 0.49, those that end 8 mm beyond it 0.47 to 0.85 (but for one of 36).
_TELLING_MM, _TELLING, _MOST = 3.0, (0.46, 0.52), 0.8


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the network is given of one vertebra.

    Attributes:
        channels: float32 (7, w, v, u), distances in parts of ``CUT_MM``, -1 to 1, negative inside.
        mean: the templates' weighted mean, mm.
        box: the part of the frame's grid that it is.
    """

    channels: np.ndarray
    mean: np.ndarray
    box: tuple[slice, slice, slice]


def completion_inputs(known: Known, shapes: list[Template], multiple: int = 8) -> Inputs:
    """The network's channels in a box around the unknown part, whose sides are multiples of ``multiple``.

    A neighbour that is not there is stood in for by the other one, or by the mean. All shapes are trusted alike, as
    they were when the network learned.
    """
    shapes = [replace(shape, trust=1.0) for shape in shapes]
    mean = blended(known, shapes)
    by_name = {shape.name: shape for shape in shapes}
    mirror = by_name.get("mirror")
    above, below = by_name.get("above"), by_name.get("below")
    neighbours = [
        one.distance if one is not None else other.distance if other is not None else mean
        for one, other in ((above, below), (below, above))
    ]
    box = work_box(known.unknown, multiple)
    distances = [mean, known.distance, mirror.distance if mirror is not None else mean, *neighbours]
    mean_, known_, mirror_, above_, below_ = (np.clip(part[box] / CUT_MM, -1, 1) for part in distances)
    share = mirror.weight[box] if mirror is not None else np.zeros(mean_.shape, np.float32)
    channels = np.stack([mean_, known_, known.unknown[box], mirror_, share, above_, below_])
    return Inputs(channels.astype(np.float32), mean, box)


def work_box(unknown: np.ndarray, multiple: int) -> tuple[slice, slice, slice]:
    """A box (w, v, u) around what is unknown and ``AROUND`` voxels, within the grid, with sides of ``multiple``."""
    box = []
    for part, size in zip(ndimage.find_objects(unknown.astype(np.uint8))[0], unknown.shape):
        wanted = -(-(part.stop - part.start + 2 * AROUND) // multiple) * multiple
        wanted = min(wanted, size // multiple * multiple)
        start = min(max((part.start + part.stop - wanted) // 2, 0), size - wanted)
        box.append(slice(start, start + wanted))
    return triple(box)


def complete(network: torch.nn.Module, known: Known, shapes: list[Template]) -> list[np.ndarray]:
    """The whole vertebra's signed distance (w, v, u), mm, as the network has it of the vertebra and of its mirror
    image; the templates' mean outside its box. Their mean treats left and right alike.

    Args:
        network: of seven inputs, in eval mode.
    """
    import torch

    from SpineLib.networks.arrays import array_of, tensor_of

    inputs = completion_inputs(known, shapes, cast(int, network.multiple))
    with torch.inference_mode():
        batch = tensor_of(np.stack([inputs.channels, inputs.channels[..., ::-1]]))
        device = next((weight.device for weight in network.parameters()), batch.device)
        found = array_of(network(batch.to(device))[:, 0].float())
    mean, unknown = inputs.mean[inputs.box], known.unknown[inputs.box]
    results = []
    for correction in (found[0], found[1][..., ::-1]):
        result = inputs.mean.copy()
        result[inputs.box] += trusted(STEP_MM * correction, mean, unknown, known.grid.spacing[0])
        results.append(result)
    return results


def border_tells(known: Known, shapes: list[Template], reach: np.ndarray) -> float:
    """How much the network counts beside the templates, 0 to 0.8: by whether the border of what is to be repaired can
    tell where the bone was.

    Args:
        reach: bool (w, v, u), the lesion with its margin, also where other vertebrae lie.
    """
    mean = blended(known, shapes)
    beyond = mean[(reach | known.unknown) & (mean > 0)]
    share = float((beyond > _TELLING_MM).mean()) if len(beyond) else 0.0
    low, high = _TELLING
    return _MOST * float(np.clip((high - share) / (high - low), 0, 1))


def trusted(correction: np.ndarray, mean: np.ndarray, unknown: np.ndarray, step_mm: float) -> np.ndarray:
    """What of the network's correction is believed, mm: at most ``MOST_MM``, and nothing where it fills a mass.

    Args:
        correction: (w, v, u), mm, as the network has it.
        mean: the templates' signed distance, mm.
        unknown: bool, the part to fill.
        step_mm: side of a voxel.
    """
    pieces, _ = ndimage.label(unknown & (mean > _MASS_MM) & (mean + correction < 0))
    sizes = np.bincount(pieces.ravel()) * step_mm**3 / 1000
    sizes[0] = 0
    mass = (sizes >= _MASS_ML)[pieces]
    if not mass.any():
        return np.clip(correction, -MOST_MM, MOST_MM)
    away = ndimage.distance_transform_edt(~mass) * step_mm
    most = (MOST_MM * np.clip((away - _FADE_MM[0]) / (_FADE_MM[1] - _FADE_MM[0]), 0, 1)).astype(np.float32)
    return np.clip(correction, -most, most)
