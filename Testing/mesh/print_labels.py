"""Every vertebra of label files through ``spine export``'s way to a file, and PrusaSlicer's opinion of that file.

``python -m Testing.mesh.print_labels -o FOLDER LABELS...`` goes on where it was stopped, and prints the counts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from SpineLib.errors import SpineError
from SpineLib.mesh.model import ModelSettings, write_model
from SpineLib.tasks.printing.reconstruct import reconstruct
from SpineLib.volume import Volume
from SpineLib.volume.crop import crop
from SpineLib.volume.segments import read_segments

#: VerSe's sacrum; no vertebra to be printed.
SACRUM = "26"
RECORD = "models.jsonl"


def is_cut_off(mask: Volume) -> bool:
    """Whether it reaches the image's edge, where the rest of it is missing."""
    marked = mask.array != 0
    return any(np.take(marked, end, axis).any() for axis in range(3) for end in (0, -1))


def printed(mask: Volume, cut: str, slicer: str | None) -> dict:
    """One model: ``{"passed", "reasons", "notes", "seconds"}``, and what the slicing software says of its file."""
    try:
        result = reconstruct(mask, None, ModelSettings(cut=cut))
    except SpineError as error:
        return {"passed": False, "reasons": [str(error)]}
    report = result.model.report
    facts = {
        "passed": report.passed,
        "reasons": list(report.reasons),
        "notes": result.notes,
        "volume_error": result.measures["volume_error"],
        "seconds": result.provenance["seconds"],
    }
    if report.passed:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "vertebra.stl"
            facts["read_back"] = write_model(result.model, file).passed
            if slicer:
                told = subprocess.run([slicer, "--info", str(file)], capture_output=True, text=True).stdout
                facts["manifold"] = "manifold = yes" in told and "number_of_parts =  1" in told
    return facts


def main() -> None:
    """Each whole vertebra of the files, with each cut."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, nargs="+", help="label files, numbered as in VerSe")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder of the record")
    parser.add_argument("--cuts", default="none,body", help="of 'spine export', separated by commas")
    parser.add_argument("--left-out", default=SACRUM, help=f"numbers, separated by commas (default: {SACRUM})")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th vertebra")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    record, slicer = arguments.output / RECORD, shutil.which("prusa-slicer")
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    done = {(row["file"], row["label"], row["cut"]): row for row in map(json.loads, lines)}
    count = 0
    for path in arguments.labels:
        for segment in read_segments(path)[1]:
            if segment.info.name in arguments.left_out.split(","):
                continue
            count += 1
            if count % arguments.every:
                continue
            for cut in arguments.cuts.split(","):
                key = (path.name, segment.info.name, cut)
                if key in done:
                    continue
                facts = {"outside": True} if is_cut_off(segment.mask) else printed(_near(segment.mask), cut, slicer)
                done[key] = dict(zip(("file", "label", "cut"), key), **facts)
                with record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(done[key]) + "\n")
    print(summary(list(done.values())))


def _near(mask: Volume) -> Volume:
    """The part of the image that the mask lies in, so that large images do not cost time."""
    ranges = [np.flatnonzero(mask.array.any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3)]
    return crop(mask, tuple(slice(max(found[0] - 3, 0), found[-1] + 4) for found in ranges))


def summary(rows: list[dict]) -> str:
    """Counts, and why models were refused."""
    lines = []
    for cut in dict.fromkeys(row["cut"] for row in rows):
        models = [row for row in rows if row["cut"] == cut and not row.get("outside")]
        counts = Counter(key for row in models for key in ("passed", "read_back", "manifold") if row.get(key))
        cut_off = sum(row["cut"] == cut for row in rows) - len(models)
        lines.append(
            f"cut {cut}: {len(models)} vertebrae, {counts['passed']} models passed and were written, "
            f"{counts['read_back']} passed again when read back, {counts['manifold']} manifold for "
            f"PrusaSlicer; {cut_off} left out at the image's edge"
        )
        lines += [f"  {row['file']} {row['label']}: {' '.join(row['reasons'])}" for row in models if not row["passed"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
