"""Job "followup-report", seen from the scene: a comparison and the scans out to files."""

from __future__ import annotations

from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.reports.patient import patient_facts
from SpineLib.scene.comparison import METASTASIS_ROLE, NECROSIS_ROLE, comparison_of, pair_of
from SpineLib.scene.dicomfacts import copy_series, facts_of
from SpineLib.scene.outgoing import outgoing_segments
from SpineLib.scene.registration import registration_record
from SpineLib.scene.results import provenance_of, segment_tag, source_volume
from SpineLib.scene.review import kept_ids
from SpineLib.scene.runs import RunInputs
from SpineLib.scene.scans import SIMULATED, unregistered_volume
from SpineLib.scene.select import candidate_of, sequence_of
from SpineLib.scene.stability import spine_lines
from SpineLib.tasks.segmentation.naming import LEVEL, PROVENANCE
from SpineLib.tasks.stability.form import distance_words
from SpineLib.volume import write_volume


def export_report(
    head, before, after, folder: str | Path, *, with_patient: bool = False, with_dicom: bool = False
) -> tuple[RunInputs, dict]:
    """Write what the report shows.

    Args:
        head: of a comparison.
        before, after: volume nodes to be shown.
        folder: private folder of the job.
        with_patient: whether the patient is named.
        with_dicom: whether both segmentations are written as DICOM SEG, too.

    Returns:
        What watches the scene meanwhile, and the job's parameters.

    Raises:
        SpineError: there is no comparison, what was compared is gone or was changed, a scan cannot be used.
    """
    folder = Path(folder)
    if not comparison_of(head):
        raise SpineError("There is no comparison to report: compare first.")
    pair = pair_of(head)
    registration = pair.registration
    parameters = pair.parameters(folder) | {"images": {}, "names": {}, "simulated": False}
    for role, node in (("before", before), ("after", after)):
        volume = unregistered_volume(node, registration, f"scan {role}")
        path = folder / f"image-{role}.nrrd"
        write_volume(volume, path, compress=False)
        texts = candidate_of(node)
        sequence = sequence_of(texts.name, texts.description)[0] or "Scan"
        parameters["images"][role], parameters["names"][role] = str(path), f"{sequence} {role}"
        parameters["simulated"] |= node.GetAttribute(SIMULATED) is not None
    record = registration_record(registration)
    parameters["registration"] = record if record.get("quality") else None
    parameters["notes"] = list(comparison_of(head)["notes"])
    if record.get("accepted"):
        parameters["notes"].append("The registration did not trust itself; it was looked at and accepted by eye.")
    parameters["level"] = _level(*pair.nodes[:1], *pair.ids[:1])
    parameters["models"] = _models(head)
    distances = comparison_of(head).get("canal") or {}
    parameters["spine"] = [distance_words(name, one) for name, one in distances.items()]
    parameters["spine"] += spine_lines(pair.nodes[0], pair.ids[0])
    if with_patient:
        parameters["patient"] = patient_facts(facts_of(before), facts_of(after))
    if with_dicom:
        parameters["dicom"] = {
            "metastases": _dicom(head.GetNodeReference(METASTASIS_ROLE), before, folder, "metastases", registration),
            "necroses": _dicom(head.GetNodeReference(NECROSIS_ROLE), after, folder, "necroses", registration),
        }
    return RunInputs({}, {}), parameters


def _level(segmentation, ids) -> str:
    """The levels that segments (None: all that were not rejected) lie at, each once; "" where none is known."""
    chosen = kept_ids(segmentation) if ids is None else ids
    levels = (segment_tag(segmentation.GetSegmentation().GetSegment(one), LEVEL) for one in chosen)
    return "/".join(dict.fromkeys(level for level in levels if level))


def _models(head) -> list[str]:
    """Ids of the models that made what was compared."""
    found = []
    for role in (METASTASIS_ROLE, NECROSIS_ROLE):
        node = head.GetNodeReference(role)
        model = provenance_of(node).get("model") if node is not None and node.GetAttribute(PROVENANCE) else None
        if isinstance(model, dict) and model.get("id"):
            found.append(model["id"])
    return list(dict.fromkeys(found))


def _dicom(segmentation, shown, folder: Path, name: str, registration) -> dict:
    """All segments that were not rejected, and the series they belong to, as parameters of the job."""
    source = source_volume(segmentation) or shown
    model = provenance_of(segmentation).get("model") or {}
    return outgoing_segments(segmentation, folder, name, registration) | {
        "series": str(copy_series(source, folder / f"series-{name}")),
        "model": {"id": model["id"], "version": model.get("version", "")} if model.get("id") else None,
    }
