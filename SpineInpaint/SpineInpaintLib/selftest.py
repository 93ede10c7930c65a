"""The module's own test in Slicer: from vertebrae to a printable file, on a small phantom."""

#: Array (k, j, i) and spacing (i, j, k) in mm of the phantom.
_SHAPE, _SPACING = (60, 56, 52), (1.5, 1.5, 1.5)
#: Centres of the vertebrae and of the lesion in one of them, RAS mm; axes of the ellipsoids, mm.
LEVELS = {"L2": (39.0, 42.0, 68.0), "L3": (39.0, 42.0, 40.0)}
LESION, LESION_MM = (46.0, 48.0, 42.0), (9.0, 9.0, 8.0)


def wholeWay(test, logic):
    """Vertebrae recognised by the logic.

    Args:
        test: a ``unittest.TestCase``.
        logic: SpineInpaintLogic.
    """
    from SpineLib.scene.vertebrae import collect_vertebrae

    ct, vertebrae, lesion = phantomNodes()
    found = collect_vertebrae(vertebrae)
    test.assertEqual([one.name for one in found.segments], list(LEVELS))
    test.assertEqual(logic.findInputs(), {"ct": ct, "vertebrae": vertebrae})


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
