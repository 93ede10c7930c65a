"""Words of numbers, in sentences that people read."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "", none: str = "") -> str:
    """ "1 lesion", "2 lesions"; ``many`` where it is not ``one`` and an s; of nothing ``none``, or "0 lesions"."""
    if not count and none:
        return f"{none} {many or f'{one}s'}"
    return f"{count} {one if count == 1 else many or f'{one}s'}"
