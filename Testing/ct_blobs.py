"""A cohort of small CTs with round lesions, in the form that ``spine phantom --ct`` writes."""

from __future__ import annotations

import json

import numpy as np

from SpineLib.volume import Volume, write_volume

SIZE, SLICES, SPACING = 96, 8, (1.0, 1.0, 3.0)


def blob_ct(centre, radius, seed=1):
    """A CT, its vertebra and its lesion: a denser ball of ``radius`` mm in a block of bone in a round body.

    Args:
        centre: (k, j, i) of the lesion.
    """
    rng = np.random.default_rng(seed)
    k, j, i = np.indices((SLICES, SIZE, SIZE))
    body = (j - SIZE / 2) ** 2 + (i - SIZE / 2) ** 2 <= 44**2
    vertebra = (abs(j - SIZE / 2) <= 25) & (abs(i - SIZE / 2) <= 25)
    distance = ((k - centre[0]) * SPACING[2]) ** 2 + (j - centre[1]) ** 2 + (i - centre[2]) ** 2
    lesion = distance <= radius**2
    image = np.where(lesion, 800, np.where(vertebra, 250, np.where(body, 40, -1000)))
    image = image + 15 * rng.standard_normal(image.shape)
    place = (np.zeros(3), np.eye(3))
    return tuple(
        Volume(array, SPACING, tuple(place[0]), place[1])
        for array in (image.astype(np.int16), 20 * vertebra.astype(np.uint8), lesion.astype(np.uint8))
    )


def write_blobs(folder, cases=4):
    """Write a cohort of so many cases; the lesion lies elsewhere and is of another size in each."""
    for number in range(1, cases + 1):
        rng, name = np.random.default_rng(number), f"sub-{number:03d}"
        centre = (rng.integers(3, 5), *rng.integers(36, 60, 2))
        ct, vertebrae, lesion = blob_ct(centre, rng.uniform(8, 13), number)
        labels = folder / "derivatives" / "labels" / name
        (folder / name / "ct").mkdir(parents=True)
        (labels / "ct").mkdir(parents=True)
        write_volume(ct, folder / name / "ct" / f"{name}_ct.nii.gz")
        for suffix, volume in (
            ("label-vertebrae_dseg", vertebrae),
            ("label-intact_dseg", vertebrae),
            ("label-lesion_mask", lesion),
        ):
            write_volume(volume, labels / "ct" / f"{name}_{suffix}.nii.gz")
        (labels / f"{name}_truth.json").write_text(json.dumps({"simulated": True}))
    return folder
