"""The module's own test in Slicer: from vertebrae to a printable file, on a small phantom."""

import tempfile
from pathlib import Path

#: Array (k, j, i) and spacing (i, j, k) in mm of the phantom.
_SHAPE, _SPACING = (60, 56, 52), (1.5, 1.5, 1.5)
#: Centres of the vertebrae and of the lesion in one of them, RAS mm; axes of the ellipsoids, mm.
LEVELS = {"L2": (39.0, 42.0, 68.0), "L3": (39.0, 42.0, 40.0)}
LESION, LESION_MM = (46.0, 48.0, 42.0), (9.0, 9.0, 8.0)


def wholeWay(test, logic):
    """The vertebra with a hole repaired, made a model and written by the worker; no model bundle is needed.

    Args:
        test: a ``unittest.TestCase``.
        logic: SpineInpaintLogic.
    """
    from SpineLib.scene.printmodel import part_of
    from SpineLib.scene.vertebrae import collect_vertebrae

    ct, vertebrae, lesion = phantomNodes()
    test.assertEqual([one.name for one in collect_vertebrae(vertebrae).segments], list(LEVELS))
    test.assertEqual(logic.findInputs(), {"ct": ct, "vertebrae": vertebrae})
    texts = []
    repair = logic.repair(
        vertebrae, "L3", lesion, settings={"method": "templates"}, progress=lambda fraction, text: texts.append(text)
    )
    test.assertTrue(texts, "no progress was reported")
    hole_ml = 4.19e-3 * LESION_MM[0] * LESION_MM[1] * LESION_MM[2]
    test.assertGreater(repair.measures["added_ml"], 0.6 * hole_ml)
    test.assertLess(repair.measures["added_ml"], 1.2 * hole_ml)
    model = logic.buildModel(repair.segmentation)
    test.assertTrue(model.model["passed"], model.model["checks"])
    test.assertIsNotNone(part_of(model.head, "Before"))
    with tempfile.TemporaryDirectory() as folder:
        path = logic.export(repair.segmentation, Path(folder) / "L3.3mf")
        test.assertGreater(path.stat().st_size, 1000)
    return repair


def phantomNodes():
    """A CT with two vertebrae, a hole in the lower one: (volume, segmentation of the vertebrae, of the lesion)."""
    import numpy as np
    import slicer

    k, j, i = np.meshgrid(*map(np.arange, _SHAPE), indexing="ij")
    place = np.stack([i, j, k], axis=-1) * _SPACING
    hole = _ellipsoid(place, LESION, LESION_MM)
    masks = {level: _vertebra(place, centre) & ~hole for level, centre in LEVELS.items()}
    rng = np.random.default_rng(3)
    hu = np.where(sum(masks.values()) > 0, 350.0, np.where(place[..., 1] < 6, -100.0, 40.0))
    hu = (hu + 20 * rng.standard_normal(_SHAPE)).astype(np.int16)
    ct = slicer.util.addVolumeFromArray(hu, np.diag([*_SPACING, 1.0]), "Phantom CT")
    vertebrae = _segmentation(ct, "Phantom vertebrae", masks)
    return ct, vertebrae, _segmentation(ct, "Phantom lesion", {"Lesion": hole})


def _vertebra(place, centre):
    """A body, a canal behind it, and an arch with a spinous process."""
    import numpy as np

    x, y, z = (place[..., n] - centre[n] for n in range(3))
    body = (((x / 21) ** 4 + ((y - 8) / 15) ** 4) < 1) & (np.abs(z) < 11)
    ring = (np.hypot(x, y + 15) < 15) & (np.hypot(x, y + 14) > 9) & (np.abs(z) < 7)
    process = (np.abs(x) < 4) & (y < -24) & (y > -38) & (np.abs(z + 2) < 6)
    return body | ring | process


def _ellipsoid(place, centre, radii):
    return (((place - centre) / radii) ** 2).sum(axis=-1) <= 1


def _segmentation(volume, name, masks):
    import numpy as np
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for label, mask in masks.items():
        segment = node.GetSegmentation().AddEmptySegment("", label)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, volume)
    return node
