"""The images that the walk takes: the modules' sample data by their buttons, or the small scenes of their own tests."""

import slicer

from walking.stage import Skipped


def _press(words):
    """Press a sample's button in Sample Data; returns its nodes."""
    sources = [one for some in slicer.modules.sampleDataSources.values() for one in some if words in one.sampleName]
    if not sources:
        raise AssertionError(f"Sample Data offers no “{words}”")
    nodes = sources[0].customDownloader(sources[0])
    if not nodes:
        raise Skipped("the sample could not be simulated; was Install pressed?")
    return nodes


def metastases(data):
    """T1, T2 and the true lesions: {"t1", "t2", "truth"}."""
    if data != "phantom":
        return dict(zip(("t1", "t2", "truth"), _press("metastases"), strict=True))
    from SpineMetSegLib.selftest import phantomNodes

    t1, t2, mask = phantomNodes()
    return {"t1": t1, "t2": t2, "truth": _drawn(t1, "Phantom true lesions", {"both": mask})}


def followup(data):
    """Scans before and after and both masks: {"beforeT2", "afterCeT1", "metastasis", "necrosis"}."""
    if data != "phantom":
        names = ("beforeT1", "beforeT2", "afterCeT1", "afterT2", "metastasis", "necrosis")
        return dict(zip(names, _press("before and after"), strict=True))
    import numpy as np

    from SpineNecrosisLib.selftest import METASTASIS, NECROSIS, SHIFT_MM, phantomNodes

    before, after = phantomNodes()
    treated = _drawn(before, "Phantom metastasis", {"treated": _ball(before, *METASTASIS)})
    zone = _drawn(after, "Phantom necrosis", {"zone": _ball(after, np.add(NECROSIS[0], SHIFT_MM), NECROSIS[1])})
    return {"beforeT2": before, "afterCeT1": after, "metastasis": treated, "necrosis": zone}


def repair(data):
    """CT, its vertebrae, the true lesion: {"ct", "vertebrae", "lesion"}."""
    if data != "phantom":
        return dict(zip(("ct", "vertebrae", "lesion"), _press("lytic"), strict=False))
    from SpineInpaintLib.selftest import phantomNodes

    return dict(zip(("ct", "vertebrae", "lesion"), phantomNodes(), strict=True))


def _ball(volume, centre, radii):
    """Mask (k, j, i) of an ellipsoid, RAS mm, in a volume whose axes run along R, A and S."""
    import numpy as np

    k, j, i = np.indices(slicer.util.arrayFromVolume(volume).shape)
    place = np.stack([i, j, k], axis=-1) * volume.GetSpacing() + volume.GetOrigin()
    return (((place - np.array(centre)) / radii) ** 2).sum(axis=-1) <= 1


def _drawn(volume, name, masks):
    """A segmentation of a volume; masks (k, j, i) by the segments' names."""
    import numpy as np

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
    for label, mask in masks.items():
        segment = node.GetSegmentation().AddEmptySegment("", label)
        slicer.util.updateSegmentBinaryLabelmapFromArray(mask.astype(np.uint8), node, segment, volume)
    return node
