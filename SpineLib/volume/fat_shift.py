"""How far a scan displaces fat against water, as its header tells it (chemical shift of the first kind).

Fat resonates 3.4 ppm lower than water (Brown et al., Magnetic Resonance Imaging, 2014, ch. 17), so a scanner that reads
place from frequency draws it beside its true place: by ``3.4 ppm x imaging frequency / bandwidth of a pixel`` pixels
along the frequency direction. The header does not tell the polarity of the readout gradient, and so not to which side.
Needed are the bandwidth, the frequency or the field, and the phase direction in either form.

============================== ============ ====================================================================
BIDS sidecar                   DICOM        what
============================== ============ ====================================================================
PixelBandwidth                 (0018,0095)  Hz a pixel
ImagingFrequency               (0018,0084)  MHz; or MagneticFieldStrength (0018,0087), tesla
InPlanePhaseEncodingDirection- (0018,1312)  "ROW": phase runs along the rows, so frequency along the columns; or "COL"
DICOM
PhaseEncodingDirection, -Axis               "i", "j-": the file's own index axis; goes before the line above
EchoTime                       (0018,0081)  seconds in a sidecar, milliseconds in DICOM
ScanOptions                    (0018,0022)  with "FS" among them: fat was suppressed
BaseResolution                 (0018,1310)  samples along the frequency direction, where the scanner interpolated
ImageOrientationPatientDICOM   (0020,0037)  directions of row and column, where the file was reoriented
============================== ============ ====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from SpineLib.volume.header_words import number_of, words_of

#: Fat resonates lower than water by this share of the imaging frequency, and protons at so many MHz a tesla.
PARTS_PER_MILLION, MHZ_PER_TESLA = 3.4, 42.577
#: Larger displacements (pixels), and frequencies out of this range (MHz), are mistakes of the header.
_MOST_PIXELS, _MHZ = 8.0, (2.0, 500.0)
#: At longer echo times (s) than those of T1 water is as bright as fat.
_T1_ECHO = 0.025
#: An axis is a direction's when they are this near each other (cosine).
_ALONG = 0.9


@dataclass(frozen=True)
class FatShift:
    """The displacement of fat in one scan.

    Attributes:
        vector_mm: (x, y, z), LPS; to one of both sides, as it is not known to which.
        suppressed: whether the header says that fat was suppressed; if not, it may have been all the same.
        told_by_brightness: whether bright tissue is fat, as on T1; not at the long echo times of T2.
    """

    vector_mm: tuple[float, float, float]
    suppressed: bool = False
    told_by_brightness: bool = True

    @property
    def mm(self) -> float:
        """How far."""
        return math.hypot(*self.vector_mm)


def fat_shift(
    fields: Mapping[str, Any], direction: np.ndarray, spacing: Sequence[float], size: Sequence[int]
) -> FatShift | None:
    """The displacement that a header tells, or None where it does not tell it or makes no sense.

    Args:
        fields: as a BIDS sidecar holds them.
        direction: (3, 3), columns are the scan's index axes i, j, k in LPS.
        spacing: along i, j, k, mm.
        size: voxels along i, j, k.
    """
    bandwidth, frequency = number_of(fields.get("PixelBandwidth")), number_of(fields.get("ImagingFrequency"))
    if not frequency:
        frequency = number_of(fields.get("MagneticFieldStrength")) * MHZ_PER_TESLA
    axis = _frequency_axis(fields, np.asarray(direction, float))
    if axis is None or bandwidth <= 0 or not _MHZ[0] <= frequency <= _MHZ[1]:
        return None
    pixels = PARTS_PER_MILLION * frequency / bandwidth
    if pixels > _MOST_PIXELS:
        return None
    samples = number_of(fields.get("BaseResolution"))
    pixel_mm = spacing[axis] * (size[axis] / samples if 0 < samples <= size[axis] else 1.0)
    return FatShift(
        tuple((pixels * pixel_mm * np.asarray(direction, float)[:, axis]).tolist()),
        "FS" in words_of(fields.get("ScanOptions")),
        number_of(fields.get("EchoTime")) <= _T1_ECHO,
    )


def _frequency_axis(fields: Mapping[str, Any], direction: np.ndarray) -> int | None:
    """The index axis of the frequency direction."""
    phase = fields.get("PhaseEncodingDirection") or fields.get("PhaseEncodingAxis")
    if isinstance(phase, str) and phase[:1] in ("i", "j"):
        return 1 - "ij".index(phase[0])
    phase = fields.get("InPlanePhaseEncodingDirectionDICOM")
    if phase not in ("ROW", "COL"):
        return None
    axes = fields.get("ImageOrientationPatientDICOM")
    if not isinstance(axes, (list, tuple)) or len(axes) != 6:
        return 1 if phase == "ROW" else 0
    along = [number_of(value) for value in (axes[3:] if phase == "ROW" else axes[:3])]
    cosines = np.abs(np.array(along) @ direction)
    return int(cosines.argmax()) if cosines.max() > _ALONG else None
