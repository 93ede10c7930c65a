"""A simulated CT with a lytic metastasis in Slicer's Sample Data: drawn here, nothing is downloaded."""

from SpinePanel import sampledata
from SpinePanel.i18n import tr as _

SAMPLE = _("Simulated CT with a lytic lesion")
_SEED = 12
_SETTINGS = {
    "region": "lumbar",
    "matrix": 256,
    "spacing": 0.8,
    "thickness": 1.25,
    "slices": 110,
    "healthy": 0.0,
    "metastases": (1, 1),
    "kinds": ("lytic",),
    "metal": 0.0,
    "sagittal": 0.0,
}


def register(thumbnail):
    """Put the sample's button into Sample Data; called once Slicer has started.

    Args:
        thumbnail: path of a picture.
    """
    sampledata.register(SAMPLE, {"simulated-ct-lytic": "Simulated CT"}, simulateSample, thumbnail)


def simulateSample(source=None):
    """Simulate the patient and add CT, vertebrae and lesion to the scene.

    Returns:
        [CT, vertebrae as they are, true lesion, vertebrae before the lesion]: volume and segmentation nodes.
    """
    doing = _("Simulating a CT of a spine with a lytic metastasis ...")
    return sampledata.simulated(lambda: loadSimulatedCt(_SEED), doing, _("Spine Vertebra Repair"))


def loadSimulatedCt(seed, settings=None):
    """A simulated CT and its truths as nodes; the vertebrae before the lesion are hidden.

    Args:
        seed: same seed, same patient.
        settings: ``SpineLib.phantom.ct.CtSettings``; default: a lumbar spine with one lytic metastasis.
    """
    from SpineLib.phantom.ct import CtSettings, simulate_ct
    from SpineLib.scene.nodes import volume_to_node
    from SpineLib.scene.scans import SIMULATED

    case = simulate_ct(seed, settings or CtSettings(**_SETTINGS))
    ct = volume_to_node(case.ct, "Simulated CT")
    ct.SetAttribute(SIMULATED, "1")
    ct.GetDisplayNode().AutoWindowLevelOff()
    ct.GetDisplayNode().SetWindowLevel(1500, 400)
    nodes = [_truth(labels, ct, name, seed) for labels, name in (
        (case.vertebrae, "Simulated vertebrae"), (case.lesion, "Simulated true lesion"),
        (case.intact, "Simulated vertebrae before the lesion"))]  # fmt: skip
    nodes[0].GetDisplayNode().SetOpacity2DFill(0.3)
    nodes[2].SetDisplayVisibility(False)
    return [ct, *nodes]


def _truth(labels, source, name, seed):
    """What was drawn as a segmentation."""
    import numpy as np

    from SpineLib.scene.results import Entry, add_labels
    from SpineLib.scene.vertebrae import vertebra_entry
    from SpineLib.tasks.colours import nth_colour
    from SpineLib.tasks.segmentation.naming import METASTASIS
    from SpineLib.volume.levels import level_name

    numbers = [int(number) for number in np.unique(labels.array) if number]
    if "vertebrae" in name:
        entries = [vertebra_entry(number, level_name(number)) for number in numbers]
    else:
        entries = [Entry(n, f"Lesion_{n}", f"Lesion {n}", nth_colour(n), METASTASIS) for n in numbers]
    provenance = {"simulated": True, "seed": seed}
    return add_labels([(labels, entries)], source, name=name, provenance=provenance)[0]
