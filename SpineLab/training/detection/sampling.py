"""Batches for the detector: what step ``step`` holds depends on the seed and the step only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from SpineLab.training.detection.cases import BACKGROUND, LESION, VERTEBRA, DetectorCase
from SpineLab.training.detection.config import DetectorAugmentation, DetectorConfig
from SpineLib.networks.siamese import Siamese
from SpineLib.tasks.detection.likelihood import patches, whitened, window

#: What a lattice's place beyond the image is: it counts for nothing.
OUTSIDE = 255


@dataclass(frozen=True)
class Batch:
    """One step's input and truth.

    Attributes:
        images: for each scale, float32 (n, 1, rows, columns).
        kinds: uint8 (n, rows, columns) of places: BACKGROUND, VERTEBRA, LESION or OUTSIDE.
    """

    images: list[torch.Tensor]
    kinds: torch.Tensor


class Sampler:
    """Draws batches from prepared cases.

    Args:
        cases: to draw from.
        config: the training's.
        network: says how far patches reach.
    """

    def __init__(self, cases: list[DetectorCase], config: DetectorConfig, network: Siamese):
        self.cases, self.config, self.network = cases, config, network
        # (case, slice) of all slices with a metastasis, and how many places of each are one.
        found = [
            (number, s, count)
            for number, case in enumerate(cases)
            for s, count in enumerate((case.kinds == LESION).sum(axis=(1, 2)))
            if count
        ]
        if not found:
            raise ValueError("no case shows a metastasis")
        self.slices = np.array([one[:2] for one in found])
        counts = np.array([one[2] for one in found], dtype=float)
        self.share = counts / counts.sum()
        # (case, places (n, 3) of slice, row, column) of each metastasis.
        self.lesions = [
            (number, np.argwhere(case.lesions == label).astype(np.int16))
            for number, case in enumerate(cases)
            for label in np.unique(case.lesions[case.lesions > 0])
        ]

    def batch(self, step: int) -> Batch:
        """The batch of a step."""
        rng = np.random.default_rng([self.config.sampling.seed, step])
        return self._patches(rng) if self.config.sampling.kind == "patches" else self._strips(rng)

    def _patches(self, rng: np.random.Generator) -> Batch:
        """As many normal places as metastatic ones, of the same slices (section 2.4), or both ``anywhere``."""
        settings = self.config.sampling
        positives = max(1, round(settings.batch * settings.positives))
        if settings.anywhere:
            drawn = [self._centre(rng, number < positives) for number in range(settings.batch)]
        else:
            owners = self.slices[rng.choice(len(self.slices), positives, p=self.share)]
            wanted = [(case, s, LESION) for case, s in owners]
            wanted += [(*owners[n % positives], self._normal(rng)) for n in range(settings.batch - positives)]
            drawn = [(case, s, np.array(self._place(rng, case, s, kind))) for case, s, kind in wanted]
        kinds = torch.tensor([[[self.cases[case].kinds[s, r, c]]] for case, s, (r, c) in drawn], dtype=torch.uint8)
        changes = [_Change(rng, self.config.augmentation) for _ in drawn]
        white, images = self.config.normalisation == "patch", []
        for scale in self.config.scales:
            cut = []
            for (case, s, place), change in zip(drawn, changes):
                one = patches(self.cases[case].images[scale][s], self.network, scale, place[None], False)
                one = one.astype(np.float32)
                cut.append(change(whitened(one)[0] if white else one[0]))
            images.append(torch.from_numpy(np.stack(cut))[:, None])
        return Batch(images, kinds)

    def _strips(self, rng: np.random.Generator) -> Batch:
        """Lattices, so many of them around a metastasis, the others around a normal place."""
        settings = self.config.sampling
        positives = max(1, round(settings.positives * settings.batch))
        kinds: list = []
        images: list[list] = [[] for _ in self.config.scales]
        for number in range(settings.batch):
            case, s, centre = self._centre(rng, number < positives)
            change = _Change(rng, self.config.augmentation)
            reach = round(settings.spacing) * np.array([settings.rows, settings.columns])
            first = np.round(centre - reach * rng.uniform(0.15, 0.85, 2)).astype(int)
            kinds.append(change.turned(self._kinds(case, s, first)))
            for scale, into in zip(self.config.scales, images):
                cut = window(
                    self.cases[case].images[scale][s],
                    self.network,
                    scale,
                    tuple(first),
                    (settings.rows, settings.columns),
                    settings.spacing,
                )
                into.append(change(cut.astype(np.float32)))
        return Batch([torch.from_numpy(np.stack(one))[:, None] for one in images], torch.from_numpy(np.stack(kinds)))

    def _kinds(self, case: int, s: int, first: np.ndarray) -> np.ndarray:
        """What the places of a lattice are."""
        settings, known = self.config.sampling, self.cases[case].kinds[s]
        places = [
            start + round(settings.spacing) * np.arange(count)
            for start, count in zip(first, (settings.rows, settings.columns))
        ]
        inside = [(axis >= 0) & (axis < size) for axis, size in zip(places, known.shape)]
        kinds = np.full((settings.rows, settings.columns), OUTSIDE, np.uint8)
        kinds[np.ix_(*inside)] = known[np.ix_(*(axis[ok] for axis, ok in zip(places, inside)))]
        return kinds

    def _centre(self, rng: np.random.Generator, positive: bool) -> tuple[int, int, np.ndarray]:
        """Case, slice and place; metastases are equally likely whatever their size."""
        if positive:
            case, places = self.lesions[rng.integers(len(self.lesions))]
            s, *place = places[rng.integers(len(places))].astype(int)
            return case, int(s), np.array(place)
        case = int(rng.integers(len(self.cases)))
        s = int(rng.integers(len(self.cases[case].kinds)))
        return case, s, np.array(self._place(rng, case, s, self._normal(rng)))

    def _normal(self, rng: np.random.Generator) -> int:
        return VERTEBRA if rng.random() < self.config.sampling.vertebra else BACKGROUND

    def _place(self, rng: np.random.Generator, case: int, s: int, kind: int) -> tuple[int, int]:
        """A place of that kind in a slice, normal ones where ``whole_slice`` says; any other where there is none."""
        kinds = self.cases[case].kinds[s]
        columns = slice(0, kinds.shape[1]) if self.config.sampling.whole_slice else self.cases[case].columns
        for wanted in (kind, BACKGROUND, VERTEBRA):
            if wanted == LESION:
                rows, found = np.nonzero(kinds == LESION)
            else:
                rows, found = np.nonzero(kinds[:, columns] == wanted)
                found = found + columns.start
            if len(rows):
                chosen = rng.integers(len(rows))
                return int(rows[chosen]), int(found[chosen])
        raise ValueError("a slice without any place")


class _Change:
    """One sample's augmentation, alike at all scales but for the noise."""

    def __init__(self, rng: np.random.Generator, settings: DetectorAugmentation):
        self.rng = rng
        self.across = "anterior-posterior" in settings.flips and rng.random() < 0.5
        self.along = "superior-inferior" in settings.flips and rng.random() < 0.5
        self.gain = float(np.exp(rng.uniform(-1, 1) * np.log(settings.gain)))
        self.shift = float(rng.uniform(-1, 1)) * settings.shift
        self.curve = float(rng.uniform(-1, 1)) * settings.curve
        self.noise = float(rng.uniform(0, 1)) * settings.noise

    def turned(self, array: np.ndarray) -> np.ndarray:
        """Flipped along rows and columns, the last two axes."""
        array = array[..., ::-1, :] if self.along else array
        return np.ascontiguousarray(array[..., ::-1] if self.across else array)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """A normalised image, flipped and with other contrast."""
        if self.curve:  # x + c (sqrt(1 + x^2) - 1) rises everywhere for |c| < 1: bends like a gamma, keeps 0
            image = image + np.float32(self.curve) * (np.sqrt(1 + image * image) - 1)
        if self.gain != 1 or self.shift:
            image = image * np.float32(self.gain) + np.float32(self.shift)
        if self.noise:
            image = image + self.rng.standard_normal(image.shape, dtype=np.float32) * np.float32(self.noise)
        return self.turned(image)
