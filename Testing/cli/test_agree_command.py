"""``spine agree``: a result beside a reference."""

import csv
import json

import pytest

from SpineLib.cli.main import main
from SpineLib.tasks.segmentation.naming import METASTASIS
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from SpineLib.volume.review import REJECTED, REVIEW
from Testing.tasks.balls import ball, grid, union


@pytest.fixture
def masks(tmp_path):
    """Two lesions as labels, one file of one mask that misses the second, and one with a rejected segment."""
    on = grid(half=25.0)
    one, two = ball(6.0, (-8, 0, 0), on), ball(4.0, (14, 0, 0), on)
    write_volume(union(one, two.with_array(2 * two.array)), tmp_path / "reference.nrrd")
    more = ball(3.0, (0, 18, 0), on)
    write_volume(union(ball(6.0, (-7, 0, 0), on), more), tmp_path / "result.nrrd")
    infos = [
        SegmentInfo(1, "Lesion 1", (1, 0, 0), METASTASIS),
        SegmentInfo(2, "Lesion 2", (1, 0, 0), METASTASIS, {REVIEW: REJECTED}),
    ]
    labels = union(ball(6.0, (-7, 0, 0), on), more.with_array(2 * more.array))
    write_segmentation(tmp_path / "result.seg.nrrd", labels, infos)
    return tmp_path


def run(masks, result, *more):
    return main(
        ["agree", "--reference", str(masks / "reference.nrrd"), "--result", str(masks / result), *map(str, more)]
    )


def test_each_lesion_gets_a_line_with_its_overlap_and_distances(masks, capsys):
    assert run(masks, "result.nrrd", "-o", masks / "a.json", "--csv", masks / "a.csv") == 0
    told = capsys.readouterr().out
    assert "1 of 2 lesions found, 1 not in the reference" in told and "95 % Hausdorff distance (mm)" in told
    rows = json.loads((masks / "a.json").read_text())["rows"]
    assert [row["remark"] for row in rows] == ["", "", "not found", "not in the reference"]
    assert rows[1]["hausdorff95_mm"] == pytest.approx(1.0, abs=0.15) and rows[2]["hausdorff95_mm"] is None
    lines = list(csv.DictReader((masks / "a.csv").open()))
    assert float(lines[1]["dice"]) == pytest.approx(rows[1]["dice"]) and lines[2]["hausdorff95_mm"] == ""
    assert run(masks, "result.nrrd", "-o", masks / "a.json") == 1


def test_a_rejected_segment_counts_no_longer_and_this_is_told(masks, capsys):
    assert run(masks, "result.seg.nrrd") == 0
    shown = capsys.readouterr()
    assert "1 of 2 lesions found." in shown.out and "rejected segment; it was left out" in shown.out + shown.err
