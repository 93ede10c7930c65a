"""A tiny follow-up cohort: balls for metastases, one of them with a dark core and a bright rim for the necrosis."""

import json

import numpy as np

from SpineLib.volume import Volume, write_volume

_DIRECTION = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], dtype=float)  # i to posterior, j to inferior, k to left
OUTCOMES = ("complete", "partial", "missed")


def write_followup_cohort(folder, cases=3, shape=(48, 48, 8), seed=0):
    """Sessions "before" and "after"; case n is treated completely, partly, or beside the metastasis (n = 1, 2, 3, ...).

    Lesion 1 is the treated one, lesion 2 is not treated.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "Simulated balls after ablation."}))
    k, j, i = np.meshgrid(*(np.arange(n) for n in reversed(shape)), indexing="ij")

    def ball(centre, radius):
        return np.hypot(np.hypot((k - centre[0]) * 4, j - centre[1]), i - centre[2]) < radius

    for number in range(cases):
        name, outcome = f"sub-{number + 1:03d}", OUTCOMES[number % 3]
        centre = rng.uniform((3, 13, 16), (5, 17, 20))
        other = rng.uniform((3, 34, 18), (5, 38, 30))
        shift = {"complete": 0, "partial": 5, "missed": 15}[outcome]
        necrosis = ball(centre + (0, 0, shift), 9 if outcome == "complete" else 6)
        lesions = ball(centre, 7) * 1 + ball(other, 5) * 2
        rim = ball(centre + (0, 0, shift), 11 if outcome == "complete" else 8) & ~necrosis
        vertebrae = ((i > 12) & (i < 36)).astype(np.uint8)

        def image(gain, changed=(), vertebrae=vertebrae, lesions=lesions):
            array = 200 + 30 * vertebrae + gain * (lesions > 0) + rng.normal(0, 8, k.shape)
            for where, value in changed:
                array = np.where(where, value + rng.normal(0, 8, k.shape), array)
            return array.astype(np.float32)

        after = ((rim, 380), (necrosis, 120))
        images = {
            "before": {"T1w": image(-60), "T2w": image(80)},
            "after": {"ce-gd_T1w": image(40, after), "T2w": image(80, ((rim, 330), (necrosis, 150)))},
        }
        labels = {
            "before": {"label-lesion_mask": lesions, "label-vertebrae_dseg": vertebrae},
            "after": {"label-necrosis_mask": necrosis, "label-lesion_mask": lesions, "label-vertebrae_dseg": vertebrae},
        }
        for session in ("before", "after"):
            for kind, root in ((images, folder), (labels, folder / "derivatives" / "labels")):
                anat = root / name / f"ses-{session}" / "anat"
                anat.mkdir(parents=True)
                for ending, array in kind[session].items():
                    volume = Volume(
                        array if kind is images else array.astype(np.uint8), (1.0, 1.0, 4.0), direction=_DIRECTION
                    )
                    write_volume(volume, anat / f"{name}_ses-{session}_{ending}.nii.gz")
        truth = {"treated": {"level": "L1", "lesion": 1, "outcome": outcome}}
        (folder / "derivatives" / "labels" / name / f"{name}_truth.json").write_text(json.dumps(truth))
    return folder
