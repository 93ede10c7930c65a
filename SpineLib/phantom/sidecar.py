"""The BIDS sidecar of a simulated image: what the header of a real one would tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from SpineLib.volume import Volume, told
from SpineLib.volume.fat_shift import MHZ_PER_TESLA, PARTS_PER_MILLION
from SpineLib.volume.files import write_text
from SpineLib.volume.sidecar import sidecar_of


def sidecar(sequence: Mapping[str, Any], field_t: float) -> dict[str, Any]:
    """The words of the sidecar.

    The bandwidth follows from the displacement of fat that was drawn, as it would in a scanner: 120 Hz a pixel and more
    at 1.5 T. The smallest displacements (under 0.2 pixels, one draw in nine) would need wider ones than scanners have.
    The side to which fat is displaced is not told; no header tells it.

    Args:
        sequence: one of ``truth["sequences"]``.
        field_t: field strength, tesla.
    """
    frequency = field_t * MHZ_PER_TESLA
    times = {"RepetitionTime": "tr_ms", "EchoTime": "te_ms", "InversionTime": "ti_ms"}
    return {
        "Modality": "MR",
        "Simulated": True,
        "MagneticFieldStrength": field_t,
        "ImagingFrequency": frequency,
        "PixelBandwidth": PARTS_PER_MILLION * frequency / max(abs(sequence["fat_shift_voxels"]), 1e-6),
        "InPlanePhaseEncodingDirectionDICOM": "ROW" if sequence["fat_shift_down_rows"] else "COL",
        **{name: sequence[key] / 1000 for name, key in times.items() if sequence[key] is not None},
        **({"ScanOptions": "FS"} if sequence["fat_left"] < 1 else {}),
    }


def write_sidecar(image: Path, sequence: Mapping[str, Any], field_t: float) -> None:
    """Write it beside the image file."""
    write_text(sidecar_of(image), json.dumps(sidecar(sequence, field_t), indent=1) + "\n")


def with_header(image: Volume, sequence: Mapping[str, Any], field_t: float) -> Volume:
    """The image as it would be read with its sidecar beside it; arguments as of :func:`sidecar`."""
    return told.with_header(image, sidecar(sequence, field_t))
