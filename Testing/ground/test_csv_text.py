"""Tables that a spreadsheet program opens as what they are."""

import csv
import io
import re
from pathlib import Path

import pytest

from SpineLib.csv_text import csv_of_dicts, csv_text


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "＝1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    [[cell]] = csv.reader(io.StringIO(csv_text([[text]]), newline=""))
    assert cell == "'" + text.replace("\r", " ")


@pytest.mark.parametrize("value", ["-18.1", "+3", "-1e-8", "-inf", -2, -0.5, "L3", "a=b", "sub-001", "–", ""])
def test_numbers_and_other_text_stay_as_they_are(value):
    assert csv_text([[value, "x"]]) == f"{value},x\n"


def test_rows_by_name_have_all_columns_and_empty_cells_for_what_is_missing():
    assert csv_of_dicts([{"a": 1}, {"b": "x,y", "a": None}], end="\r\n") == 'a,b\r\n1,\r\n,"x,y"\r\n'


def test_every_table_of_the_project_is_written_this_way(repository):
    writers = [
        path.relative_to(repository).as_posix()
        for top in ("SpineLib", "SpineLab", "SpinePanel", "SpineMetSeg", "SpineNecrosis", "SpineInpaint")
        for path in Path(repository, top).rglob("*.py")
        if re.search(r"csv\.(writer|DictWriter)", path.read_text(encoding="utf-8"))
    ]
    assert writers == ["SpineLib/csv_text.py"]
