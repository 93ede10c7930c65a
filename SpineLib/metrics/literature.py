"""Figures other people published, to stand beside this project's own. They were measured on real patients."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

_KEYS = ("dice", "sensitivity", "specificity")


@dataclass(frozen=True)
class Published:
    """Mean and standard deviation over patients, in per cent; nan where the source gives none.

    Attributes:
        what: what was compared.
        on: on what.
        source: where it stands.
        dice, sensitivity, specificity: (mean, standard deviation).
        medians: of the three, or none where the source gives none.
    """

    what: str
    on: str
    source: str
    dice: tuple[float, float]
    sensitivity: tuple[float, float]
    specificity: tuple[float, float]
    medians: tuple[float, float, float] | None = None

    def spread(self, key: str) -> str:
        """ "77.2 ± 15.6 (82.3)" of "dice", "sensitivity" or "specificity"; the median in brackets if there is one."""
        mean, deviation = getattr(self, key)
        text = f"{'-' if isnan(mean) else mean} ± {deviation}"
        return text if self.medians is None else f"{text} ({self.medians[_KEYS.index(key)]})"


_HILLE, _ALL = "Hille et al. 2020, Table 1", "40 real metastases"

#: By input sequences and dimensions of the network.
METASTASES = {
    (("T1",), 2): Published("Paper, 2D, T1", _ALL, _HILLE, (77.4, 12.4), (76.2, 17.4), (98.5, 2.0)),
    (("T2",), 2): Published("Paper, 2D, T2", _ALL, _HILLE, (65.4, 21.7), (71.9, 21.6), (97.5, 3.3)),
    (("T1", "T2"), 2): Published("Paper, 2D, T1 + T2", _ALL, _HILLE, (77.6, 10.8), (78.9, 15.8), (98.4, 1.9)),
    (("T1",), 3): Published("Paper, 3D, T1", _ALL, _HILLE, (73.7, 15.6), (71.9, 20.2), (98.4, 2.1)),
    (("T2",), 3): Published("Paper, 3D, T2", _ALL, _HILLE, (64.7, 20.8), (65.2, 24.51), (97.85, 2.7)),
    (("T1", "T2"), 3): Published("Paper, 3D, T1 + T2", _ALL, _HILLE, (74.8, 13.6), (73.7, 18.6), (98.33, 2.1)),
}

#: Two human readers against each other.
METASTASES_READERS = Published(
    "Paper, two human readers", "15 real metastases", _HILLE, (79.4, 6.2), (80.0, 11.9), (98.2, 2.1)
)


@dataclass(frozen=True)
class PublishedDetection:
    """A detector's operating points; false positives are a case's, averaged over its slices.

    Attributes:
        what, on, source: as in :class:`Published`.
        false_positives_at_90: at a sensitivity of 90 %.
        false_positives_at_all: with every lesion found.
        sensitivity_at_02: at 0.20 false positives a case, 0 to 1.
        p: that it is as good as the first one, over 0 to 0.5 false positives a case.
    """

    what: str
    on: str
    source: str
    false_positives_at_90: float | None = None
    false_positives_at_all: float | None = None
    sensitivity_at_02: float | None = None
    p: float | None = None


_WANG, _CASES = "Wang et al. 2017, section 4", "26 real cases, fat-suppressed T2, cross-validated"

#: By what was left out of the method.
DETECTION = {
    "whole": PublishedDetection("Paper, with aggregation", _CASES, _WANG, 0.207, 0.40, 0.891),
    "without aggregation": PublishedDetection("Paper, without aggregation", _CASES, _WANG, 0.375, None, 0.727, 0.0014),
    "one resolution": PublishedDetection("Paper, one resolution (1 mm)", _CASES, _WANG, None, None, 0.554, 0.0083),
}

_STEFFEN, _ABLATED = "Steffen et al. 2020, Table 1", "26 real ablations"
_UNREADABLE = float("nan")  # The print at hand garbles two means of the sensitivity; the text gives the third.

#: Necrosis after ablation, likewise.
NECROSIS = {
    (("ceT1",), 2): Published(
        "Paper, 2D, ceT1", _ABLATED, _STEFFEN, (76.7, 19.0), (_UNREADABLE, 17.1), (99.2, 0.9), (83.5, 84.5, 99.6)
    ),
    (("T2",), 2): Published(
        "Paper, 2D, T2", _ABLATED, _STEFFEN, (62.2, 21.7), (_UNREADABLE, 20.3), (98.8, 1.0), (65.9, 76.0, 99.1)
    ),
    (("ceT1", "T2"), 2): Published(
        "Paper, 2D, ceT1 + T2",
        _ABLATED,
        f"{_STEFFEN} and section 3",
        (77.2, 15.6),
        (86.4, 15.4),
        (99.2, 0.8),
        (82.3, 81.0, 99.5),
    ),
    (("ceT1",), 3): Published(
        "Paper, 3D, ceT1", _ABLATED, _STEFFEN, (72.7, 18.7), (77.7, 21.5), (99.1, 0.9), (78.1, 86.2, 99.4)
    ),
    (("T2",), 3): Published(
        "Paper, 3D, T2", _ABLATED, _STEFFEN, (60.4, 27.4), (63.1, 26.5), (98.7, 1.3), (63.3, 71.1, 99.0)
    ),
    (("ceT1", "T2"), 3): Published(
        "Paper, 3D, ceT1 + T2", _ABLATED, _STEFFEN, (75.9, 17.2), (77.8, 19.6), (99.2, 0.9), (80.7, 82.6, 99.6)
    ),
}


@dataclass(frozen=True)
class PublishedPrecision:
    """A detector's average precision at an overlap of 0.5, and its speed.

    Attributes:
        what, on, source: as in :class:`Published`.
        average_precision: 0 to 1.
        images_a_second: recognised.
    """

    what: str
    on: str
    source: str
    average_precision: float
    images_a_second: float


#: Lesions of the spine on CT.
CT_LESIONS = PublishedPrecision(
    "Paper, Faster R-CNN on VGG-16",
    "test images out of 282 of DeepLesion, GPU",
    "Miao et al., section III.B",
    0.7688,
    60.33,
)


@dataclass(frozen=True)
class PublishedMasks:
    """Figures of a segmentation by ten-fold cross-validation.

    Attributes:
        what, on, source: as in :class:`Published`.
        training_loss, held_out_loss: of a loss that the paper does not name.
        training_iou, held_out_iou: intersection over union, 0 to 1.
    """

    what: str
    on: str
    source: str
    training_loss: float
    held_out_loss: float
    training_iou: float
    held_out_iou: float


_MIAO = "Miao et al., Table I"
#: Vertebrae on axial slices of CT, by network.
VERTEBRAE = {
    "U-Net": PublishedMasks("Paper, U-Net", "3863 slices of DeepLesion", _MIAO, 0.0030, 0.0055, 0.9582, 0.9584),
    "V-Net": PublishedMasks("Paper, V-Net", "3863 slices of DeepLesion", _MIAO, 0.0044, 0.0056, 0.9829, 0.9831),
}
