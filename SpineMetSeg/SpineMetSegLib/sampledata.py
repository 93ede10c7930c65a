"""The simulated spine in Slicer's Sample Data: drawn on this machine when asked for, nothing is downloaded."""

from SpinePanel import sampledata
from SpinePanel.i18n import tr as _

SAMPLE = _("Simulated spine with metastases (T1, T2)")
_SEED = 3
_SETTINGS = {"matrix": 320, "slices": 18, "region": "lumbar", "healthy": 0.0, "metastases": (3, 3)}


def register(thumbnail):
    """Put the sample's button into Sample Data; called once Slicer has started.

    Args:
        thumbnail: path of a picture.
    """
    sampledata.register(
        SAMPLE, {"simulated-T1": "Simulated spine T1", "simulated-T2": "Simulated spine T2"}, simulateSample, thumbnail
    )


def simulateSample(source=None):
    """Simulate the case and add it to the scene.

    Returns:
        [T1 volume node, T2 volume node, segmentation node with the true lesions].
    """
    doing = _("Simulating a spine with metastases ...")
    return sampledata.simulated(lambda: loadSimulatedCase(_SEED), doing, _("Spine Metastasis Segmentation"))


def loadSimulatedCase(seed, settings=None):
    """A simulated patient as nodes: T1, T2 and the true lesions as a segmentation.

    Args:
        seed: same seed, same patient.
        settings: ``SpineLib.phantom.PhantomSettings``; default: 320 x 320 x 18, three metastases.
    """
    import numpy as np

    from SpineLib.phantom import PhantomSettings, simulate
    from SpineLib.scene.nodes import volume_to_node
    from SpineLib.scene.results import add_segmentation
    from SpineLib.tasks.segmentation.lesions import measure_lesion

    case = simulate(seed, settings or PhantomSettings(**_SETTINGS))
    t1, t2 = (volume_to_node(case.images[name], f"Simulated spine {name}") for name in ("T1", "T2"))
    lesions = [
        measure_lesion(case.lesions.with_array(case.lesions.array == number), None, int(number))
        for number in np.unique(case.lesions.array)
        if number
    ]
    truth, _ids = add_segmentation(
        case.lesions, lesions, t1, name="Simulated spine true lesions", provenance={"simulated": True, "seed": seed}
    )
    truth.SetDisplayVisibility(False)
    return [t1, t2, truth]
