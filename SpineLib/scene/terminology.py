"""What a segment is, in SNOMED CT: Slicer's terminology strings and the extension's own lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import slicer

#: The extension's own lists; Resources lies beside SpineLib in a checkout and in the installed extension.
FOLDER = Path(__file__).resolve().parents[2] / "Resources" / "Terminology"

_TYPES = "Segmentation category and type - DICOM master list"
_REGIONS = "Anatomic codes - DICOM master list"


@dataclass(frozen=True)
class Code:
    """A code of a coding scheme: value, meaning, scheme ("SCT": SNOMED CT)."""

    value: str
    meaning: str
    scheme: str = "SCT"

    def __str__(self) -> str:
        return f"{self.scheme}^{self.value}^{self.meaning}"


ALTERED_STRUCTURE = Code("49755003", "Morphologically Altered Structure")
SECONDARY_NEOPLASM = Code("14799000", "Neoplasm, Secondary")
NECROSIS = Code("6574001", "Necrosis")
VERTEBRA = Code("51282000", "Vertebra")


def terminology_entry(category: Code, kind: Code, region: Code | None = None) -> str:
    """Slicer's terminology string: ``context~category~type~modifier~anatomic context~region~modifier``.

    The contexts are those of the DICOM master lists, which every Slicer has loaded.
    """
    return f"{_TYPES}~{category}~{kind}~^^~{_REGIONS}~{region or '^^'}~^^"


#: A metastasis in a vertebra of unknown level.
METASTASIS = terminology_entry(ALTERED_STRUCTURE, SECONDARY_NEOPLASM, VERTEBRA)


def register_terminologies(folder: Path = FOLDER) -> list[str]:
    """Load the ``*.term.json`` files of ``folder`` into the Terminologies module; does nothing where it is missing.

    Call it once the application has started (loading twice replaces the first).

    Returns:
        Names of the files loaded.
    """
    module = getattr(slicer.modules, "terminologies", None)
    if module is None:
        return []
    files = sorted(Path(folder).glob("*.term.json"))
    return [path.name for path in files if module.logic().LoadContextFromFile(str(path))]
