"""Crops of samples, warped alike in all channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from SpineLab.training.completion.config import CompletionAugmentation, CompletionConfig
from SpineLab.training.completion.reach import REACHES, grown
from SpineLab.training.completion.samples import Sample
from SpineLib.geometry.signed_distance import signed_distance
from SpineLib.preprocess.vertebra_frame import FRAME_MM
from SpineLib.tasks.inpainting.completion import CHANNELS, CUT_MM
from SpineLib.volume.volume import Volume

_PARTS = 127.0
_UNKNOWN, _KNOWN = CHANNELS.index("unknown"), CHANNELS.index("known")
#: How often a region beyond the bone is a mass, reaches as far everywhere (as far as drawn, or 8 mm), or is a box.
_REACHES = (0.35, 0.3, 0.2, 0.15)
#: What channels that are no distances hold beyond a sample: nothing unknown, all of the mirror image known.
_BEYOND = dict.fromkeys(CHANNELS, 1.0) | {"unknown": 0.0}


class Crops:
    """Random crops around what was cut away.

    Args:
        samples: to draw from.
        config: all settings.
    """

    def __init__(self, samples: Sequence[Sample], config: CompletionConfig):
        self.config = config
        self.groups = [
            group
            for group in ([one for one in samples if not one.simulated], [one for one in samples if one.simulated])
            if group
        ]

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The crops of a step: channels (n, 7, w, v, u) and true distance (n, 1, w, v, u), in parts of ``CUT_MM``."""
        sampling = self.config.sampling
        rng = np.random.default_rng([sampling.seed, 5, step])
        crops = []
        for _ in range(sampling.batch):
            group = self.groups[0] if len(self.groups) == 1 or rng.random() < sampling.real else self.groups[1]
            crop = _crop(group[rng.integers(len(group))], sampling.crop, rng)
            crops.append(with_reach(crop, rng) if rng.random() < sampling.masses else crop)
        arrays = torch.from_numpy(np.stack(crops))
        return augmented(arrays, self.config.augmentation, rng)


def tensors_of(sample: Sample) -> torch.Tensor:
    """All channels and the truth of a sample, (8, w, v, u), float32."""
    return torch.from_numpy(np.concatenate([sample.channels, sample.truth[None]]).astype(np.float32) / _PARTS)


def with_reach(arrays: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Channels and truth (8, w, v, u) as if a region far beyond the bone were unknown (a mass, a box).

    What is unknown and what is known of the bone change; the templates, which were fitted before, stay.
    """
    unknown, bone = arrays[_UNKNOWN] > 0.5, arrays[-1] * CUT_MM
    wider = grown(unknown, bone, FRAME_MM, str(rng.choice(REACHES, p=_REACHES)), rng)
    # Only the difference counts, so that what lies between the voxels is kept.
    mask = Volume(bone < 0, (FRAME_MM,) * 3)
    after, before = (signed_distance(mask, part, CUT_MM).array for part in (wider, unknown))
    result = arrays.copy()
    result[_KNOWN] = np.clip(arrays[_KNOWN] + (after - before) / CUT_MM, -1, 1)
    result[_UNKNOWN] = wider
    return result


def augmented(
    arrays: torch.Tensor, settings: CompletionAugmentation, rng: np.random.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Channels and truth of crops (n, 8, w, v, u), warped and mirrored."""
    count, _, *size = arrays.shape
    thetas = np.zeros((count, 3, 4), np.float32)
    for n in range(count):
        angles = np.radians(rng.normal(0, settings.turn_degrees, 3))
        turn = _turn(angles) @ np.diag(np.exp(rng.normal(0, settings.scale, 3)))
        if settings.mirror and rng.random() < 0.5:
            turn[:, 0] *= -1
        thetas[n, :, :3] = turn
    grid = functional.affine_grid(torch.from_numpy(thetas), [count, 1, *size], align_corners=False)
    noise = rng.standard_normal((count, 3, 4, 4, 4)).astype(np.float32) * settings.wave_voxels * 1.7
    wave = functional.interpolate(torch.from_numpy(noise), size=size, mode="trilinear", align_corners=True)
    scale = torch.tensor([2.0 / size[2], 2.0 / size[1], 2.0 / size[0]])
    grid = grid + wave.permute(0, 2, 3, 4, 1) * scale
    warped = functional.grid_sample(arrays, grid, padding_mode="border", align_corners=False)
    warped[:, _UNKNOWN] = (warped[:, _UNKNOWN] > 0.5).float()
    above, below = CHANNELS.index("above"), CHANNELS.index("below")
    for n in range(count):
        if rng.random() < settings.alone:
            kept, lost = (above, below) if rng.random() < 0.5 else (below, above)
            warped[n, lost] = warped[n, kept]
    return warped[:, :-1], warped[:, -1:]


def _turn(angles: np.ndarray) -> np.ndarray:
    (a, b, c), (d, e, f) = np.cos(angles), np.sin(angles)
    about = ([[1, 0, 0], [0, a, -d], [0, d, a]], [[b, 0, e], [0, 1, 0], [-e, 0, b]], [[c, -f, 0], [f, c, 0], [0, 0, 1]])
    return np.array(about[0]) @ np.array(about[1]) @ np.array(about[2])


def _crop(sample: Sample, size: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """(8, w, v, u) float32 around a voxel that was cut away; beyond the sample all is background and known."""
    arrays = np.concatenate([sample.channels, sample.truth[None]])
    places = np.argwhere(arrays[_UNKNOWN] > 0)
    middle = places[rng.integers(len(places))]
    result = np.empty((len(arrays), *size), np.float32)
    for channel, name in enumerate((*CHANNELS, "truth")):
        result[channel] = _BEYOND.get(name, 1.0)
    here, there = [], []
    for centre, wanted, there_is in zip(middle, size, arrays.shape[1:]):
        # As much of the sample as fits.
        first = int(np.clip(centre - wanted // 2, min(0, there_is - wanted), max(0, there_is - wanted)))
        here.append(slice(max(0, -first), max(0, -first) + min(there_is, wanted)))
        there.append(slice(max(0, first), max(0, first) + min(there_is, wanted)))
    result[(slice(None), *here)] = arrays[(slice(None), *there)] / _PARTS
    return result
