"""Two examinations with their scans: registered around each lesion, since spines bend, then compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.registration.region import Region
from SpineLib.tasks.registration.register import Registration, register
from SpineLib.tasks.response.response import Found, Response, ResponseSettings, response
from SpineLib.volume import Volume, check_image


def compare_examinations(
    images: tuple[Volume, Volume],
    earlier: Sequence[Found],
    later: Sequence[Found],
    settings: ResponseSettings = ResponseSettings(),
    progress: Progress = silent,
    rejected: Sequence[Volume] = (),
) -> tuple[Response, dict[int, Registration]]:
    """Register the later scan to the earlier one around each earlier lesion, and compare (:func:`response`).

    Args:
        images: earlier and later scan, best of the same sequence.
        earlier, later: their lesions.
        settings: the user's choices.
        progress: may raise ``Cancelled``.
        rejected: masks of what was rejected in the earlier examination.

    Returns:
        The response, and the registration of each earlier lesion by its index.

    Raises:
        SpineError: a scan cannot be used, the scans do not overlap, there is no lesion at all.
        Cancelled: by ``progress``.
    """
    for name, image in zip(("earlier scan", "later scan"), images):
        check_image(image, name)
    there = [number for number, one in enumerate(earlier) if one.mask.array.any()]
    registrations: dict[int, Registration] = {}
    for place, number in enumerate(there):
        share = part(progress, 0.8 * place / len(there), 0.8 * (place + 1) / len(there))
        registrations[number] = register(*images, Region.from_mask(earlier[number].mask), progress=share)
    doubtful = [earlier[number].name for number, one in registrations.items() if not one.quality.trusted]
    matrices = {number: one.after_to_before for number, one in registrations.items()}
    result = response(
        earlier,
        later,
        matrices if matrices else np.eye(4),
        settings,
        part(progress, 0.8, 1.0),
        max((one.quality.error_mm for one in registrations.values()), default=None),
        not doubtful,
        images,
        rejected,
    )
    notes = list(result.notes)
    if doubtful:
        notes.insert(
            0, f"The registration around {', '.join(doubtful)} is not to be trusted: look at both scans there."
        )
    if not there:
        notes.insert(0, "There is no earlier lesion to register around: both scans were taken to lie in one space.")
    return replace(result, notes=notes), registrations
