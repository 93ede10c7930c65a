"""The module's own test in Slicer: the whole way from scans to the verdict, on a small phantom with tiny models."""

import tempfile
from pathlib import Path

#: Array (k, j, i) and spacing (i, j, k) in mm of both scans: 24 sagittal slices of 3 mm.
_SHAPE, _SPACING = (64, 56, 24), (3.0, 1.5, 1.5)
#: The scan after lies this far off, mm (R, A, S).
SHIFT_MM = (3.0, -4.5, 6.0)
#: Metastasis and necrosis as ellipsoids in the scan before: centre (R, A, S) and radii, mm.
METASTASIS, NECROSIS = ((36, 42, 48), (8, 8, 8)), ((36, 42, 48), (13, 13, 13))


def wholeWay(test, logic):
    """Both scans in, registered, segmented and compared by the worker.

    Args:
        test: a ``unittest.TestCase``.
        logic: SpineNecrosisLogic.
    """
    import numpy as np
    import slicer

    before, after = phantomNodes()
    with tempfile.TemporaryDirectory() as folder:
        models = {target: brightSpotBundle(Path(folder) / target, target) for target in ("metastasis", "necrosis")}
        texts = []
        metastasis = logic.segmentMetastasis(
            t2=before, model=models["metastasis"], device="cpu", progress=lambda fraction, text: texts.append(text)
        )
        necrosis = logic.segmentNecrosis(ceT1=after, model=models["necrosis"], device="cpu")
    test.assertTrue(texts, "no progress was reported")
    for node, kind in ((metastasis, "Neoplasm, Secondary"), (necrosis, "Necrosis")):
        test.assertEqual(node.GetSegmentation().GetNumberOfSegments(), 1)
        test.assertIn(kind, node.GetSegmentation().GetNthSegment(0).GetTerminology())
    transform = logic.register(before, after, metastasis, move=(after, necrosis))
    moved = slicer.util.arrayFromTransformMatrix(transform)
    test.assertLess(np.abs(moved[:3, 3] + moved[:3, :3] @ np.add((36, 42, 48), SHIFT_MM) - (36, 42, 48)).max(), 1.5)
    result = logic.compare(metastasis, necrosis, transform)
    test.assertGreater(result.comparison["overlap"]["covered_share"], 0.95)
    test.assertGreater(result.comparison["distance"]["minimum_mm"], 1.0)
    return result


def phantomNodes():
    """T2 before and ceT1 after: the same textured body, with a bright metastasis before and a bright zone after."""
    import numpy as np
    import slicer

    rng = np.random.default_rng(1)
    waves = [(rng.uniform(-1, 1, 3) / 2.5, rng.uniform(0, 6.3)) for _ in range(24)]
    nodes = []
    for name, shift, (centre, radii) in (
        ("T2 before", (0, 0, 0), METASTASIS),
        ("ceT1 after", SHIFT_MM, NECROSIS),
    ):
        k, j, i = np.meshgrid(*map(np.arange, _SHAPE), indexing="ij")
        place = np.stack([i, j, k], axis=-1) * _SPACING - np.array(shift)
        body = sum(np.sin(place @ wave + phase) for wave, phase in waves)
        inside = (((place - centre) / radii) ** 2).sum(axis=-1) <= 1
        voxels = 100 + 8 * body + rng.standard_normal(_SHAPE) + 900 * inside
        nodes.append(slicer.util.addVolumeFromArray(voxels.astype(np.float32), np.diag([*_SPACING, 1.0]), name))
    return nodes


def brightSpotBundle(folder, target, identifier=None):
    """A model bundle whose tiny network marks what is much brighter than the rest.

    Args:
        folder: where to.
        target: "metastasis" (on T2) or "necrosis" (on ceT1).

    Returns:
        The folder, as text.
    """
    from SpinePanel.tinymodel import brightSpots

    inputs = ("T2",) if target == "metastasis" else ("ceT1",)
    return brightSpots(folder, f"{target}-segmentation", inputs, identifier=identifier or f"bright-{target}-2d")
