"""A lesion detector made by hand, and a CT with what it finds: no training, and the answer is known beforehand."""

from __future__ import annotations

import numpy as np

from SpineLib.models import ModelBundle, ModelCard, save_bundle
from SpineLib.networks.faster_rcnn import FasterRCNN
from SpineLib.preprocess.ct_slices import SlicePreparation
from SpineLib.volume import Volume
from SpineLib.volume.told import MODALITY

WIDTHS = (2, 2, 2, 2, 2)
#: mm of the bright blocks' sides, and of the only anchor's, so large that one box stays of all around a block.
BLOCK, ANCHOR = 16, 64


def save_bright_block_detector(folder) -> ModelBundle:
    """A bundle whose network gives a box of 64 x 64 mm, its middle to 16 mm, around what is brighter than 0.7."""
    import torch

    network = FasterRCNN(3, WIDTHS, 4, (float(ANCHOR),), (1.0,)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for number, layer in enumerate(layer for layer in network.features if isinstance(layer, torch.nn.Conv2d)):
            layer.weight[0, 1 if number == 0 else 0, 1, 1] = 1.0  # the middle of the three slices goes through
        network.features[0].bias[0] = -0.7
        network.proposer["convolution"].weight[0, 0, 1, 1] = 1.0
        network.proposer["objectness"].weight[0, 0] = 1.0
        network.classifier[0].weight[0, 24] = 1.0  # the middle of the 7 x 7
        network.classifier[3].weight[0, 0] = 1.0
        network.score.weight[1, 0] = 100.0
        network.score.bias[1] = -5.0
    preparation = SlicePreparation((-250.0, 1000.0), 1.0, 4.0)
    card = ModelCard(
        id="bright-blocks-ct",
        title="Bright blocks (test)",
        task="ct-lesion-detection",
        licence="Apache-2.0",
        network={
            "type": "faster-rcnn",
            "inputs": 3,
            "widths": list(WIDTHS),
            "hidden": 4,
            "scales": [float(ANCHOR)],
            "ratios": [1.0],
            "batch_norm": False,
        },
        inputs=("CT",),
        preparation=preparation.to_dict(),
        patch=(64, 64),
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
    )
    return save_bundle(folder, network, card)


def ct_with_blocks(*places, slices=10, size=176) -> Volume:
    """A CT of soft tissue in air, 1 x 1 x 4 mm, slices from feet to head.

    Args:
        places: (slice, row, column) of the first corner of bright blocks, three slices high. Rows and columns of
            8 + 16 n make each fill one place of conv5 where the body's edge, at 8, is the first pixel looked at.
    """
    rng = np.random.default_rng(5)
    array = np.full((slices, size, size), -1000.0)
    array[:, 8:-8, 8:-8] = 40 + 10 * rng.standard_normal((slices, size - 16, size - 16))
    for k, j, i in places:
        array[k : k + 3, j : j + BLOCK, i : i + BLOCK] = 900
    return Volume(array.astype(np.int16), (1.0, 1.0, 4.0), (-60.0, -40.0, 300.0), meta={MODALITY: "CT"})
