"""Outlines that lie over one another have colours that every reader can tell apart, colour-blind ones too."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from SpineLib.tasks.segmentation.lesions import find_lesions

#: Linear RGB as readers see it: all colours, without red cones, without green cones (Machado et al. 2009, severity 1).
EYES = {
    "all": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def seen(colour, eyes):
    """A colour (r, g, b; sRGB) in CIELAB, as readers see it."""
    from skimage.color import rgb2lab

    rgb = np.asarray(colour, float)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(EYES[eyes] @ linear, 0, 1)
    rgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return rgb2lab(rgb.reshape(1, 1, 3)).ravel()


def segmented(target, count=1):
    """Colours of the segments that a run brings into the scene."""
    from SpineLib.scene.nodes import volume_from_node
    from SpineLib.scene.results import add_segmentation

    array = np.zeros((20, 20, 20), np.float32)
    for n in range(count):
        array[2 : 2 + 3, 2:8, 6 * n : 6 * n + 4] = 1
    image = slicer.util.addVolumeFromArray(array, name="image")
    _, labels, lesions = find_lesions(volume_from_node(image), 0.5)
    node, ids = add_segmentation(labels, lesions, image, name=target, provenance={"target": target})
    return [node.GetSegmentation().GetSegment(one).GetColor() for one in ids]


def outlines():
    """What may lie over one another in a view, by its name: colours (r, g, b)."""
    from SpineLib.scene.ctlesions import add_empty_lesion
    from SpineLib.scene.vertebrae import vertebra_entry

    ct = slicer.util.addVolumeFromArray(np.zeros((4, 4, 4), np.int16), name="CT")
    node, segment = add_empty_lesion(ct)
    return {
        "metastasis": segmented("metastasis")[0],
        "necrosis": segmented("necrosis")[0],
        "lesion on CT": node.GetSegmentation().GetSegment(segment).GetColor(),
        **{f"vertebra {n}": vertebra_entry(n, "L3").colour for n in (20, 21, 22)},
    }


PAIRS = [("metastasis", "necrosis"), *(("lesion on CT", f"vertebra {n}") for n in (20, 21, 22))]


@pytest.mark.parametrize("eyes", EYES)
def test_outlines_that_lie_over_one_another_differ_for_every_reader(scene, eyes):
    from skimage.color import deltaE_ciede2000

    colours = outlines()
    for one, other in PAIRS:
        apart = float(deltaE_ciede2000(seen(colours[one], eyes), seen(colours[other], eyes)))
        assert apart > 15, f"{one} and {other}: {apart:.0f}"  # 2.3 is just seen side by side; thin lines need far more


def test_no_metastasis_has_the_colour_of_a_necrosis(scene):
    """Of several lesions each has its own colour, and none that the other scan's have."""
    from skimage.color import deltaE_ciede2000

    for one in segmented("metastasis", 3):
        for other in segmented("necrosis", 3):
            assert float(deltaE_ciede2000(seen(one, "all"), seen(other, "all"))) > 10


def test_several_lesions_can_be_told_apart(scene):
    from skimage.color import deltaE_ciede2000

    colours = segmented("metastasis", 3)
    assert len(colours) == 3
    for n, one in enumerate(colours):
        for other in colours[:n]:
            assert float(deltaE_ciede2000(seen(one, "all"), seen(other, "all"))) > 10
