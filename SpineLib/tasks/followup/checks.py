"""Whether two scans are what a follow-up takes them for: one patient, the right order, contrast on the second."""

from __future__ import annotations

import re

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.volume.dicom_facts import DicomFacts
from SpineLib.volume.resampling import resample_like
from SpineLib.volume.volume import Volume

RIGHT, SWAPPED, UNKNOWN = "right", "swapped", "unknown"
_EARLY = re.compile(r"before|baseline|prior|preabl|pre[-_ ]|(?<![a-z])pre(?![a-z])|vorher", re.I)
#: A folder or study called "follow-up" holds the scan from before, too: the word counts where nothing else tells.
_FOLLOW = re.compile(r"follow", re.I)
_LATE = re.compile(r"after|postabl|post[-_ ]|(?<![a-z])post(?![a-z])|nachher|necros", re.I)
#: The rim that enhances lies right outside the dead tissue, a few millimetres wide (Steffen 2020).
_RIM_MM = 4.0
_LEAST_ENHANCEMENT = 1.1


def check_patients(before: DicomFacts | None, after: DicomFacts | None, allow_different: bool = False) -> list[str]:
    """Refuse scans of two patients, told by the patients' ids in DICOM.

    Returns:
        A sentence for the user when the patients differ and this is allowed; else none.

    Raises:
        SpineError: the ids differ; neither of them is shown.
    """
    if before is None or after is None or not (before.patient_id and after.patient_id):
        return []
    if before.patient_id == after.patient_id:
        return []
    if not allow_different:
        raise SpineError(
            "The two scans have different patient IDs; choose scans of one patient, or add "
            "--allow-different-patients when the IDs were replaced."
        )
    return ["The two scans have different patient IDs in DICOM; they were compared as asked."]


def order_of_dates(before: DicomFacts | None, after: DicomFacts | None) -> str:
    """:data:`RIGHT`, :data:`SWAPPED`, or :data:`UNKNOWN` where a date is missing or both scans are of one time."""
    if before is None or after is None or not (before.when and after.when) or before.when == after.when:
        return UNKNOWN
    return RIGHT if before.when < after.when else SWAPPED


def order_of_names(before: str, after: str) -> str:
    """What the names of files and folders say about the order ("ses-after", "baseline"): both must say it."""
    early_first, late_first = bool(_EARLY.search(before)), _is_late(before)
    early_last, late_last = bool(_EARLY.search(after)), _is_late(after)
    if early_first in (late_first, early_last) or early_last == late_last:
        return UNKNOWN
    return RIGHT if early_first else SWAPPED


def _is_late(text: str) -> bool:
    return bool(_LATE.search(text)) or bool(_FOLLOW.search(text) and not _EARLY.search(text))


def contrast_note(contrast_enhanced: Volume, necrosis: Volume, facts: DicomFacts | None = None) -> str | None:
    """A sentence when contrast seems to be missing on the "after" scan, by DICOM or, without it, by the image.

    Dead tissue does not enhance and the rim around it does (Steffen et al. 2020): without a rim that is brighter than
    what it encloses, either no contrast was given or no ablation done. A hint only, never an error.

    Args:
        contrast_enhanced: the ceT1 volume.
        necrosis: its mask, not 0 inside, any grid of the same space.
        facts: of the DICOM series; its ContrastBolusAgent decides where it is there.
    """
    if facts is not None:
        if facts.contrast_agent:
            return None
        return (
            "The contrast-enhanced T1 series names no contrast agent in DICOM; make sure that it was taken after "
            "contrast."
        )
    ratio = rim_enhancement(contrast_enhanced, necrosis)
    if ratio is None or ratio >= _LEAST_ENHANCEMENT:
        return None
    return (
        f"The rim around the necrosis is hardly brighter than its core on contrast-enhanced T1 ({ratio:.2f} times);"
        " make sure that contrast was given."
    )


def rim_enhancement(image: Volume, necrosis: Volume) -> float | None:
    """Upper quartile of the intensity within 4 mm outside the mask over the median inside; None without a mask.

    The quartile: where tumour is left the rim is missing, on the other side it is there.
    """
    from scipy import ndimage

    mask = resample_like(necrosis.with_array((necrosis.array != 0).astype(np.uint8)), image, nearest=True).array > 0
    if not mask.any():
        return None
    box = tuple(slice(max(int(w.min()) - 20, 0), int(w.max()) + 21) for w in np.nonzero(mask))
    mask, values = mask[box], np.asarray(image.array[box], float)
    distance = ndimage.distance_transform_edt(~mask, sampling=image.spacing[::-1])
    rim = (distance > 0) & (distance <= max(_RIM_MM, min(image.spacing)))
    core = float(np.median(values[mask]))
    return float(np.percentile(values[rim], 75)) / core if rim.any() and core > 0 else None
