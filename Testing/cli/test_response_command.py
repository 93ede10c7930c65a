"""``spine response`` and the job behind the panel: two examinations to table, figures and page."""

import csv
import json

import numpy as np
import pytest

from SpineLib.cli.main import main
from SpineLib.jobs.registry import run_job
from SpineLib.tasks.segmentation.naming import METASTASIS
from SpineLib.volume import SegmentInfo, write_segmentation, write_volume
from SpineLib.volume.transform import write_transform
from Testing.tasks.balls import ball, grid, moved_by, union

ON = grid(half=30.0)


@pytest.fixture
def case(tmp_path):
    """A lesion that shrinks, one that is gone, and a new one; the patient moved by 3 mm."""
    first, second = ball(9.0, (0, 0, -10), ON), ball(6.0, (0, 0, 15), ON)
    labels = union(first, second.with_array(2 * second.array))
    infos = [
        SegmentInfo(1, "Lesion 1", (1, 0, 0), METASTASIS, {"SpineOncology.Level": "L3"}),
        SegmentInfo(2, "Lesion 2", (1, 0, 0), METASTASIS),
    ]
    write_segmentation(tmp_path / "earlier.seg.nrrd", labels, infos)
    smaller, new = ball(6.0, (3, 0, -10), ON), ball(5.0, (24, 0, 10), ON)
    write_volume(union(smaller, new), tmp_path / "later.nrrd")
    write_transform(moved_by(x=-3.0), tmp_path / "t.tfm")
    for name in ("earlier", "later"):
        noise = np.random.default_rng(1).normal(100, 9, ON.shape).astype(np.float32)
        write_volume(ON.with_array(noise), tmp_path / f"{name}-image.nrrd")
    return tmp_path


def run(case, *more):
    start = ["response", "--earlier", case / "earlier.seg.nrrd", "--later", case / "later.nrrd"]
    return main([str(part) for part in (*start, *more)])


def test_size_class_and_what_is_new_or_gone_are_told_and_written(case, capsys):
    files = ["-o", case / "r.json", "--csv", case / "r.csv", "--report", case / "r.html"]
    scans = ["--earlier-image", case / "earlier-image.nrrd", "--later-image", case / "later-image.nrrd"]
    assert run(case, "--transform", case / "t.tfm", *scans, *files) == 0
    told = capsys.readouterr().out
    assert "Progressive disease: 1 lesion is new." in told and "(gone)" in told and "(new)" in told and "L3" in told
    written = json.loads((case / "r.json").read_text())
    assert [one["response"] for one in written["lesions"]] == ["PR", "CR", "PD"] and written["overall"] == "PD"
    rows = list(csv.DictReader((case / "r.csv").open()))
    assert float(rows[0]["volume_change"]) == pytest.approx((6 / 9) ** 3 - 1, abs=0.03)
    html = (case / "r.html").read_text(encoding="utf-8")
    assert (
        "Progressive disease" in html and "WHO 1979" in html and "MD Anderson" in html and "Later examination" in html
    )
    assert run(case, "--transform", case / "t.tfm", *files) == 1, "files are there"


def test_one_scan_alone_is_refused(case, capsys):
    assert run(case, "--later-image", case / "later-image.nrrd") == 1
    assert "Give both scans" in capsys.readouterr().err


def test_the_same_file_twice_is_refused(case, capsys):
    assert main(["response", "--earlier", str(case / "later.nrrd"), "--later", str(case / "later.nrrd")]) == 1
    assert "same file" in capsys.readouterr().err


def test_what_the_file_of_a_transform_tells_and_what_was_rejected_reach_the_json(case):
    second = ball(5.0, (21, 0, 10), ON)
    infos = [
        SegmentInfo(1, "Lesion 1", (1, 0, 0), METASTASIS),
        SegmentInfo(2, "Lesion 2", (1, 0, 0), METASTASIS, {"SpineOncology.Review": "rejected"}),
    ]
    labels = union(ball(6.0, (0, 0, -10), ON), second.with_array(2 * second.array))
    write_segmentation(case / "earlier.seg.nrrd", labels, infos)
    (case / "t.json").write_text('{"quality": {}}')
    assert run(case, "--transform", case / "t.tfm", "-o", case / "r.json") == 0
    written = json.loads((case / "r.json").read_text())
    assert any("no record of its registration" in note for note in written["notes"])
    assert [one["response"] for one in written["lesions"]] == ["SD", "not to be told"] and written["overall"] == "SD"


def test_the_job_gives_the_same_as_the_command(case):
    labels = union(
        ball(9.0, (0, 0, -10), ON), ball(6.0, (0, 0, 15), ON).with_array(2 * ball(6.0, (0, 0, 15), ON).array)
    )
    write_volume(labels, case / "earlier.nrrd")
    (case / "out").mkdir()
    later = union(
        ball(6.0, (3, 0, -10), ON), ball(5.0, (24, 0, 10), ON).with_array(2 * ball(5.0, (24, 0, 10), ON).array)
    )
    write_volume(later, case / "later-labels.nrrd")
    answer = run_job(
        "response",
        {
            "inputs": {"earlier": str(case / "earlier.nrrd"), "later": str(case / "later-labels.nrrd")},
            "lesions": {
                "earlier": [{"name": "a", "level": "L3"}, {"name": "b"}],
                "later": [{"name": "c"}, {"name": "d"}],
            },
            "later_to_earlier_lps": moved_by(x=-3.0).tolist(),
            "error_mm": 1.0,
            "trusted": True,
        },
        case / "out",
    )
    assert [one["response"] for one in answer["response"]["lesions"]] == ["PR", "CR", "PD"]
    assert sorted(path.name for path in (case / "out").iterdir()) == sorted(answer["files"])
    assert answer["response"]["lesions"][0]["level"] == "L3"
