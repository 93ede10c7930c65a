"""The module's own test in Slicer: the whole way from volumes to segments, on a small phantom with a tiny model."""

import tempfile
from pathlib import Path

#: The phantom: noise with two bright boxes, array (k, j, i); spacing (i, j, k) in mm, so 16 sagittal slices of 4 mm.
_SHAPE, _SPACING = (48, 40, 16), (4.0, 1.0, 1.0)
_BOXES = ((slice(8, 18), slice(10, 20), slice(5, 9)), (slice(30, 36), slice(22, 28), slice(9, 12)))


def wholeWay(test, logic):
    """Volumes in, segments out, by the worker.

    Args:
        test: a ``unittest.TestCase``.
        logic: SpineMetSegLogic.
    """
    import numpy as np
    import slicer

    t1, t2, truth = phantomNodes()
    with tempfile.TemporaryDirectory() as folder:
        texts = []
        segmentation = logic.segment(
            t1=t1,
            t2=t2,
            model=brightSpotBundle(Path(folder) / "model"),
            device="cpu",
            progress=lambda fraction, text: texts.append(text),
        )
    inner = segmentation.GetSegmentation()
    test.assertEqual(inner.GetNumberOfSegments(), len(_BOXES))
    test.assertTrue(texts, "no progress was reported")
    found = np.zeros(_SHAPE, bool)
    for number in range(inner.GetNumberOfSegments()):
        segmentId = inner.GetNthSegmentID(number)
        found |= slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segmentId, t1) > 0
        test.assertIn("Neoplasm, Secondary", inner.GetNthSegment(number).GetTerminology())
    dice = 2 * (found & truth).sum() / (found.sum() + truth.sum())
    test.assertGreater(dice, 0.8)
    return segmentation


def phantomNodes():
    """T1 and T2 volume nodes with two bright boxes, and the boxes as a bool array (k, j, i)."""
    import numpy as np
    import slicer

    rng = np.random.default_rng(1)
    truth = np.zeros(_SHAPE, bool)
    for box in _BOXES:
        truth[box] = True
    ijkToRas = np.diag([*_SPACING, 1.0])
    nodes = [
        slicer.util.addVolumeFromArray(
            (100 + 10 * rng.standard_normal(_SHAPE) + height * truth).astype(np.float32), ijkToRas, name
        )
        for name, height in (("Phantom T1", 20), ("Phantom T2", 400))
    ]
    return *nodes, truth


def brightSpotBundle(folder, dimensions=2, inputs=("T1", "T2"), identifier="bright-spots-2d"):
    """A model bundle whose tiny network marks what is much brighter than the rest in its last input.

    Returns:
        The folder, as text.
    """
    from SpinePanel.tinymodel import brightSpots

    return brightSpots(folder, "metastasis-segmentation", inputs, dimensions, identifier)
