"""The worker as a real child process: progress, results, errors, noise."""

import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from SpineLib.errors import SpineError
from SpineLib.worker import worker_command


def test_progress_and_result_arrive_and_the_folder_is_removed(driver):
    assert driver.run("count", steps=5) == ("result", {"steps": 5})
    assert driver.progress[0][1:] == (0.0, "Starting")
    assert "Schritt 4 für Wirbelkörper" in driver.progress[-1][2] or len(driver.progress) < 6
    assert [fraction for _, fraction, _ in driver.progress] == sorted(fraction for _, fraction, _ in driver.progress)
    assert driver.files_left() == []


def test_a_silent_job_shows_that_it_is_alive_at_least_once_a_second(driver):
    driver.submit("silent", seconds=2.6)
    driver.finish()
    times = [moment for moment, _, _ in driver.progress]
    assert len(times) >= 3
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 1.5
    assert {fraction for _, fraction, _ in driver.progress[1:]} == {0.25}
    assert driver.progress[-1][2] == "Thinking (2 s)"


def test_a_job_that_reports_too_often_does_not_flood_the_panel(driver):
    start = time.monotonic()
    assert driver.run("chatter") == ("result", {})
    assert len(driver.progress) < 10 + 25 * (time.monotonic() - start)


def test_files_to_look_at_are_told_of_once_each_and_the_last_one_always(driver):
    assert driver.run("show", files=30) == ("result", {})
    names = [name for name, _ in driver.previews]
    assert names == sorted(set(names)) and names[-1] == "preview-29.txt"
    assert all(name == f"preview-{int(content):02d}.txt" for name, content in driver.previews)


def test_one_worker_serves_job_after_job(driver):
    for number in range(3):
        assert driver.run("echo", text=f"{number}")[1]["text"] == f"{number}"
    assert len(driver.transports) == 1


def test_the_first_progress_of_a_warm_worker_comes_within_300_ms(driver):
    driver.run("count", steps=1)
    times = []
    for _ in range(3):
        start = time.monotonic()
        driver.submit("silent", seconds=0.1)
        driver.wait(lambda: driver.progress)
        times.append(time.monotonic() - start)
        driver.finish()
    assert min(times) < 0.3


def test_submit_does_not_wait_for_the_worker(driver):
    times = []
    for _ in range(3):
        start = time.monotonic()
        driver.submit("count", steps=2)
        times.append(time.monotonic() - start)
        assert driver.session.state == "starting"
        driver.finish()
        driver.session.close()
    assert min(times) < 0.05


def test_two_applies_in_a_row_give_one_sentence_and_the_first_job_goes_on(driver):
    driver.submit("count", steps=3)
    with pytest.raises(SpineError, match="still running: wait"):
        driver.session.submit(
            "count", {}, Path("."), on_progress=None, on_result=None, on_error=None, on_cancelled=None
        )
    assert driver.finish() == ("result", {"steps": 3})


def test_the_next_job_may_be_submitted_from_within_the_end_of_the_last(driver, tmp_path):
    done = []

    def submit(name, end):
        driver.session.submit(
            "echo",
            {"text": name},
            tmp_path,
            on_progress=lambda *_: None,
            on_result=end,
            on_error=lambda *error: done.append(error),
            on_cancelled=None,
        )

    submit("first", lambda result: (done.append(result["text"]), submit("second", lambda r: done.append(r["text"]))))
    driver.wait(lambda: len(done) == 2)
    assert done == ["first", "second"]


def test_umlauts_newlines_and_paths_of_200_characters_travel_unharmed(driver, tmp_path):
    folder = tmp_path / ("Wirbelsäule ohne Äußeres " * 6) / ("ß" * 40)
    folder.mkdir(parents=True)
    assert len(str(folder)) > 200
    text = 'Zeile 1\nZeile 2\r\n"Ü" \u2028 \\ 脊椎'
    driver.submit("echo", folder=folder, text=text)
    assert driver.finish() == ("result", {"file": "result.txt", "text": text})
    assert (folder / "result.txt").read_text(encoding="utf-8").startswith("Zeile 1")


def test_what_jobs_and_their_programs_print_does_not_corrupt_the_protocol(driver):
    assert driver.run("noisy") == ("result", {"honest": True})
    assert driver.run("count", steps=2) == ("result", {"steps": 2})
    assert driver.log == []


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("SpineError", "The volume T1 is empty: choose another one."),
        ("MemoryError", "The job ran out of memory: close other applications"),
        ("torch", "The job ran out of memory: close other applications"),
        ("disk", "ran out of disk space: free some space"),
        ("permission", "may not read or write one of its files: check the permissions"),
        ("module", "needs the Python package torch, which is missing: run the set-up"),
        ("value", "failed unexpectedly (ValueError): the log holds the details."),
        ("exit", "failed unexpectedly (SystemExit)"),
    ],
)
def test_each_failure_has_its_sentence_without_patient_data_and_the_worker_lives_on(driver, kind, words):
    path = "/data/Müller_Erika_1950/T1.nrrd"
    end, message, details = driver.run("fail", kind=kind, path=path)
    assert end == "error" and words in message
    assert "Müller" not in message + details
    assert ("Traceback" in details) == (kind != "SpineError")
    assert driver.run("count", steps=1) == ("result", {"steps": 1})
    assert len(driver.transports) == 1
    assert driver.files_left() == []


def test_a_result_that_cannot_be_sent_is_an_error_and_not_silence(driver):
    end, message, _ = driver.run("no_json")
    assert end == "error" and "TypeError" in message


def test_a_job_folder_that_is_gone_gives_one_sentence(driver, tmp_path):
    driver.submit("count", folder=tmp_path / "gone")
    assert driver.finish()[:2] == ("error", "The folder for the job's files is missing: try again.")


def _talk(command, lines, **options):
    data = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    done = subprocess.run(command, input=data, capture_output=True, timeout=30, **options)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_the_real_worker_says_ready_and_quits_when_told():
    code, events, errors = _talk(worker_command(), [{"quit": True}])
    assert code == 0 and errors == ""
    assert [event["event"] for event in events] == ["ready"]


def test_the_worker_finds_the_panels_spinelib_even_when_another_one_comes_first(tmp_path):
    (tmp_path / "SpineLib").mkdir()
    (tmp_path / "SpineLib" / "__init__.py").write_text("__version__ = 'another'\n")
    import os

    import SpineLib

    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    _, events, _ = _talk(worker_command(), [{"quit": True}], cwd=tmp_path, env=environment)
    assert events[0]["version"] == SpineLib.__version__


def test_the_worker_also_starts_as_a_module():
    root = Path(__file__).resolve().parents[2]
    code, events, _ = _talk([sys.executable, "-m", "SpineLib.worker"], [{"quit": True}], cwd=root)
    assert code == 0 and events[0]["event"] == "ready"


def test_commands_that_make_no_sense_are_left_aside():
    nonsense = [b"\xff\xfe\x00 garbage\n", b"[1, 2]\n", b"{}\n", {"job": 5}, {"cancel": 99}, b"[" * 5000 + b"\n"]
    code, events, errors = _talk(worker_command(), [*nonsense, {"quit": True}])
    assert code == 0 and len(events) == 1
    assert errors.count("unknown command") == 1


def test_the_traceback_on_standard_error_holds_no_path_of_the_job(tmp_path):
    script = Path(__file__).with_name("worker_with_test_jobs.py")
    process = subprocess.Popen(
        [sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    parameters = {"kind": "value", "path": "/data/Müller_Erika_1950/T1.nrrd"}
    request = {"id": 1, "job": "fail", "parameters": parameters, "folder": str(tmp_path)}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    while b'"error"' not in process.stdout.readline():
        pass
    errors = process.communicate(b'{"quit": true}\n', timeout=10)[1].decode()
    assert "ValueError: cannot read <path>" in errors and "Müller" not in errors


def test_an_unknown_job_of_the_real_worker_is_an_error_of_one_sentence(tmp_path):
    process = subprocess.Popen(worker_command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    request = {"id": 7, "job": "no such job", "parameters": {}, "folder": str(tmp_path)}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    events = [json.loads(process.stdout.readline())]
    while events[-1]["event"] in ("ready", "progress"):
        events.append(json.loads(process.stdout.readline()))
    process.stdin.close()
    process.wait(10)
    process.stdout.close()
    assert events[-1]["event"] == "error" and events[-1]["id"] == 7
    assert "no such job" in events[-1]["message"]
