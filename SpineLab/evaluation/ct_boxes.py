"""Lesions of real patients whose boxes are known, and CTs of people without any: what a detector on CT finds."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.models import ModelBundle
from SpineLib.progress import Progress, part, silent
from SpineLib.tasks.ct.lesion_boxes import CtLesion
from SpineLib.tasks.ct.lesions import CtLesionSettings, detect_ct_lesions
from SpineLib.volume import Volume, read_volume

#: A box is found by a lesion of so much intersection over union, or whose centre lies in it.
OVERLAP = 0.1
#: Columns of the table: file, centre (LPS, mm), sides (mm).
_COLUMNS = ("image_path", "x", "y", "z", "width", "height", "depth")


@dataclass(frozen=True)
class BoxResult:
    """What was found in one CT.

    Attributes:
        name: of the file.
        best: of each known box the probability of the most likely lesion that finds it; 0 where none does.
        false: probabilities of the lesions that find none.
    """

    name: str
    best: tuple[float, ...]
    false: tuple[float, ...]

    def at(self, threshold: float) -> tuple[int, int, int]:
        """Boxes, boxes found and false lesions from a probability on."""
        return (
            len(self.best),
            sum(value >= threshold for value in self.best),
            sum(value >= threshold for value in self.false),
        )

    def to_dict(self) -> dict:
        """JSON-able."""
        return {"name": self.name, "lesions": len(self.best), "best": list(self.best), "false": list(self.false)}


def read_boxes(path: Path) -> dict[str, np.ndarray]:
    """Boxes (n, 2, 3) of each file, low and high corners, LPS, mm, of a table as BLDS has it.

    Raises:
        SpineError: it cannot be read, or lacks a column.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        found: dict[str, list] = {}
        for row in rows:
            centre, size = (np.array([float(row[key]) for key in keys]) for keys in (_COLUMNS[1:4], _COLUMNS[4:]))
            found.setdefault(row[_COLUMNS[0]], []).append((centre - size / 2, centre + size / 2))
    except (OSError, KeyError, ValueError) as error:
        raise SpineError(
            f"The table '{path.name}' needs the columns {', '.join(_COLUMNS)}; give another one."
        ) from error
    return {name: np.array(boxes) for name, boxes in found.items()}


def evaluate_boxes(
    boxes: Mapping[str, np.ndarray],
    folder: Path,
    healthy: Mapping[str, tuple[Volume, Volume | None]],
    bundle: ModelBundle,
    lowest: float,
    device: str = "auto",
    progress: Progress = silent,
) -> tuple[list[BoxResult], list[BoxResult]]:
    """Search all CTs with lesions, whole, and the healthy ones, with their vertebrae where these are given.

    Args:
        boxes: of :func:`read_boxes`.
        folder: of the files.
        healthy: CT and vertebrae by name.
        lowest: probability from which lesions are looked at.
    """
    settings = CtLesionSettings(threshold=lowest, device=device)
    count, results, empty = len(boxes) + len(healthy), [], []
    for number, (name, known) in enumerate(boxes.items()):
        share = part(progress, number / count, (number + 1) / count)
        found = detect_ct_lesions(read_volume(folder / name, "CT"), bundle, settings, share).lesions
        results.append(compared(name, known, found))
    for number, (name, (ct, vertebrae)) in enumerate(healthy.items(), start=len(boxes)):
        share = part(progress, number / count, (number + 1) / count)
        found = detect_ct_lesions(ct, bundle, settings, share, vertebrae).lesions
        empty.append(compared(name, np.zeros((0, 2, 3)), found))
    return results, empty


def compared(name: str, known: np.ndarray, found: Sequence[CtLesion]) -> BoxResult:
    """Which of the known boxes (n, 2, 3) were found, and what was found beside them."""
    return matched(name, known, [(*corners_of(one), one.probability) for one in found])


def matched(name: str, known: np.ndarray, found: Sequence[tuple[np.ndarray, np.ndarray, float]]) -> BoxResult:
    """:func:`compared` for boxes in any coordinates: of what was found the low and high corner and the probability."""
    best, false = [0.0] * len(known), []
    for low, high, probability in found:
        centre, hits = (low + high) / 2, []
        for number, (first, last) in enumerate(known):
            sides = np.clip(np.minimum(high, last) - np.maximum(low, first), 0, None)
            shared = float(sides.prod())
            both = float((high - low).prod() + (last - first).prod()) - shared
            inside = bool(((centre >= first) & (centre <= last)).all())
            if shared >= OVERLAP * both or inside:
                hits.append(number)
        for number in hits:
            best[number] = max(best[number], probability)
        if not hits:
            false.append(probability)
    return BoxResult(name, tuple(best), tuple(false))


def corners_of(lesion: CtLesion) -> tuple[np.ndarray, np.ndarray]:
    """Low and high corner (LPS, mm) of what holds a lesion's box."""
    half = np.abs(np.array(lesion.direction)) @ (np.array(lesion.size_mm) / 2)
    return np.array(lesion.centre_lps_mm) - half, np.array(lesion.centre_lps_mm) + half


def table(results: Sequence[BoxResult], healthy: Sequence[BoxResult], thresholds: Sequence[float]) -> str:
    """Markdown: found and false marks at each threshold."""
    lines = [
        "| from probability | boxes of real lesions found | false marks in these CTs | false marks a healthy CT |",
        "|---|---|---|---|",
    ]
    for threshold in thresholds:
        known, found, false = np.sum([one.at(threshold) for one in results], axis=0) if results else (0, 0, 0)
        marks = ", ".join(f"{one.name} {one.at(threshold)[2]}" for one in healthy)
        lines.append(f"| {threshold:g} | {found} of {known} | {false} | {marks or '–'} |")
    return "\n".join(lines)
