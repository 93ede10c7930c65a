"""A network that marks lesions: masks on the CT's own grid, boxes, kinds; and what is said when it marks nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from SpineLib.models import ModelCard, save_bundle
from SpineLib.networks.unet import UNet
from SpineLib.tasks.ct.lesion_boxes import box_mask
from SpineLib.tasks.ct.lesion_marks import CHANNELS, KINDS, MASS, MIXED, SCLEROTIC, kind_of
from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions, told_search
from SpineLib.volume import Volume
from SpineLib.volume.told import MODALITY

WIDTHS = (2, 2)
#: Middle of the bright block and half its sides, mm from the image's middle.
MIDDLE, HALF = np.array([10.0, -8.0, 6.0]), np.array([8.0, 6.0, 9.0])


def bright_marker(folder, figures=None):
    """A bundle whose network calls sclerotic what is brighter than 650 HU."""
    network = UNet(3, CHANNELS, WIDTHS, len(KINDS)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.zero_()
        for block, first in ((network.down[0], 0), (network.up[0], WIDTHS[1])):  # along the finest level alone
            block[0].weight[0, first, 1, 1, 1] = block[3].weight[0, 0, 1, 1, 1] = 1.0
        network.last.bias.zero_()
        network.last.bias[0] = 20.0
        network.last.weight[SCLEROTIC, 0] = 400.0
        network.last.bias[SCLEROTIC] = -60.0  # 0.2 of the window's half of 750 HU above its middle, 500 HU
    card = ModelCard(
        id="bright-marks",
        title="Bright blocks, marked (test)",
        task="ct-lesion-detection",
        network={"type": "unet", "dimensions": 3, "inputs": CHANNELS, "widths": list(WIDTHS), "outputs": len(KINDS)},
        inputs=("CT",),
        preparation={"spacing_mm": 1.5},
        patch=(32, 32, 32),
        licence="Apache-2.0",
        training_data={"simulated": True, "description": "Made by hand for tests, not trained"},
        figures=figures or {},
    )
    return save_bundle(folder, network, card)


def ct_with_block(spacing=(1.0, 1.0, 2.0), direction=None, there=True) -> Volume:
    """A CT of soft tissue in air with a bright block."""
    direction = np.eye(3) if direction is None else direction
    size = np.array([round(80 / side) for side in spacing])
    origin = -direction @ ((size - 1) / 2 * spacing) + (5.0, -100.0, 400.0)
    k, j, i = np.indices(size[::-1])
    places = (np.stack([i, j, k], -1) * spacing) @ direction.T + origin - (5.0, -100.0, 400.0)
    array = np.where(np.abs(places).max(axis=-1) < 34, 40, -1000)
    if there:
        array[(np.abs(places - MIDDLE) < HALF).all(axis=-1)] = 900
    array[:2] = 300  # bone of no matter, without which this would be no CT
    return Volume(array.astype(np.int16), spacing, tuple(origin), direction, meta={MODALITY: "CT"})


@pytest.mark.parametrize(
    "axes", [np.eye(3), np.diag([-1.0, -1.0, 1.0]), np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]])]
)
def test_a_lesion_is_marked_where_it_lies_on_a_ct_of_any_axes(tmp_path, axes):
    ct = ct_with_block(direction=axes)
    found = detect_ct_lesions(ct, bright_marker(tmp_path / "m"), CtLesionSettings(device="cpu", precision="float32"))
    (lesion,) = found.lesions
    assert lesion.kind == "sclerotic" and lesion.probability > 0.9
    np.testing.assert_allclose(np.array(lesion.centre_lps_mm) - (5.0, -100.0, 400.0), MIDDLE, atol=1.0)
    # To the voxels of 1.5 mm that the network sees, one to each side.
    np.testing.assert_allclose(lesion.size_mm, 2 * HALF, atol=3.0)
    assert lesion.recist_mm[0] == pytest.approx(2 * np.hypot(*HALF[:2]), abs=4.0)
    assert found.mask is not None and found.mask.same_grid(ct) and set(np.unique(found.mask.array)) == {0, 1}
    both = (found.mask.array > 0) & (ct.array > 500)
    assert 2 * both.sum() / ((found.mask.array > 0).sum() + (ct.array > 500).sum()) > 0.85
    assert lesion.volume_ml == pytest.approx(8 * HALF.prod() / 1000, rel=0.25)
    assert (box_mask(ct, lesion).array[ct.array > 500] > 0).mean() > 0.8


def test_with_vertebrae_only_what_touches_them_is_marked(tmp_path):
    ct, bundle = ct_with_block(), bright_marker(tmp_path / "m")
    bone = (ct.array > 500).astype(np.uint8)
    settings = CtLesionSettings(device="cpu", precision="float32")
    assert len(detect_ct_lesions(ct, bundle, settings, vertebrae=ct.with_array(bone)).lesions) == 1
    away = np.zeros_like(bone)
    away[4:8, :12, :12] = 1
    found = detect_ct_lesions(ct, bundle, settings, vertebrae=ct.with_array(away))
    assert found.lesions == []
    assert found.searched.startswith("The vertebrae of the segmentation were searched and nothing else")


def test_that_nothing_was_marked_is_never_said_without_how_much_is_missed(tmp_path):
    figures = {"real_patients": {"lesions": 10, "found": 4, "false_marks_a_scan": 1.5}}
    bundle = bright_marker(tmp_path / "m", figures)
    found = detect_ct_lesions(ct_with_block(there=False), bundle, CtLesionSettings(device="cpu"))
    assert found.lesions == [] and found.notes[0] == found.searched
    assert found.searched == (
        "All of the CT was searched. Of 10 lesions of real patients (too few to rely on) that this model was "
        "measured on it found 4, with "
        "1.5 false marks a scan: that it marks nothing does not mean that there is nothing."
    )
    untold = told_search(replace(bundle.card, figures={}), False, False)
    assert untold.endswith("has not been measured: look for yourself.")


def test_a_lesion_is_named_by_what_most_of_it_is_and_by_its_mass():
    kinds = np.array([MIXED] * 6 + [SCLEROTIC] * 2)
    assert kind_of(kinds) == "mixed"
    assert kind_of(np.append(kinds, [MASS] * 4)) == "mixed with soft-tissue mass"
    assert kind_of(np.array([MASS])) == "soft-tissue mass"
