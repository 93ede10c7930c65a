"""Tasks as jobs: JSON-able parameters in, files into a folder, a JSON-able result out. The worker runs these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from SpineLib.errors import SpineError
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct_jobs import ct_lesions_job
from SpineLib.tasks.inpaint_job import inpaint_job
from SpineLib.tasks.vertebra_jobs import vertebrae_job


def segment_job(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Job "segment".

    Args:
        parameters: ``{"inputs": {"T1": path, "T2": path}, "model": id or path, "settings": {...}}``; "settings" are
            those of :class:`SpineLib.tasks.segment.SegmentSettings`.
        folder: gets ``probability.nrrd`` and ``labels.nrrd``.

    Returns:
        ``{"probability": name, "labels": name, "lesions": [...], "provenance": {...}, "notes": [...]}``, names of files
        in ``folder``.
    """
    from SpineLib.models.catalogue import find_bundle
    from SpineLib.tasks.segment import SegmentSettings, segment
    from SpineLib.volume import read_volume, write_volume

    settings = SegmentSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Loading the model")
    bundle = find_bundle(parameters["model"])
    progress(0.01, "Reading the images")
    sequences = {name: read_volume(path, name) for name, path in parameters["inputs"].items()}
    result = segment(sequences, bundle, settings, part(progress, 0.02, 0.97))
    progress(0.97, "Writing the result")
    write_volume(result.probability, folder / "probability.nrrd")
    write_volume(result.labels, folder / "labels.nrrd")
    return {
        "probability": "probability.nrrd",
        "labels": "labels.nrrd",
        "lesions": [lesion.to_dict() for lesion in result.lesions],
        "provenance": result.provenance,
        "notes": result.notes,
    }


def refine_job(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Job "refine".

    Args:
        parameters: ``{"inputs": {"image": path, "region": path}, "settings": {...}}``, both on one grid; "settings" are
            those of :class:`SpineLib.tasks.refine.RefineSettings`.
        folder: gets ``mask.nrrd``.

    Returns:
        ``{"mask": name, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.refine import RefineSettings, refine
    from SpineLib.volume import read_volume, write_volume

    settings = RefineSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the image")
    image, region = (read_volume(parameters["inputs"][name], name) for name in ("image", "region"))
    result = refine(image, region, settings, part(progress, 0.1, 0.95))
    write_volume(result.mask, folder / "mask.nrrd")
    return {"mask": "mask.nrrd", "provenance": result.provenance, "notes": result.notes}


def compare_job(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Job "compare".

    Args:
        parameters: ``{"inputs": {"metastasis": path, "necrosis": path}, "after_to_before_lps": 4 x 4 or null,
            "error_mm": number or null, "trusted": bool, "settings": {...}}``; the masks are not 0 inside; "settings"
            are those of :class:`SpineLib.tasks.compare.CompareSettings`; only "inputs" is needed.
        folder: gets ``margin.vtp``, the metastasis's surface with its margin.

    Returns:
        ``{"comparison": {...}, "surface": name, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.compare import CompareSettings, compare
    from SpineLib.tasks.comparison_output import write_surface
    from SpineLib.volume import read_volume

    settings = CompareSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the masks")
    masks = [read_volume(parameters["inputs"][name], name) for name in ("metastasis", "necrosis")]
    result = compare(
        *masks,
        parameters.get("after_to_before_lps"),
        settings,
        part(progress, 0.1, 0.95),
        parameters.get("error_mm"),
        parameters.get("trusted", True),
    )
    write_surface(result.surface, folder / "margin.vtp")
    return {
        "comparison": result.to_dict(),
        "surface": "margin.vtp",
        "provenance": result.provenance,
        "notes": result.notes,
    }


def detect_job(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Job "detect".

    Args:
        parameters: ``{"inputs": {"STIR": path}, "model": id or path, "settings": {...}, "labels": path or None}``; the
            one input is the sequence that the model wants; "settings" are those of
            :class:`SpineLib.tasks.detect.DetectSettings`; "labels" are vertebrae, which need not be given.
        folder: gets ``likelihood.nrrd`` (on the image's grid) and ``slices.nrrd`` (sagittal slices of 1 mm).

    Returns:
        ``{"likelihood": name, "slices": name, "candidates": [...], "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.models.catalogue import find_bundle
    from SpineLib.tasks.detect import DetectSettings, detect
    from SpineLib.volume import read_volume, write_volume

    settings = DetectSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Loading the model")
    bundle = find_bundle(parameters["model"])
    wanted = bundle.card.inputs[0]
    if wanted not in parameters["inputs"]:
        raise SpineError(
            f"The model '{bundle.card.id}' needs {wanted}, and it was not given; choose it or another model."
        )
    progress(0.01, "Reading the image")
    image = read_volume(parameters["inputs"][wanted], wanted)
    labels = read_volume(parameters["labels"], "vertebrae") if parameters.get("labels") else None
    found = detect(image, bundle, settings, part(progress, 0.02, 0.97), labels)
    progress(0.97, "Writing the result")
    write_volume(found.likelihood, folder / "likelihood.nrrd")
    write_volume(found.slices, folder / "slices.nrrd")
    return {
        "likelihood": "likelihood.nrrd",
        "slices": "slices.nrrd",
        "candidates": [candidate.to_dict() for candidate in found.candidates],
        "provenance": found.provenance,
        "notes": found.notes,
    }


def register_job(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Job "register".

    Args:
        parameters: ``{"inputs": {"before": path, "after": path}, "region": {"mask": path} or {"centre_lps_mm": [3],
            "size_mm": [3]}, "start": {"before_lps_mm": [[3]...], "after_lps_mm": [[3]...]} or None, "settings":
            {...}}``; "settings" are those of :class:`SpineLib.tasks.register.RegisterSettings`.
        folder: gets ``after_to_before.tfm``.

    Returns:
        ``{"transform": name, "after_to_before_lps": 4 x 4, "quality": {...}, "provenance": {...}, "notes": [...]}``.
    """
    from SpineLib.tasks.region import Region
    from SpineLib.tasks.register import RegisterSettings, register
    from SpineLib.tasks.registration_points import rigid_from_points
    from SpineLib.volume import read_volume
    from SpineLib.volume.transform import write_transform

    settings = RegisterSettings.from_dict(parameters.get("settings") or {})
    place, points = parameters["region"], parameters.get("start")
    progress(0.0, "Reading the scans")
    if "mask" in place:
        region = Region.from_mask(read_volume(place["mask"], "metastasis"))
    else:
        region = Region.from_box(place.get("centre_lps_mm"), place.get("size_mm"))
    start, left_mm = rigid_from_points(points["before_lps_mm"], points["after_lps_mm"]) if points else (None, None)
    scans = [read_volume(parameters["inputs"][when], when) for when in ("before", "after")]
    result = register(*scans, region, settings, part(progress, 0.05, 0.98), start)
    write_transform(result.after_to_before, folder / "after_to_before.tfm")
    notes = [] if left_mm is None else [f"The pairs of points fit each other to {left_mm:.1f} mm."]
    return {"transform": "after_to_before.tfm"} | result.to_dict() | {"notes": notes + result.notes}


def model_job(parameters: Mapping, folder: Path, progress: Progress = silent) -> dict:
    """Job "model".

    Args:
        parameters: ``{"inputs": {"mask": path, "before": path or None}, "settings": {...}, "formats": ["stl", ...],
            "space": "LPS" or "RAS"}``; the masks are not 0 inside; "settings" are those of
            :class:`SpineLib.mesh.model.ModelSettings`; only "inputs" with its mask is needed.
        folder: gets ``model.vtp``, ``before.vtp`` (with a mask before), and ``model.stl`` etc. where the print gate
            passes the model.

    Returns:
        ``{"model": name, "before": name or None, "files": [names], "checks": [...], "passed": bool, "measures": {...},
        "provenance": {...}, "notes": [...]}``; "checks" are those of :class:`SpineLib.mesh.gate.Check`.
    """
    from SpineLib.mesh.model import ModelSettings, write_model
    from SpineLib.tasks.reconstruct import reconstruct, write_models
    from SpineLib.volume import read_volume

    settings = ModelSettings.from_dict(parameters.get("settings") or {})
    progress(0.0, "Reading the masks")
    paths = parameters["inputs"]
    before = read_volume(paths["before"], "mask before the repair") if paths.get("before") else None
    result = reconstruct(read_volume(paths["mask"], "mask"), before, settings, part(progress, 0.05, 0.85))
    progress(0.85, "Writing the model")
    model, earlier = write_models(result, folder)
    files = []
    for name in parameters.get("formats") or [] if result.model.report.passed else []:
        files.append(f"model.{name.lower().lstrip('.')}")
        write_model(result.model, folder / files[-1], overwrite=True, space=parameters.get("space") or "LPS")
    return {
        "model": model,
        "before": earlier,
        "files": files,
        **result.model.report.to_dict(),
        "measures": result.measures,
        "provenance": result.provenance,
        "notes": result.notes,
    }


#: What each job runs, and the parameters without which it cannot.
_JOBS: dict[str, tuple[Callable[[Mapping, Path, Progress], dict], tuple[str, ...]]] = {
    "segment": (segment_job, ("inputs", "model")),
    "detect": (detect_job, ("inputs", "model")),
    "refine": (refine_job, ("inputs",)),
    "register": (register_job, ("inputs", "region")),
    "compare": (compare_job, ("inputs",)),
    "model": (model_job, ("inputs",)),
    "ct-lesions": (ct_lesions_job, ("inputs", "model")),
    "vertebrae": (vertebrae_job, ("inputs", "model")),
    "inpaint": (inpaint_job, ("inputs",)),
}


def run_job(name: str, parameters: Mapping, folder: str | Path, progress: Progress = silent) -> dict:
    """Run the job of that name; see its own function for parameters and result.

    Raises:
        SpineError: no such job, a parameter is missing, or the task's own.
        Cancelled: by ``progress``.
    """
    if name not in _JOBS:
        raise SpineError(f"There is no job '{name}'; there are {', '.join(_JOBS)}.")
    job, needed = _JOBS[name]
    missing = [key for key in needed if key not in parameters]
    if missing:
        raise SpineError(f"The job '{name}' lacks {' and '.join(missing)}; this is a mistake of the calling program.")
    return job(parameters, Path(folder), progress)
