"""The simulated spine in Slicer's Sample Data: drawn on this machine when asked for, nothing is downloaded."""

import logging

from SpinePanel.i18n import tr as _

CATEGORY = _("Spine Oncology")
SAMPLE = _("Simulated spine with metastases (T1, T2)")
_SEED = 3
_SETTINGS = {"matrix": 320, "slices": 18, "region": "lumbar", "healthy": 0.0, "metastases": (3, 3)}


def register(thumbnail):
    """Put the sample's button into Sample Data; called once Slicer has started.

    Args:
        thumbnail: path of a picture.
    """
    try:
        import SampleData
    except ImportError:  # Slicer was started without that module, and ours must load all the same.
        return

    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE,
        # Names only: with a downloader of its own Sample Data opens no address.
        uris=["simulated:T1", "simulated:T2"],
        fileNames=["simulated-T1.nrrd", "simulated-T2.nrrd"],
        nodeNames=["Simulated spine T1", "Simulated spine T2"],
        customDownloader=simulateSample,
        thumbnailFileName=thumbnail,
    )


def simulateSample(source=None):
    """Simulate the case and add it to the scene.

    Returns:
        [T1 volume node, T2 volume node, segmentation node with the true lesions].
    """
    import slicer

    from SpineLib.errors import SpineError

    try:
        slicer.util.showStatusMessage(_("Simulating a spine with metastases ..."), 3000)
        nodes = loadSimulatedCase(_SEED)
    except ModuleNotFoundError as error:
        slicer.util.errorDisplay(
            _(
                "The simulation needs the Python package {name}, which is missing: open the module Spine "
                "Metastasis Segmentation and press Install in its section Set-up."
            ).format(name=error.name)
        )
        return []
    except (SpineError, ImportError) as error:
        logging.exception("the sample could not be simulated")
        slicer.util.errorDisplay(_("The sample could not be simulated: {error}").format(error=error))
        return []
    slicer.util.setSliceViewerLayers(background=nodes[0], fit=True)
    return nodes


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
