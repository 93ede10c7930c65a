"""Job "lesion-report", seen from the scene: the lesions of one examination out to files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SpineLib.errors import SpineError
from SpineLib.scene.dicomfacts import copy_series, series_files
from SpineLib.scene.outgoing import outgoing_segments
from SpineLib.scene.results import provenance_of, source_volume
from SpineLib.scene.runs import RunInputs
from SpineLib.scene.scans import SIMULATED, unregistered_volume
from SpineLib.scene.stability import spine_lines
from SpineLib.volume import write_volume


def report_source(segmentation, images: Mapping[str, Any]):
    """The volume node on which the segments lie: the one they were made from, else the first of the images; or None."""
    source = source_volume(segmentation) if segmentation is not None else None
    return source or next(iter(images.values()), None)


def export_lesion_report(
    segmentation, images: Mapping[str, Any], folder: str | Path, *, with_dicom: bool = False
) -> tuple[RunInputs, dict]:
    """Write what the report shows.

    Args:
        segmentation: its node; rejected segments are left out.
        images: sequence name to volume node; what the segments were made from is put first.
        folder: private folder of the job.
        with_dicom: whether DICOM objects are written, too; the source must have been loaded from DICOM.

    Returns:
        What watches the scene meanwhile, and the job's parameters.

    Raises:
        SpineError: nothing is segmented, there is no image, or it cannot be used.
    """
    folder = Path(folder)
    source = report_source(segmentation, images)
    if segmentation is None or source is None:
        raise SpineError("There is nothing to report: choose a segmentation, and the image it was drawn on.")
    moved = source.GetParentTransformNode()  # files lie where the scanner put the image
    parameters = outgoing_segments(segmentation, folder, "lesions", moved)
    named = {name: node for name, node in images.items() if node is not None}
    first = next((name for name, node in named.items() if node is source), "Scan")
    ordered = {first: source} | {name: node for name, node in named.items() if node is not source}
    parameters |= {"images": {}, "simulated": False, "provenance": provenance_of(segmentation)}
    for number, (name, node) in enumerate(ordered.items()):
        path = folder / f"image-{number}.nrrd"
        write_volume(unregistered_volume(node, moved, name), path, compress=False)
        parameters["images"][name] = str(path)
        parameters["simulated"] |= node.GetAttribute(SIMULATED) is not None
    parameters["spine"] = spine_lines(segmentation, unconfirmed=True)
    if with_dicom:
        parameters["series"] = str(copy_series(source, folder / "series"))
    return RunInputs({}, {}), parameters


def has_series(segmentation, images: Mapping[str, Any]) -> bool:
    """Whether DICOM objects can refer to a series."""
    source = report_source(segmentation, images)
    return source is not None and bool(series_files(source))
