"""Results in the scene whose looks are tested: a comparison, a printed model, a likelihood."""

from __future__ import annotations

import numpy as np
import pytest
import slicer

from SpineLib.jobs.registry import run_job
from SpineLib.scene import comparison as com
from Testing.scene.ablation import make_case


def compared(folder):
    (metastasis, one), (necrosis, other), transform = make_case()[:3]
    what = com.collect_pair((metastasis, [one]), (necrosis, [other]), transform)
    return com.import_comparison(folder, run_job("compare", what.parameters(folder), folder), what)


def margin_surface(folder):
    return com.part_of(compared(folder).head, "Surface")


def printed_model(folder):
    pytest.importorskip("manifold3d", reason="manifold3d is not installed")
    from SpineLib.scene import printmodel as pm
    from SpineLib.scene.printmodelnodes import paint
    from SpineLib.scene.repair import BEFORE, PART, REPAIRED
    from Testing.scene.bones import L3, LESION, add_ct, add_segments, block, ids_of

    node = add_segments(add_ct(), {"L3 repaired": block(L3), "L3 before": block(L3, without=LESION)}, "L3 repaired")
    for name, part in (("L3 repaired", REPAIRED), ("L3 before", BEFORE)):
        node.GetSegmentation().GetSegment(ids_of(node)[name]).SetTag(PART, part)
    shape = pm.collect_shape(node, {"smoothing": 0.3, "decimation_mm": 0.2})
    model = pm.import_model(folder, run_job("model", shape.parameters(folder), folder), shape)
    paint(pm.part_of(model.head, "Model"), "distance")
    return pm.part_of(model.head, "Model")


def likelihood(folder):
    from SpineLib.scene.detection import LikelihoodOverlay, add_likelihood
    from SpineLib.scene.nodes import volume_from_node

    image = slicer.util.addVolumeFromArray(np.random.default_rng(0).random((20, 20, 20)).astype(np.float32), name="T2")
    node = add_likelihood(volume_from_node(image), image, "likelihood", {"task": "detect"})
    LikelihoodOverlay(node).show()
    return node
