"""Which sample is drawn when: sample ``index`` of step ``step`` depends on the seed, the step and the index only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from SpineLab.training.segmentation.augmentation import (
    AugmentationSettings,
    change_intensity,
    draw_spatial,
    resample,
    sampling_points,
)
from SpineLab.training.segmentation.dataset import PreparedCase
from SpineLab.training.segmentation.mining import Errors
from SpineLib.networks.channels import InputChannels

TRIES = 4


@dataclass(frozen=True)
class SamplingSettings:
    """How patches are drawn.

    Attributes:
        patch: (y, x) in 2D, (s, y, x) in 3D, voxels; the paper has (128, 128) and (64, 128, 128).
        batch: samples a step; the paper has 32 in 2D and 2 in 3D.
        background_fraction: share of patches centred anywhere in the body, half of them in vertebrae where the cohort
            labels those, so that the network learns what is no lesion; 0 in the paper, whose patches all hold lesion.
        alike_fraction: share of the background patches that are centred in a metastasis instead, or in what is left of
            one, where necrosis is learned and the cohort labels metastases, too.
        kept: of a network that takes any of its inputs: how often each is kept, among those kept once; empty is all
            alike. How many are kept is drawn from ``kept_counts``: the shares of 1, 2, ... of them.
        hard_fraction: share of the background patches that are centred in false alarms, and of the others that are
            centred in missed lesions, where ``mining`` found such; 0 in the paper.
        hard_every: steps after which the cases are looked through for those again.
        slices: of 2D patches: "lesion" draws a slice that the lesion is in, "all" any slice of the case, the patch
            centred on the lesion's centre: the papers' slices are all 64 of a volume that holds lesion, most of them
            without any.
        seed: of everything random.
    """

    patch: tuple[int, ...] = (128, 128)
    batch: int = 32
    background_fraction: float = 0.0
    alike_fraction: float = 0.0
    kept: tuple[float, ...] = ()
    kept_counts: tuple[float, ...] = (0.45, 0.35, 0.12, 0.08)
    hard_fraction: float = 0.0
    hard_every: int = 4000
    slices: str = "lesion"
    seed: int = 0

    def __post_init__(self):
        if not 0 <= self.hard_fraction <= 1 or self.hard_every < 1:
            raise ValueError("hard_fraction must be from 0 to 1 and hard_every 1 or more")
        if any(one <= 0 for one in self.kept) or not self.kept_counts or min(self.kept_counts) < 0:
            raise ValueError("kept must be above 0, and kept_counts 0 or more")
        if self.slices not in ("lesion", "all"):
            raise ValueError(f"slices is {self.slices!r}; it must be 'lesion' or 'all'")


class Steps(Dataset):
    """Batches by step number, for ``torch.utils.data.DataLoader(batch_size=None)``.

    Samples of a step are numbered; ``rank`` of several processes that train together draws its own numbers.
    """

    def __init__(
        self,
        cases: list[PreparedCase],
        sampling: SamplingSettings,
        augmentation: AugmentationSettings,
        whitening: str,
        layout: InputChannels | None = None,
        rank: int = 0,
    ):
        self.own = range(rank * sampling.batch, (rank + 1) * sampling.batch)
        self.layout = layout or InputChannels(len(cases[0].channels) if cases else 1)
        self.cases, self.sampling, self.augmentation, self.whitening = cases, sampling, augmentation, whitening
        self.with_lesion = [case for case in cases if len(case.centres)]
        self._alarms: list[tuple[int, np.ndarray]] = []
        self._missed: list[tuple[int, int]] = []

    @property
    def every_slice(self) -> bool:
        return len(self.sampling.patch) == 2 and self.sampling.slices == "all"

    def remember(self, errors: Sequence[Errors]) -> None:
        """Draw a share of the patches at what is wrong in each of the cases, in their order."""
        self._alarms = [(number, place) for number, one in enumerate(errors) for place in one.alarms]
        self._missed = [(number, int(row)) for number, one in enumerate(errors) for row in one.missed]

    @property
    def hardness(self) -> str:
        """A line for people."""
        return f"Cases looked through: {len(self._missed)} lesions missed, {len(self._alarms)} places in false alarms."

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (n, c, *patch) and masks (n, 1, *patch), float32."""
        samples = [self.sample(np.random.default_rng([self.sampling.seed, step, index])) for index in self.own]
        return torch.stack([image for image, _ in samples]), torch.stack([mask for _, mask in samples])

    def sample(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Image (c, *patch) and mask (1, *patch)."""
        layout = self.layout
        there = list(range(layout.sequences))
        if layout.presence:
            there = draw_kept(rng, layout.sequences, self.sampling.kept, self.sampling.kept_counts)
        patch = self.sampling.patch
        background = rng.random() < self.sampling.background_fraction or not self.with_lesion
        for _ in range(TRIES):
            case, centre = self._place(rng, background)
            points = sampling_points(draw_spatial(rng, self.augmentation, patch), patch, centre, case.spacing)
            if layout.neighbours:
                points = np.concatenate([points + _along(n) for n in layout.offsets(case.spacing[0])], axis=1)
            image, mask = resample([case.channels[n] for n in there], case.lesions, points)
            mask = mask[:, mask.shape[1] // 2][:, None] if layout.neighbours else mask
            if background or self.every_slice or mask.any():
                break  # Otherwise a strong tilt or zoom pushed the lesion out of the patch: draw again.
        whiten, flat = self.whitening == "patch", len(patch) == 2
        if layout.is_plain:
            image = image[:, 0] if flat else image
            return change_intensity(image, rng, self.augmentation, whiten), mask[:, 0] if flat else mask
        image = change_intensity(image, rng, self.augmentation, whiten, flat=flat)
        planes = image if flat else image[:, None]
        into = torch.zeros((layout.count, *planes.shape[2:]))
        return layout.filled(planes, there, into), mask[:, 0] if flat else mask

    def _place(self, rng: np.random.Generator, background: bool) -> tuple[PreparedCase, np.ndarray]:
        """A case and the (s, y, x) index of the patch's centre before its shift."""
        hard: list[tuple[int, Any]] = [*(self._alarms if background else self._missed)]
        if hard and rng.random() < self.sampling.hard_fraction:
            number, where = hard[rng.integers(len(hard))]
            case = self.cases[number]
            centre = where.astype(float) if background else self._in_lesion(rng, case, where)
        else:
            cases = self.cases if background else self.with_lesion
            case = cases[rng.integers(len(cases))]
            centre = (
                self._in_background(rng, case)
                if background
                else self._in_lesion(rng, case, int(rng.integers(len(case.centres))))
            )
        if len(self.sampling.patch) == 3 and self.sampling.patch[0] >= case.lesions.shape[0]:
            centre[0] = (case.lesions.shape[0] - 1) / 2  # All slices fit, as in the paper: no shift between slices.
        return case, centre

    def _in_background(self, rng: np.random.Generator, case: PreparedCase) -> np.ndarray:
        if self.sampling.alike_fraction and len(case.alike) and rng.random() < self.sampling.alike_fraction:
            places = case.alike
        else:
            places = case.vertebrae if len(case.vertebrae) and rng.random() < 0.5 else case.body
        return places[rng.integers(len(places))].astype(float) if len(places) else np.array(case.lesions.shape) / 2

    def _in_lesion(self, rng: np.random.Generator, case: PreparedCase, lesion: int) -> np.ndarray:
        centre = case.centres[lesion].copy()
        if self.every_slice:
            centre[0] = rng.integers(case.lesions.shape[0])
        elif len(self.sampling.patch) == 2:  # One of the lesion's slices.
            centre[0] = rng.integers(case.boxes[lesion, 0, 0], case.boxes[lesion, 1, 0] + 1)
        return centre


def draw_kept(rng: np.random.Generator, count: int, weights: Sequence[float], counts: Sequence[float]) -> list[int]:
    """Which of ``count`` sequences are kept, in their order; arguments as of :class:`SamplingSettings`."""
    shares = np.asarray(counts[:count], float)
    number = 1 + int(rng.choice(len(shares), p=shares / shares.sum()))
    chances = np.asarray(weights or [1.0] * count, float)
    return sorted(int(n) for n in rng.choice(count, number, replace=False, p=chances / chances.sum()))


def _along(slices: int) -> np.ndarray:
    """Of sampling points: so many slices further along s."""
    return np.array([slices, 0, 0], np.float32)[:, None, None, None]
