"""The three files of a case in a batch's folder: segmentation, table, and the report that tells that the case is done.

The report holds the checksums of the other two, and of the images. It is written first, under another name, and named
last: a run that was killed in between is told by that name, a mask that was corrected by hand, and an image that was
replaced, by its checksum.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from SpineLib.csv_text import csv_text
from SpineLib.errors import SpineError
from SpineLib.json_text import json_text
from SpineLib.models.bundle import file_sha256
from SpineLib.tasks.segmentation.lesions import Lesion, measure_lesion
from SpineLib.tasks.segmentation.likeness import UNLIKENESS
from SpineLib.tasks.segmentation.naming import LESION_ID, LEVEL, Target
from SpineLib.tasks.segmentation.output import report, write_result, write_table
from SpineLib.volume.files import write_text
from SpineLib.volume.json_object import json_object
from SpineLib.volume.segments import read_segments

if TYPE_CHECKING:
    from SpineLib.models.card import ModelCard
    from SpineLib.tasks.segmentation.segment import SegmentResult, SegmentSettings

CORRECTED = "The segmentation was changed after the model had made it; its lesions were measured again."


#: Settings that are compared before a result is kept.
_COMPARED = ("threshold", "smallest_lesion_ml", "anywhere", "lowest")
#: Of a batch's table.
COLUMNS = ("case", "status", "lesions", "total_volume_ml", "largest_ml", UNLIKENESS, "model", "message")


def case_row(facts: Mapping[str, Any]) -> dict[str, Any]:
    """A case's line of the table, from its report."""
    volumes = [lesion["volume_ml"] for lesion in facts["lesions"]]
    return {
        "lesions": len(volumes),
        "total_volume_ml": f"{sum(volumes):.3f}",
        "largest_ml": f"{max(volumes, default=0.0):.3f}",
        UNLIKENESS: facts["provenance"].get(UNLIKENESS),
        "model": facts["provenance"]["model"]["id"],
        "message": " ".join(facts["notes"]),
    }


def summary_text(rows: Iterable[Mapping[str, Any]], many: str) -> str:
    """The table as CSV; ``many`` is what lesions are called."""
    head = [many if column == "lesions" else column for column in COLUMNS]
    return csv_text([head, *([row.get(column) for column in COLUMNS] for row in rows)])


def check_unchanged(record: Path, images: Iterable[Path]) -> None:
    """Refuse to keep a result of images that were changed or replaced since.

    Args:
        record: the result's JSON file; its "images" are checksums by file name (an older version's has none).
        images: of the case now; those that the result was not made of may be among them.

    Raises:
        SpineError: one of those that it was made of, by its name, holds something else now.
    """
    made_of = json_object(record).get("images", {})
    if any(file_sha256(path) != made_of[path.name] for path in images if path.name in made_of):
        raise SpineError(
            "An image of the case was changed after its result had been made; add --overwrite, or choose another "
            "output folder."
        )


def check_settings(facts: Mapping[str, Any], settings: SegmentSettings, card: ModelCard | None, labelled: bool) -> None:
    """Refuse to keep a result that was made with other settings than are asked for, unless it was corrected by hand.

    Args:
        facts: the case's report.
        settings: asked for now; what they leave to the model is compared where ``card`` is given.
        card: of the model that is asked for, or of the one that made the result; None: any will do.
        labelled: whether vertebrae are given.

    Raises:
        SpineError: something differs.
    """
    if facts.get("corrected"):
        return
    made = facts["provenance"]
    then, now = made.get("parameters", {}), asdict(settings)
    if card is not None:
        now["threshold"], now["smallest_lesion_ml"] = settings.limits(card)
    pairs = {key: (then.get(key), now[key]) for key in _COMPARED if key in then and now[key] is not None}
    if settings.reference is not None:
        pairs["reference"] = (made.get("reference"), settings.reference)
    if card is not None:
        pairs["model"] = (made["model"]["id"], card.id)
        if made["model"]["id"] == card.id:
            pairs["model's version"] = (made["model"]["version"], card.version)
    pairs["vertebrae given"] = (made.get("levels_by") == "labels", labelled)
    told = [
        f"{key.replace('_', ' ')} {_word(old)} instead of {_word(new)}"
        for key, (old, new) in pairs.items()
        if old != new
    ]
    if told:
        raise SpineError(
            f"The case was done earlier with other settings ({', '.join(told)}); add --overwrite, or "
            "choose another output folder."
        )


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in ("", None) else str(value)


@dataclass(frozen=True)
class CaseFiles:
    """Where a case's files lie.

    Attributes:
        mask, table, report: the files.
        target: what is segmented.
    """

    mask: Path
    table: Path
    report: Path
    target: Target

    @classmethod
    def of(cls, folder: Path, case: str, target: Target, kind: str) -> CaseFiles:
        """Those of ``case``; ``kind`` stands before "_report", so that metastases and necroses have one each."""
        start = folder / f"{case}_{target.many}"
        return cls(
            start.with_name(f"{start.name}.seg.nrrd"),
            start.with_name(f"{start.name}.csv"),
            folder / f"{case}{kind}_report.json",
            target,
        )

    @property
    def _begun(self) -> Path:
        return self.report.with_name(f"{self.report.name}.part")

    def take_up(self) -> None:
        """Name the report of a run that was killed after its other files were whole; remove those of one killed before.

        Raises:
            SpineError: a segmentation or table lies there that no run wrote, or that was changed since.
        """
        if self.report.exists():
            return
        promised = json_object(self._begun).get("files", {})
        there = [path for path in (self.mask, self.table) if path.exists()]
        if any(file_sha256(path) != promised.get(path.name) for path in there):
            raise SpineError(
                "A segmentation without its report lies in the output folder; move it elsewhere, or add --overwrite."
            )
        if promised and len(there) == 2:
            self._begun.replace(self.report)
            return
        for path in (*there, self._begun):
            path.unlink(missing_ok=True)

    def done(self) -> tuple[dict[str, Any], str] | None:
        """The report of a case that is done, and "kept" or "corrected"; None when it is still to be done.

        The lesions of a mask that was changed since are measured again, in table and report; the mask itself is never
        written.

        Raises:
            SpineError: the changed mask cannot be read.
        """
        if not self.report.exists() or not self.mask.exists():
            return None
        facts = json_object(self.report)
        checksum = file_sha256(self.mask)
        if facts.get("files", {}).get(self.mask.name, checksum) == checksum:
            return facts, "kept"
        lesions = _measured(self.mask)
        write_table(lesions, self.table, facts["provenance"])
        facts |= {
            "lesions": [lesion.to_dict() for lesion in lesions],
            "total_volume_ml": sum(lesion.volume_ml for lesion in lesions),
            "notes": [*(note for note in facts.get("notes", []) if note != CORRECTED), CORRECTED],
            "corrected": True,
            "files": {path.name: file_sha256(path) for path in (self.mask, self.table)},
        }
        write_text(self.report, json_text(facts))
        return facts, "corrected"

    def write(self, result: SegmentResult, images: Iterable[Path]) -> dict[str, Any]:
        """All three files of a result that was made of these images; the report."""
        with self._whole() as (mask, table):
            write_result(result, mask)
            write_table(result.lesions, table, result.provenance)
            facts = report(result)
            facts["images"] = {path.name: file_sha256(path) for path in images}
            facts["files"] = {self.mask.name: file_sha256(mask), self.table.name: file_sha256(table)}
            write_text(self._begun, json_text(facts))
        return facts

    @contextmanager
    def _whole(self) -> Iterator[tuple[Path, Path]]:
        """Names beside the final ones, which are taken at the end; nothing is left after an error."""
        new = [path.with_name(f"{self._begun.name}-{path.name}") for path in (self.mask, self.table)]
        try:
            yield new[0], new[1]
            self.report.unlink(missing_ok=True)
            for path, final in zip(new, (self.mask, self.table)):
                path.replace(final)
            self._begun.replace(self.report)
        except BaseException:
            for path in new:
                path.unlink(missing_ok=True)
            if not self.mask.exists():
                self._begun.unlink(missing_ok=True)
            raise


def _measured(path: Path) -> list[Lesion]:
    """The lesions of a corrected segmentation, with the numbers and levels of those that the model had found; others
    are numbered after these."""
    _, segments = read_segments(path, "corrected segmentation")
    tags = [one.info.tags.get(LESION_ID, "") for one in segments]
    told = [int(tag) if tag.isdigit() else 0 for tag in tags]
    own = [number if number and number not in told[:place] else 0 for place, number in enumerate(told)]
    free = iter(range(max(own, default=0) + 1, max(own, default=0) + len(own) + 1))
    lesions = []
    for number, segment in zip(own, segments):
        lesion = measure_lesion(segment.mask, number=number or next(free))
        if lesion is not None:
            lesions.append(replace(lesion, level=segment.info.tags.get(LEVEL, "")))
    return lesions
