"""Several workers: what fails is retried and reported, what dies is done again, and memory stays small."""

import argparse
import os
import signal
from pathlib import Path

import pytest

from SpineLib import cluster
from SpineLib.cli.batch import each_case
from SpineLib.cluster import on_cluster
from SpineLib.errors import SpineError
from SpineLib.progress import remark, remarks_to

pytest.importorskip("distributed", reason="distributed is not installed: the extra 'cluster' brings it")


def double(number):
    return 2 * number


def fails_at_first(folder, number):
    mark = Path(folder) / str(number)
    if not mark.exists():
        mark.touch()
        raise ValueError("not yet")
    return number


def dies_at_first(folder, number):
    mark = Path(folder) / str(number)
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fails_for_good(number):
    if number == 350:
        raise ValueError("never")
    return number


def refuses(number):
    raise SpineError(f"The image of case {number} is blank; take another one.")


def remarks(number):
    remark(f"Note on {number}.")


def test_every_task_has_one_outcome():
    found = list(on_cluster(double, [(number,) for number in range(30)]))
    assert sorted(one.number for one in found) == list(range(30))
    assert all(one.value == 2 * one.number and one.error is None for one in found)


def test_what_raises_is_tried_again_and_at_last_reported_without_stopping_the_rest(tmp_path):
    found = list(on_cluster(fails_at_first, [(str(tmp_path), number) for number in range(4)], retries=1))
    assert sorted(one.value for one in found) == [0, 1, 2, 3] and {one.tries for one in found} == {2}
    (refused,) = on_cluster(refuses, [(1,)], retries=1)
    assert "case 1 is blank" in str(refused.error) and refused.tries == 2


def test_a_worker_that_is_killed_in_mid_run_loses_nothing(tmp_path):
    found = list(on_cluster(dies_at_first, [(str(tmp_path), number) for number in range(12)]))
    assert sorted(one.value for one in found) == list(range(12))
    assert (tmp_path / "3").exists()


def test_small_tasks_go_together_and_what_raises_or_dies_among_them_is_found_and_does_not_stop_the_rest(tmp_path):
    found = list(on_cluster(fails_for_good, [(number,) for number in range(400)], retries=1))
    (failed,) = (one for one in found if one.error is not None)
    assert failed.number == 350 and failed.tries == 2 and len(found) == 400
    lives = list(on_cluster(dies_at_first, [(str(tmp_path), number) for number in [*range(10, 300), 3]]))
    assert sorted(one.value for one in lives) == [3, *range(10, 300)]


def test_what_the_user_should_know_of_an_image_comes_back_from_the_workers():
    heard = []
    with remarks_to(heard.append):
        list(on_cluster(remarks, [(1,), (2,)]))
    assert sorted(heard) == ["Note on 1.", "Note on 2."]


def test_a_scheduler_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(cluster, "_ANSWER_S", 1)  # what is proved is the sentence, not the patience
    with pytest.raises(SpineError, match="does not answer"):
        list(on_cluster(double, [(1,)], scheduler="tcp://127.0.0.1:9"))


def test_a_batch_on_several_workers_has_the_same_table_as_one_after_the_other(tmp_path, capsys):
    def work(name, case):
        if case == 2:
            raise SpineError("This one is blank; take another one.")
        return {"status": "done", "twice": 2 * case}

    cases = [(f"sub-{number:03d}", number) for number in range(6)]
    tables = []
    for workers in (1, 2):
        args = argparse.Namespace(at_a_time=workers, scheduler="", retries=0, debug=False)
        kept = []
        counts = each_case(cases, work, lambda row: str(row["twice"]), lambda rows, kept=kept: kept.append(rows), args)
        assert counts == (5, 6)
        tables.append(kept[-1])
    assert tables[0] == tables[1]
    assert "left" in capsys.readouterr().out


def test_memory_does_not_grow_with_the_number_of_patients():
    import psutil

    process, sizes = psutil.Process(), []
    for outcome in on_cluster(double, [(number,) for number in range(600)]):
        if outcome.number % 100 == 0:
            sizes.append(process.memory_info().rss)
    assert sizes[-1] - sizes[1] < 20e6, "the first hundred have brought all that is imported"


def test_an_evaluation_on_several_workers_has_the_same_figures_and_goes_on_where_it_stopped(tmp_path, monkeypatch):
    from SpineLab.evaluation import segmentation_workers as together
    from SpineLab.evaluation.segmentation import evaluate
    from SpineLib.cohort.mr import read_cohort
    from SpineLib.models import load_bundle
    from SpineLib.tasks.segmentation.segment import SegmentSettings
    from SpinePanel.tinymodel import brightSpots
    from Testing.balls import write_ball_cohort

    cohort = read_cohort(write_ball_cohort(tmp_path / "cohort", 3), ("T1", "T2"), labels=("lesion",))
    bundle = load_bundle(brightSpots(tmp_path / "model", "metastasis-segmentation", ("T1", "T2")))
    settings, told = SegmentSettings(device="cpu", precision="float32"), []
    how = {"label": "lesion", "given": None, "on": together.Workers(report=told.append)}
    found = together.evaluate_together(cohort, [bundle], settings, tmp_path / "kept", **how)
    wanted = evaluate(cohort, [bundle], settings)

    def timeless(rows):
        return [{key: str(value) for key, value in row.items() if key != "seconds"} for row in rows]

    assert timeless(found.cases) == timeless(wanted.cases) and timeless(found.lesions) == timeless(wanted.lesions)
    (tmp_path / "kept" / f"{cohort.cases[1].name}.json").unlink()
    told.clear()
    together.evaluate_together(cohort, [bundle], settings, tmp_path / "kept", **how)
    assert told[0].startswith("2 of 3") and len(told) == 2
