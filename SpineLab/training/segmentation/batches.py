"""Whole batches of samples at once, where the training computes: the same samples that :class:`Steps` draws one by one.

Numbers are drawn as there, sample by sample; points, elastic bending, blur, gamma and whitening are then computed for
the batch, on the device, with one interpolation a sample. Cases are brought to a graphics card once.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch.nn import functional
from torch.utils.data import Dataset

from SpineLab.training.segmentation.augmentation import (
    SpatialDraw,
    cubic_matrix,
    draw_gamma,
    draw_spatial,
    matrix_of,
    resample,
)
from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.sampling import TRIES, Steps

_Drawn = tuple[PreparedCase, np.ndarray, SpatialDraw]


class BatchSampler(Dataset):
    """Batches by step number, on a device. Where a training's settings want more than the papers' seven kinds of
    change, or another layout of channels, the batches are those of ``steps``.

    Args:
        steps: draws the samples.
        device: to compute and to be on.
    """

    def __init__(self, steps: Steps, device: torch.device):
        self.steps, self.device = steps, device
        self._volumes: dict[str, torch.Tensor] = {}
        self._size = (1,) * (3 - len(steps.sampling.patch)) + tuple(steps.sampling.patch)

    @property
    def whole(self) -> bool:
        """Whether batches are computed at once."""
        change = self.steps.augmentation
        ours = change.low_resolution > 1 or change.bias_field or change.brightness or change.noise
        return self.steps.layout.is_plain and not ours and change.contrast == (1.0, 1.0)

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (n, c, *patch) and masks (n, 1, *patch), float32, on the device."""
        if not self.whole:
            return self.steps[step]
        with torch.no_grad():
            return self._batch(step)

    def _batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        steps, sampling = self.steps, self.steps.sampling
        rngs = [np.random.default_rng([sampling.seed, step, index]) for index in steps.own]
        background = [rng.random() < sampling.background_fraction or not steps.with_lesion for rng in rngs]
        channels = len(steps.cases[0].channels)
        images = torch.empty((len(rngs), channels, *self._size), device=self.device)
        masks = torch.empty((len(rngs), 1, *self._size), device=self.device)
        todo = list(range(len(rngs)))
        for _ in range(TRIES):
            drawn = []
            for index in todo:
                case, centre = steps._place(rngs[index], background[index])
                drawn.append((case, centre, draw_spatial(rngs[index], steps.augmentation, sampling.patch)))
            for index, (case, _, _), points in zip(todo, drawn, self._points(drawn)):
                images[index], masks[index] = self._read(case, points)
            if steps.every_slice:
                break
            found = masks[todo].flatten(1).any(dim=1).tolist()
            todo = [index for index, there in zip(todo, found) if not there and not background[index]]
            if not todo:
                break
        if len(sampling.patch) == 2:
            images, masks = images[:, :, 0], masks[:, :, 0]
        return self._intensities(images, rngs), masks

    def _points(self, drawn: list[_Drawn]) -> torch.Tensor:
        """(n, 3, s, y, x): index coordinates in each case's volume, as ``augmentation.sampling_points``."""
        axes = [torch.arange(n, device=self.device, dtype=torch.float32) - (n - 1) / 2 for n in self._size]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(len(drawn), -1, -1, -1, -1)
        bends = [draw.displacement for _, _, draw in drawn if draw.displacement is not None]
        if bends:  # all have one, or none
            bend = self._tensor(np.stack(bends))
            for axis, size in enumerate(self._size, start=2):
                matrix = self._tensor(cubic_matrix(bend.shape[axis], size))
                bend = torch.movedim(torch.tensordot(matrix, bend, dims=([1], [axis])), 0, axis)
            grid = grid + bend
        matrices = self._tensor(np.stack([matrix_of(draw, case.spacing) for case, _, draw in drawn]))
        centres = self._tensor(np.stack([centre + draw.shift for _, centre, draw in drawn]))
        return torch.einsum("nab,nbsyx->nasyx", matrices, grid) + centres[:, :, None, None, None]

    def _read(self, case: PreparedCase, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.device.type == "cpu":  # only the block that is needed of a file that is mapped
            return resample(case.channels, case.lesions, points.numpy())
        return self.read_whole(case, points)

    def read_whole(self, case: PreparedCase, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As ``augmentation.resample``, from the whole volume, which is brought to the device once."""
        if case.name not in self._volumes:
            arrays = [np.asarray(case.channels, np.float16), np.minimum(case.lesions, 1)[None].astype(np.float16)]
            self._volumes[case.name] = torch.from_numpy(np.concatenate(arrays)).to(self.device)
        volume = self._volumes[case.name].float()
        half = torch.tensor([max(size, 2) / 2 for size in volume.shape[1:]], device=self.device)
        middle = torch.tensor([(size - 1) / 2 for size in volume.shape[1:]], device=self.device)
        where = ((points - middle[:, None, None, None]) / half[:, None, None, None]).flip(0).movedim(0, -1)[None]
        out = functional.grid_sample(volume[None], where, "bilinear", "border", align_corners=False)[0]
        return out[:-1], (out[-1:] >= 0.5).float()

    def _intensities(self, images: torch.Tensor, rngs: list[np.random.Generator]) -> torch.Tensor:
        """Blur, gamma and whitening of each channel, as ``augmentation.change_intensity``."""
        change, whiten = self.steps.augmentation, self.steps.whitening == "patch"
        sigmas, gammas = np.zeros(images.shape[:2]), np.ones(images.shape[:2])
        for sample, rng in enumerate(rngs):
            for channel in range(images.shape[1]):
                if change.blur[1] > 0:
                    sigmas[sample, channel] = rng.uniform(*change.blur)
                if change.gamma != (1.0, 1.0):
                    gammas[sample, channel] = draw_gamma(rng, change.gamma)
        if change.blur[1] > 0:
            images = _blurred(images, sigmas)
        axes, more = tuple(range(2, images.ndim)), (1,) * (images.ndim - 2)
        if change.gamma != (1.0, 1.0):
            low = images.amin(axes, keepdim=True)
            extent = images.amax(axes, keepdim=True) - low
            power = self._tensor(gammas).view(*gammas.shape, *more)
            changed = ((images - low) / (extent + 1e-7)) ** power * extent + low
            if not whiten:
                centred = changed - changed.mean(axes, keepdim=True)
                deviation = centred.std(axes, keepdim=True) + 1e-8
                changed = centred / deviation * images.std(axes, keepdim=True) + images.mean(axes, keepdim=True)
            images = changed
        if whiten:
            images = (images - images.mean(axes, keepdim=True)) / (images.std(axes, keepdim=True) + 1e-6)
        return images

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(self.device)


def _blurred(images: torch.Tensor, sigmas: np.ndarray) -> torch.Tensor:
    """Each channel by its own Gaussian, as ``tensors.blurred``: (n, c, ...) by sigmas (n, c), voxels."""
    count, flat = sigmas.size, sigmas.ravel()
    tails = np.maximum(flat * 4.0, 0.5) + 0.5
    tails = tails.astype(int)
    tail = int(tails.max())
    places = torch.arange(-tail, tail + 1, dtype=torch.float32)
    inverse = torch.from_numpy(1 / (math.sqrt(2) * np.maximum(flat, 1e-9))).float()[:, None]
    kernels = 0.5 * ((inverse * (places + 0.5)).erf() - (inverse * (places - 0.5)).erf()).clamp(min=0)
    kernels = (kernels * (places.abs() <= torch.from_numpy(tails)[:, None])).to(images.device)
    shape = images.shape
    images = images.reshape(1, count, *shape[2:])
    convolve = functional.conv2d if images.ndim == 4 else functional.conv3d
    for axis in range(images.ndim - 2):
        along = [len(places) if n == axis else 1 for n in range(images.ndim - 2)]
        padding = [tail if n == axis else 0 for n in range(images.ndim - 2)]
        images = convolve(images, kernels.view(count, 1, *along), padding=padding, groups=count)
    return images.reshape(shape)
