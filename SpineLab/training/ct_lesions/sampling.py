"""Batches of crops for Faster R-CNN: what step ``step`` holds depends on the seed and the step only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.ct_lesions.cases import LESION, SLICE, X0, SliceCase
from SpineLab.training.ct_lesions.config import CtAugmentation, CtLesionConfig

#: A lesion of which a crop shows less than this share is not marked there.
_SHOWN = 0.4


@dataclass(frozen=True, eq=False)
class CropBatch:
    """One step's input and truth.

    Attributes:
        images: float32 (n, 3, rows, columns), 0 to 1.
        boxes: of each image's lesions, float32 (m, 4).
    """

    images: torch.Tensor
    boxes: list[torch.Tensor]


class CropSampler:
    """Draws batches from prepared cases.

    Args:
        cases: to draw from.
        config: the training's.

    Raises:
        ValueError: no case shows a lesion.
    """

    def __init__(self, cases: Sequence[SliceCase], config: CtLesionConfig):
        self.cases, self.config = cases, config
        self.lesions = [
            (number, label) for number, case in enumerate(cases) for label in np.unique(case.boxes[:, LESION])
        ]
        self.with_spine = [number for number, case in enumerate(cases) if len(case.spine)]
        if not self.lesions:
            raise ValueError("no case shows a lesion")

    def batch(self, step: int) -> CropBatch:
        """The batch of a step."""
        sampling = self.config.sampling
        rng = np.random.default_rng([sampling.seed, step])
        positives = max(1, round(sampling.positives * sampling.images))
        crops = [self._crop(rng, *self._centre(rng, number < positives)) for number in range(sampling.images)]
        images = torch.stack([image for image, _ in crops]).contiguous(memory_format=torch.channels_last)
        return CropBatch(images, [boxes for _, boxes in crops])

    def _centre(self, rng: np.random.Generator, positive: bool) -> tuple[SliceCase, int, np.ndarray]:
        """Case, slice and place (x, y); lesions are equally likely whatever their size."""
        if positive:
            number, label = self.lesions[rng.integers(len(self.lesions))]
            case = self.cases[number]
            own = case.boxes[case.boxes[:, LESION] == label]
            box = own[rng.integers(len(own))]
            return case, int(box[SLICE]), (box[X0 : X0 + 2] + box[X0 + 2 : LESION]) / 2
        if self.with_spine and rng.random() < self.config.sampling.spine:
            case = self.cases[self.with_spine[rng.integers(len(self.with_spine))]]
            usable = case.spine[case.known[case.spine[:, 0]]]
            if len(usable):
                s, y, x = usable[rng.integers(len(usable))]
                return case, int(s), np.array([x, y], float)
        case = self.cases[int(rng.integers(len(self.cases)))]
        s = int(rng.choice(np.flatnonzero(case.known)))
        body = np.flatnonzero(case.images[s])
        y, x = np.unravel_index(body[rng.integers(len(body))] if len(body) else 0, case.images.shape[1:])
        return case, s, np.array([x, y], float)

    def _crop(
        self, rng: np.random.Generator, case: SliceCase, s: int, centre: np.ndarray
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A changed crop whose middle is near ``centre``, and its boxes."""
        settings, (rows, columns) = self.config.augmentation, self.config.sampling.size
        middle = centre + rng.uniform(-0.35, 0.35, 2) * (columns, rows)
        to_input = _turn(rng, settings)
        stack = case.stack(s)
        if rng.random() < settings.apart:
            stack = stack[[1, 1, 1]]
        image = cut(stack, to_input, middle, (rows, columns))
        boxes = moved(case.boxes_of(s), np.linalg.inv(to_input), middle, (rows, columns))
        return _recoloured(image, rng, settings), torch.from_numpy(boxes.astype(np.float32))


def cut(stack: np.ndarray, to_input: np.ndarray, middle: np.ndarray, size: tuple[int, int]) -> torch.Tensor:
    """What a crop of a stack of slices shows, 0 to 1; 0 beyond the image.

    Args:
        stack: uint8 (c, rows, columns).
        to_input: 2 x 2, from a shift (x, y) in the crop to one in the image, pixels.
        middle: (x, y) in the image of the crop's middle; pixel n reaches from n to n + 1.
        size: rows and columns of the crop.
    """
    rows, columns = size
    # Only what the crop may touch is looked at, so that large slices cost no more.
    reach = np.ceil(np.abs(to_input) @ np.array([columns, rows]) / 2).astype(int) + 2
    low = np.clip(np.floor(middle).astype(int) - reach, 0, np.array(stack.shape[:0:-1]) - 1)
    high = np.clip(np.floor(middle).astype(int) + reach + 1, low + 1, stack.shape[:0:-1])
    stack = stack[:, low[1] : high[1], low[0] : high[0]]
    height, width = stack.shape[1:]
    # grid_sample's coordinates: an image reaches from -1 to 1.
    theta = np.zeros((2, 3))
    theta[:, :2] = to_input * (columns, rows) / np.array([[width], [height]])
    theta[:, 2] = 2 * (middle - low) / (width, height) - 1
    image = torch.from_numpy(stack.astype(np.float32) * np.float32(1 / 255))[None]
    grid = functional.affine_grid(
        torch.from_numpy(theta.astype(np.float32))[None], [1, len(stack), rows, columns], align_corners=False
    )
    return functional.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)[0]


def moved(boxes: np.ndarray, to_crop: np.ndarray, middle: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Boxes (m, 4) of the image as boxes of the crop, cut at its border; those hardly shown are left out.

    A box stands for the ellipse that fills it: so turning a slice does not blow its boxes up.

    Args:
        boxes: in the image.
        to_crop: 2 x 2, from a shift in the image to one in the crop.
        middle: (x, y) in the image of the crop's middle.
        size: rows and columns of the crop.
    """
    rows, columns = size
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    centre = (centre - middle) @ to_crop.T + (columns / 2, rows / 2)
    half = np.sqrt((half**2) @ (to_crop**2).T)
    low, high = centre - half, centre + half
    shown = np.concatenate([np.clip(low, 0, (columns, rows)), np.clip(high, 0, (columns, rows))], axis=1)
    share = (shown[:, 2:] - shown[:, :2]).prod(axis=1) / np.maximum((high - low).prod(axis=1), 1e-6)
    return shown[share >= _SHOWN]


def _turn(rng: np.random.Generator, settings: CtAugmentation) -> np.ndarray:
    """A random rotation, size and flip, 2 x 2 from the crop to the image."""
    angle = np.radians(rng.uniform(-1, 1) * settings.rotation_degrees)
    factor = np.exp(rng.uniform(*np.log(settings.scale)))
    flips = [
        -1.0 if name in settings.flips and rng.random() < 0.5 else 1.0 for name in ("right-left", "anterior-posterior")
    ]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return turn @ np.diag(flips) / factor


def _recoloured(image: torch.Tensor, rng: np.random.Generator, settings: CtAugmentation) -> torch.Tensor:
    """Other brightness, contrast, sharpness and noise; still 0 to 1."""
    share = float(rng.uniform(-1, 1)) * settings.blur
    if share > 0:
        image = image * (1 - share) + functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False) * share
    gain = float(np.exp(rng.uniform(-1, 1) * np.log(settings.gain)))
    noise = torch.from_numpy(rng.standard_normal(tuple(image.shape), dtype=np.float32))
    air = image <= 0
    image = image * gain + float(rng.uniform(-1, 1)) * settings.brightness
    image = image + noise * float(rng.uniform(0, 1)) * settings.noise
    return image.masked_fill_(air, 0.0).clamp_(0.0, 1.0)
