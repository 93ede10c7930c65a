"""A detector made by hand, and a cohort it can be measured on: no training, and what it finds is known beforehand."""

from __future__ import annotations

import json

import numpy as np

from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.siamese import Siamese
from SpineLib.sequences import SEQUENCES
from SpineLib.volume import Volume, write_volume

#: mm of a test image's pixel and slice.
PIXEL, SLICE = 1.5, 4.0


def bright_spot_detector(folder, identifier="bright-spots-stir", scales=(1.0,), inputs=("STIR",)):
    """Save a bundle whose network marks what is much brighter than its surroundings; returns the folder."""
    import torch

    network = Siamese(scales, "margin").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for norm in network.norms:
            norm.weight.fill_(1.0)
        for convolution in network.convolutions:
            convolution.weight[0, 0, 1, 1] = 1.0
        share = network.hidden.weight.unflatten(1, (len(scales), 32, 9, 6))
        share[0, scales.index(1.0), 0, 4, 2:4] = 0.5  # the middle of the patch
        network.last.weight[:, 0] = torch.tensor([-2.0, 2.0])
        network.last.bias[:] = torch.tensor([3.0, -3.0])  # even odds at 1.5 deviations of the slice
    card = ModelCard(
        id=identifier,
        title="Bright spots (test)",
        task="metastasis-detection",
        licence="Apache-2.0",
        network={"type": "siamese", "context": "margin", "scales": list(scales)},
        inputs=inputs,
        preparation={"normalisation": "slice", "smallest_area_cm2": 1.0},
        patch=(79, 55),
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
    )
    save_bundle(folder, network, card)
    return str(folder)


def spots(lesions, others=(), shape=(64, 56, 5), seed=1):
    """An image with a bright front, as of fat, and bright spots of 15 x 15 mm in slices 2 and 3: (image, truth).

    Args:
        lesions, others: rows, in pixels, of spots that are in the truth and that are not; all lie in the middle column.
    """
    truth = np.zeros(shape, np.uint8)
    image = 100 + 5 * np.random.default_rng(seed).standard_normal(shape)
    image[:, :8] += 200  # so that a slice without a spot is more than noise
    for order, row in enumerate([*lesions, *others], start=1):
        box = (slice(row - 5, row + 5), slice(23, 33), slice(2, 4))
        image[box] += 200
        if order <= len(lesions):
            truth[box] = order
    direction = np.array([[-1.0, 0, 0], [0, 1, 0], [0, 0, -1]])  # k downwards, j backwards, i to the right
    return tuple(Volume(array, (SLICE, PIXEL, PIXEL), direction=direction) for array in (image.astype(np.int16), truth))


def write_spots(folder, cases, sequence="STIR"):
    """Write a cohort of :func:`spots`, given the rows of lesions and of others for each case.

    The lesions of every second case are called sclerotic, the others lytic.
    """
    folder.mkdir(parents=True)
    (folder / "dataset_description.json").write_text(json.dumps({"Name": "spots", "Simulated": True}))
    for number, rows in enumerate(cases, start=1):
        name = f"sub-{number:03d}"
        image, truth = spots(*rows, seed=number)
        for volume, place, suffix in (
            (image, folder / name, SEQUENCES[sequence].bids),
            (truth, folder / "derivatives" / "labels" / name, "label-lesion_mask"),
        ):
            (place / "anat").mkdir(parents=True)
            write_volume(volume, place / "anat" / f"{name}_{suffix}.nii.gz")
        kind = "sclerotic" if number % 2 == 0 else "lytic"
        (place / f"{name}_truth.json").write_text(
            json.dumps(
                {"lesions": [{"number": order, "kind": kind, "place": "body"} for order in range(1, len(rows[0]) + 1)]}
            )
        )
    return folder
