"""What the walk has seen: a row a step, written after each one, so that a crash leaves what was there before it."""

import csv
import html
import json
import os
import platform
import time

PASSED, FAILED, SKIPPED, RUNNING = "passed", "failed", "skipped", "running"
_COLOURS = {PASSED: "#1f6b35", FAILED: "#c62828", SKIPPED: "#8f5600", RUNNING: "#8f5600"}
_FIELDS = ("module", "step", "status", "seconds", "words", "picture")


class Record:
    """Rows of the walk, and its files in one folder.

    Args:
        folder: made where it is missing.
    """

    def __init__(self, folder):
        self.folder, self.module, self.rows = os.path.abspath(folder), "", []
        self.facts = {"system": platform.system(), "Python": platform.python_version()}
        self._began = time.time()
        os.makedirs(self.folder, exist_ok=True)

    def begin(self, step):
        """A step begins; returns its row, which :meth:`end` completes."""
        row = dict.fromkeys(_FIELDS, "")
        row.update(module=self.module, step=step, status=RUNNING, seconds=0.0)
        self.rows.append(row)
        self._save()
        return row

    def end(self, row, status, seconds, words="", picture=""):
        """A step has ended.

        Args:
            words: what was seen, or why it failed or was skipped.
            picture: file name in the folder.
        """
        row.update(status=status, seconds=round(seconds, 1), words=words.strip(), picture=picture)
        self._save()
        print(f"{row['status']:8} {row['seconds']:7.1f} s  {row['module']}: {row['step']}", flush=True)
        if status == FAILED:
            print(f"         {words.strip()}", flush=True)

    def note(self, step, status, seconds, words=""):
        """A step that has its result already."""
        self.end(self.begin(step), status, seconds, words)

    def failed(self):
        """The rows of the steps that failed or never ended."""
        return [row for row in self.rows if row["status"] in (FAILED, RUNNING)]

    def table(self):
        """The rows as text, and how many passed."""
        width = max([len(f"{row['module']}: {row['step']}") for row in self.rows] or [0])
        lines = [f"{row['module'] + ': ' + row['step']:{width}}  {row['status']}" for row in self.rows]
        counts = {status: sum(row["status"] == status for row in self.rows) for status in _COLOURS}
        summary = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
        return "\n".join([*lines, summary or "no steps"])

    def picture_name(self, step):
        """A file name for a step's picture: numbered, plain letters."""
        words = "".join(letter if letter.isalnum() else "-" for letter in f"{self.module}-{step}")
        return f"{len(self.rows):02d}-{words[:70].strip('-')}.png"

    def write(self):
        """The page with the pictures; returns the exit code."""
        self._save()
        rows = "".join(
            f"<tr><td>{html.escape(row['module'])}</td><td>{html.escape(row['step'])}</td>"
            f'<td style="color:{_COLOURS[row["status"]]}">{row["status"]}</td><td>{row["seconds"]:.1f} s</td>'
            f"<td><pre>{html.escape(row['words'])}</pre></td><td>{_thumbnail(row['picture'])}</td></tr>"
            for row in self.rows
        )
        facts = "".join(
            f"<li>{html.escape(name)}: {html.escape(str(value))}</li>" for name, value in self.facts.items()
        )
        page = (
            '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Walk</title>'
            "<style>body{font-family:sans-serif}td{vertical-align:top;padding:4px 8px;border-top:1px solid #ccc}"
            "pre{white-space:pre-wrap;max-width:40em}img{width:360px}</style>"
            f"<h1>Walk through the modules</h1><ul>{facts}</ul><table>{rows}</table></html>"
        )
        with open(os.path.join(self.folder, "walk.html"), "w", encoding="utf-8") as file:
            file.write(page)
        return 1 if self.failed() or not self.rows else 0

    def _save(self):
        with open(os.path.join(self.folder, "walk.csv"), "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _FIELDS)
            writer.writeheader()
            writer.writerows(self.rows)
        content = {"facts": self.facts, "seconds": round(time.time() - self._began, 1), "steps": self.rows}
        with open(os.path.join(self.folder, "walk.json"), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)


def _thumbnail(name):
    return f'<a href="{html.escape(name)}"><img src="{html.escape(name)}" alt=""></a>' if name else ""
