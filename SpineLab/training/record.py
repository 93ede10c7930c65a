"""What a training writes down as it goes: a JSON-lines log, a CSV curve and its picture."""

from __future__ import annotations

import json
from pathlib import Path

from SpineLib.csv_text import csv_text

_TRAINING = ("step", "seconds", "loss", "rate")


class Record:
    """Appends to ``log.jsonl``; lines after ``step`` (of an interrupted run that was not saved) are dropped first."""

    def __init__(self, folder: Path, step: int):
        self.folder, self.log = folder, folder / "log.jsonl"
        kept = [line for line in read_log(folder) if line["step"] <= step]
        temporary = self.log.with_name("log.jsonl.part")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        temporary.replace(self.log)

    def training(self, step: int, seconds: float, loss: float, rate: float) -> None:
        """Mean loss since the last line."""
        self._write({"step": step, "seconds": round(seconds, 1), "loss": loss, "rate": rate})

    def validation(self, step: int, seconds: float, figures: dict[str, float]) -> None:
        """Figures on the held-out cases."""
        self._write({"step": step, "seconds": round(seconds, 1), "held_out": figures})

    def draw(self) -> None:
        """Write ``curve.csv`` anew, and ``curve.png`` where matplotlib is installed."""
        lines = read_log(self.folder)
        keys = list(dict.fromkeys(key for line in lines for key in line.get("held_out", ())))
        rows = (
            [line.get(key) for key in _TRAINING] + [line.get("held_out", {}).get(key) for key in keys] for line in lines
        )
        table = csv_text([[*_TRAINING, *keys], *rows], end="\r\n")
        (self.folder / "curve.csv").write_text(table, encoding="utf-8", newline="")
        try:
            from matplotlib.figure import Figure
        except ImportError:
            return
        figure = Figure(figsize=(7, 4), layout="constrained")
        left = figure.subplots()
        right = left.twinx()
        losses = [line for line in lines if "loss" in line]
        left.plot([line["step"] for line in losses], [line["loss"] for line in losses], color="0.5", label="loss")
        for key in ("dice", "found"):
            points = [(line["step"], line["held_out"][key]) for line in lines if key in line.get("held_out", ())]
            if points:
                right.plot(*zip(*points), marker="o", markersize=3, label=f"{key} (held-out cases)")
        left.set(xlabel="step", ylabel="training loss", ylim=(0, None))
        right.set(ylim=(0, 1), ylabel="held-out cases")
        if right.lines:
            right.legend(loc="lower right")
        figure.savefig(self.folder / "curve.png", dpi=100)

    def _write(self, line: dict) -> None:
        with open(self.log, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_log(folder: Path) -> list[dict]:
    """The lines of a training's log; a last line cut off by a kill is left out."""
    path, lines = folder / "log.jsonl", []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines
