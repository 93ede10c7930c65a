"""What lesions and necroses are called, how they are coloured and coded, alike in files and in Slicer's scene."""

from __future__ import annotations

import colorsys
import json
from collections.abc import Mapping
from dataclasses import dataclass

from SpineLib.tasks.segmentation.lesions import Lesion

#: Segment tags (and node attribute): provenance as JSON, a lesion's number and mean probability.
PROVENANCE = "SpineOncology.Provenance"
LESION_ID = "SpineOncology.LesionId"
PROBABILITY = "SpineOncology.MeanProbability"

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
        one: of a segment, "Lesion" in "Lesion 1 (3.2 ml)".
        many: in sentences and file names.
        disease: of a whole segmentation.
        terminology: of a segment.
    """

    one: str
    many: str
    disease: str
    terminology: str


#: By :attr:`SpineLib.models.ModelCard.target`.
TARGETS = {
    "metastasis": Target("Lesion", "lesions", "metastases", METASTASIS),
    "necrosis": Target("Necrosis", "necroses", "necrosis", NECROSIS_ZONE),
}


def target_of(provenance: Mapping) -> Target:
    """What a segmentation with this provenance shows; metastases where it does not say."""
    return TARGETS.get(provenance.get("target", ""), TARGETS["metastasis"])


def lesion_name(lesion: Lesion, target: Target = TARGETS["metastasis"]) -> str:
    """ "Lesion 1 (3.2 ml)"; small ones in two decimals."""
    decimals = 1 if lesion.volume_ml >= 0.95 else 2
    return f"{target.one} {lesion.id} ({lesion.volume_ml:.{decimals}f} ml)"


def lesion_colour(number: int) -> tuple[float, float, float]:
    """A colour (r, g, b, 0 to 1) for the n-th lesion (from 1): red first, then hues far from those before."""
    return colorsys.hsv_to_rgb((number - 1) * 0.61803 % 1.0, 0.75, 0.95)


def provenance_text(provenance: Mapping) -> str:
    """Provenance as JSON that survives Slicer's files: a segment's tags end at "|" there, and are plain ASCII."""
    return json.dumps(dict(provenance), sort_keys=True).replace("|", "\\u007c")
