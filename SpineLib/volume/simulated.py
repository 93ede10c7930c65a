"""Whether files say of themselves that what they show is simulated."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from SpineLib.volume.json_object import json_object

#: What a BIDS-like cohort says of itself, at its top.
DESCRIPTION = "dataset_description.json"
#: Folders above a file in which a cohort's description is looked for.
_LEVELS = 6
#: The demo's files are called so.
_PREFIX = "simulated_"


def simulated_description(description: dict) -> bool:
    """Whether a cohort's description calls the data simulated, by a key "Simulated" or in its name or text."""
    return bool(_said(description))


def simulated_files(paths: Iterable[str | Path]) -> bool:
    """Whether any of these files or folders is simulated.

    It is where its own sidecar (``sub-001_ct.json`` beside ``sub-001_ct.nii.gz``) or the ``dataset_description.json``
    of the folder that it lies in, up to six levels above, says so, or where it is called ``simulated_...`` as the
    demo's files are. The nearest file that says so, or says that it is not, decides.
    """
    return any(_simulated(Path(path)) for path in paths)


def _simulated(path: Path) -> bool:
    if path.name.lower().startswith(_PREFIX):
        return True
    path = path.absolute()
    beside = path.with_name(f"{path.name.split('.')[0]}.json")
    said = (_said(json_object(file)) for file in (beside, *(folder / DESCRIPTION for folder in path.parents[:_LEVELS])))
    return next((answer for answer in said if answer is not None), False)


def _said(description: dict) -> bool | None:
    flag = description.get("Simulated", description.get("simulated"))
    if flag is not None:
        return bool(flag)
    # A result's file beside it (``vertebrae.json``) tells what the model learned from: nothing of the patient.
    words = (value.lower() for value in description.values() if isinstance(value, str))
    return True if any("simulated" in text for text in words) else None
