"""A tiny cohort: noise with bright balls in place of lesions, enough to learn on within seconds."""

import json

import numpy as np

from SpineLib.volume import Volume, write_volume


def write_ball_cohort(folder, cases=6, shape=(48, 48, 8), seed=0):
    """Cases with T1 and T2 of (i, j, k) = ``shape`` with sagittal slices along k, one to two balls each."""
    direction = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=float)  # i to posterior, j to inferior, k to left
    rng = np.random.default_rng(seed)
    (folder / "dataset_description.json").parent.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "Simulated balls", "BIDSVersion": "1.9.0"}))
    for number in range(1, cases + 1):
        name = f"sub-{number:03d}"
        k, j, i = np.meshgrid(*(np.arange(n) for n in reversed(shape)), indexing="ij")
        lesions = np.zeros(k.shape, np.uint8)
        for label in range(1, 2 + number % 2):
            centre = rng.uniform((2, 14, 14), (6, 34, 34))
            distance = np.hypot(np.hypot((k - centre[0]) * 4, j - centre[1]), i - centre[2])
            lesions[distance < rng.uniform(6, 9)] = label
        vertebrae = ((i > 12) & (i < 36)).astype(np.uint8)
        geometry = {"spacing": (1.0, 1.0, 4.0), "direction": direction}
        anat, derived = folder / name / "anat", folder / "derivatives" / "labels" / name / "anat"
        anat.mkdir(parents=True)
        derived.mkdir(parents=True)
        for suffix, gain in (("T1w", -60), ("T2w", 80)):
            array = 200 + 30 * vertebrae + gain * (lesions > 0) + rng.normal(0, 8, k.shape)
            write_volume(Volume(array.astype(np.float32), **geometry), anat / f"{name}_{suffix}.nii.gz")
        grown = (lesions > 0) | np.roll(lesions > 0, 1, axis=2)
        for label, array in (
            ("label-lesion_mask", lesions),
            ("label-vertebrae_dseg", vertebrae),
            ("desc-reader1_mask", lesions > 0),
            ("desc-reader2_mask", grown),
        ):
            write_volume(Volume(array.astype(np.uint8), **geometry), derived / f"{name}_{label}.nii.gz")
    return folder
