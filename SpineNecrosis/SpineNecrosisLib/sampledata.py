"""A simulated patient before and after an ablation in Slicer's Sample Data: drawn here, nothing is downloaded."""

from SpinePanel import sampledata
from SpinePanel.i18n import tr as _

SAMPLE = _("Simulated spine before and after RFA")
_SEED = 5
_SCANS = ("before T1", "before T2", "after ceT1", "after T2")
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
    sampledata.register(
        SAMPLE,
        {f"simulated-{name.replace(' ', '-')}": f"Simulated {name}" for name in _SCANS},
        simulateSample,
        thumbnail,
    )


def simulateSample(source=None):
    """Simulate the patient and add both scans to the scene.

    Returns:
        [T1 before, T2 before, ceT1 after, T2 after, true metastases, true necrosis]: volume and segmentation nodes.
    """
    doing = _("Simulating a spine before and after an ablation ...")
    return sampledata.simulated(lambda: loadSimulatedFollowUp(_SEED), doing, _("Spine Ablation Follow-up"))


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
