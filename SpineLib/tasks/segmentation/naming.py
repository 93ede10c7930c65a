"""What lesions and necroses are called and how they are coded, alike in files and in Slicer's scene."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from SpineLib.tasks.segmentation.lesions import Lesion
from SpineLib.volume.levels import SNOMED

#: Segment tags (and node attribute): provenance as JSON, a lesion's number and mean probability.
PROVENANCE = "SpineOncology.Provenance"
LESION_ID = "SpineOncology.LesionId"
PROBABILITY = "SpineOncology.MeanProbability"
#: Segment tag: the level a lesion lies at, "L3".
LEVEL = "SpineOncology.Level"

_TYPES = "Segmentation category and type - DICOM master list"
_REGIONS = "Anatomic codes - DICOM master list"
#: List of regions that knows each level (Resources/Terminology); Slicer's own has only "Vertebra".
LEVEL_REGIONS = "Anatomic codes - SpineOncology"


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


def terminology_entry(category: Code, kind: Code, region: Code | None = None, regions: str = _REGIONS) -> str:
    """Slicer's terminology string: ``context~category~type~modifier~anatomic context~region~modifier``.

    The contexts are those of the DICOM master lists, which every Slicer has loaded, unless ``regions`` names another
    list of regions.
    """
    return f"{_TYPES}~{category}~{kind}~^^~{regions}~{region or '^^'}~^^"


#: A metastasis in a vertebra of unknown level.
METASTASIS = terminology_entry(ALTERED_STRUCTURE, SECONDARY_NEOPLASM, VERTEBRA)
#: A zone of dead tissue after ablation, likewise.
NECROSIS_ZONE = terminology_entry(ALTERED_STRUCTURE, NECROSIS, VERTEBRA)


@dataclass(frozen=True)
class Target:
    """How what a model marks is called.

    Attributes:
        key: as in :attr:`SpineLib.models.ModelCard.target`.
        one: of a segment, "Lesion" in "Lesion 1".
        many: in sentences and file names.
        disease: of a whole segmentation.
        terminology: of a segment.
    """

    key: str
    one: str
    many: str
    disease: str
    terminology: str


#: By :attr:`SpineLib.models.ModelCard.target`.
TARGETS = {
    "metastasis": Target("metastasis", "Lesion", "lesions", "metastases", METASTASIS),
    "necrosis": Target("necrosis", "Necrosis", "necroses", "necrosis", NECROSIS_ZONE),
}


def target_of(provenance: Mapping) -> Target:
    """What a segmentation with this provenance shows; metastases where it does not say."""
    return TARGETS.get(provenance.get("target", ""), TARGETS["metastasis"])


def lesion_name(lesion: Lesion, target: Target = TARGETS["metastasis"]) -> str:
    """ "Lesion 1 (L3)"; without its volume, which is another after the first edit."""
    level = getattr(lesion, "level", "")  # what is measured elsewhere has none
    return f"{target.one} {lesion.id}" + (f" ({level})" if level else "")


def metastasis_name(lesion: Lesion, *facts: str) -> str:
    """ "Metastasis 1 (L3, 2.3 ml)": its number in a follow-up, its level where that is known, and further facts."""
    told = ", ".join(one for one in (lesion.level, *facts) if one)
    return f"Metastasis {lesion.id}" + (f" ({told})" if told else "")


def level_code(level: str) -> Code | None:
    """The code of one level ("L3", "sacrum"); None of several or of a vertebra that is only counted."""
    name = "S" if level == "sacrum" else level
    return Code(SNOMED[name], "Sacrum" if name == "S" else f"{name} vertebra") if name in SNOMED else None


def lesion_terminology(lesion: Lesion, target: Target = TARGETS["metastasis"]) -> str:
    """Terminology string of a lesion: its vertebra's code where the level is known, else any vertebra's."""
    code = level_code(getattr(lesion, "level", ""))
    if code is None:
        return target.terminology
    parts = target.terminology.split("~")
    if len(parts) < 6:
        return target.terminology
    parts[4], parts[5] = LEVEL_REGIONS, str(code)
    return "~".join(parts)


def provenance_text(provenance: Mapping) -> str:
    """Provenance as JSON that survives Slicer's files: a segment's tags end at "|" there, and are plain ASCII."""
    return json.dumps(dict(provenance), sort_keys=True).replace("|", "\\u007c")
