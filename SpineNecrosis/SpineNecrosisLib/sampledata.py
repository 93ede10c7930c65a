"""A simulated patient before and after an ablation in Slicer's Sample Data: drawn here, nothing is downloaded."""

import logging

from SpinePanel.i18n import tr as _

CATEGORY = _("Spine Oncology")
SAMPLE = _("Simulated spine before and after RFA")
_SEED = 5
_SETTINGS = {
    "outcomes": (0.0, 1.0, 0.0),
    "others": (1, 1),
    "region": "lumbar",
    "matrix": 256,
    "slices": 20,
    "spacing": 1.1,
}


def register(thumbnail):
    """Put the sample's button into Sample Data; called once Slicer has started.

    Args:
        thumbnail: path of a picture.
    """
    try:
        import SampleData
    except ImportError:  # Slicer was started without that module, and ours must load all the same.
        return

    names = ("before T1", "before T2", "after ceT1", "after T2")
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category=CATEGORY,
        sampleName=SAMPLE,
        # Names only: with a downloader of its own Sample Data opens no address.
        uris=[f"simulated:{name.replace(' ', '-')}" for name in names],
        fileNames=[f"simulated-{name.replace(' ', '-')}.nrrd" for name in names],
        nodeNames=[f"Simulated {name}" for name in names],
        customDownloader=simulateSample,
        thumbnailFileName=thumbnail,
    )


def simulateSample(source=None):
    """Simulate the patient and add both scans to the scene.

    Returns:
        [T1 before, T2 before, ceT1 after, T2 after, true metastases, true necrosis]: volume and segmentation nodes.
    """
    import slicer

    from SpineLib.errors import SpineError

    try:
        slicer.util.showStatusMessage(_("Simulating a spine before and after an ablation ..."), 3000)
        nodes = loadSimulatedFollowUp(_SEED)
    except ModuleNotFoundError as error:
        slicer.util.errorDisplay(
            _(
                "The simulation needs the Python package {name}, which is missing: open the module Spine "
                "Ablation Follow-up and press Install in its section Set-up."
            ).format(name=error.name)
        )
        return []
    except (SpineError, ImportError) as error:
        logging.exception("the sample could not be simulated")
        slicer.util.errorDisplay(_("The sample could not be simulated: {error}").format(error=error))
        return []
    slicer.util.setSliceViewerLayers(background=nodes[0], fit=True)
    return nodes


def loadSimulatedFollowUp(seed, settings=None):
    """A simulated patient before and after an ablation as nodes.

    Args:
        seed: same seed, same patient.
        settings: ``SpineLib.phantom.FollowUpSettings``; default: a partial ablation, 256 x 256 x 16.
    """
    from SpineLib.phantom import FollowUpSettings, simulate_followup
    from SpineLib.scene.nodes import volume_to_node
    from SpineLib.scene.scans import SIMULATED

    case = simulate_followup(seed, settings or FollowUpSettings(**_SETTINGS))
    nodes, truths = [], []
    for when, scan, label, target in (
        ("before", case.before, "lesion", "metastasis"),
        ("after", case.after, "necrosis", "necrosis"),
    ):
        volumes = [
            volume_to_node(image, f"Simulated {when} {sequence}") for sequence, image in sorted(scan.images.items())
        ]
        for node in volumes:
            node.SetAttribute(SIMULATED, "1")
        if when == "after":  # ceT1 first, as in the panel
            volumes.sort(key=lambda node: "ceT1" not in node.GetName())
        nodes += volumes
        truths.append(_truth(scan.labels[label], volumes[0], target, seed))
    return [*nodes, *truths]


def _truth(labels, source, target, seed):
    """What was drawn as a segmentation, hidden."""
    import numpy as np

    from SpineLib.scene.results import add_segmentation
    from SpineLib.tasks.segmentation.lesions import measure_lesion

    lesions = [
        measure_lesion(labels.with_array(labels.array == number), None, int(number))
        for number in np.unique(labels.array)
        if number
    ]
    what = {"metastasis": "metastases", "necrosis": "necrosis"}[target]
    truth, _ids = add_segmentation(
        labels,
        lesions,
        source,
        name=f"Simulated true {what}",
        provenance={"simulated": True, "seed": seed, "target": target},
    )
    truth.SetDisplayVisibility(False)
    return truth
